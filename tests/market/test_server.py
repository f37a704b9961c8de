"""The market as a process: quick to begin and to end, small, and plain about a port it cannot have."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.market.server import Server, started, stopped


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quickly_and_quietly(sent: signal.Signals) -> None:
    server = started()
    server.get("/_market/health").raise_for_status()
    begun = time.monotonic()
    server.process.send_signal(sent)
    assert server.process.wait(10) == 0
    assert time.monotonic() - begun < 3
    assert server.process.stdout is not None
    assert server.process.stdout.read() == ""
    server.process.stdout.close()
    server.http.close()


def test_a_request_that_is_kept_waiting_does_not_keep_it_from_ending() -> None:
    server = started()
    server.faults({"kind": "timeout", "seconds": 60, "on": "any"})
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as waiting:
        waiting.sendall(b"GET /binance/api/v3/ping HTTP/1.1\r\nHost: market\r\n\r\n")
        while not server.get("/_market/requests").json()["requests"]:
            time.sleep(0.01)
        begun = time.monotonic()
        stopped(server)
    assert time.monotonic() - begun < 5


def test_a_busy_port_is_named_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "localstack.market", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--symbols", "btcusdt"], ["--port", "x"], ["--seed", "x"]])
def test_a_wrong_argument_is_refused_with_code_2(arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "localstack.market", "--port", "0", *arguments],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
def test_it_stays_small_after_serving_every_symbol_in_three_years(market: Server) -> None:
    symbols = market.get("/_market/health").json()["symbols"]
    for symbol in symbols:
        for year in (2023, 2024, 2025):
            query = {"symbol": symbol.replace("-", ""), "interval": "1h", "limit": 1000}
            market.get("/binance/api/v3/klines", f"{year}-12-31T00:00:00Z", **query).raise_for_status()
    status = Path(f"/proc/{market.process.pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 120 * 1024


def test_pandas_and_pyarrow_stay_out_of_the_server() -> None:
    code = (
        "import sys; import localstack.market.__main__; "
        "print([name for name in ('pandas', 'pyarrow', 'ccxt') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout.strip() == "[]"
