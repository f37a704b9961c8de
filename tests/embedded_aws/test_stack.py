"""`make up` and `make down`: what they start, leave alone, keep and say."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from localstack import emulator_environment, processes, stack
from localstack.processes import Part, StackFailed
from tests.embedded_aws.emulator import ROOT, Emulator, free_port


@dataclass
class Place:
    """A settings file of the test's own, with free ports and a state folder."""

    settings: Path
    state: Path
    aws_port: int
    market_port: int

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "localstack.stack", *arguments],
            cwd=ROOT, env=os.environ | {"CANDLECAST_SETTINGS": str(self.settings), "COLUMNS": "200"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def running(self, name: str) -> processes.Running:
        found = processes.find(self.state, name)
        assert found is not None
        return found


@pytest.fixture
def place(tmp_path: Path, emulator_venv: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.delenv("CANDLECAST_ENV", raising=False)
    state, aws, market = tmp_path / "state", free_port(), free_port()
    state.mkdir()
    (state / "emulator-venv").symlink_to(emulator_venv)
    document = yaml.safe_load((ROOT / "settings.yaml").read_text())
    local = document["environments"]["local"]
    local |= {"endpoint": f"http://127.0.0.1:{aws}", "state": str(state)}
    local["exchange"]["endpoints"] = {"binance": f"http://127.0.0.1:{market}/binance"}
    settings = tmp_path / "settings.yaml"
    settings.write_text(written := yaml.safe_dump(document))
    yield Place(settings, state, aws, market)
    settings.write_text(written)
    stack.down(settings)


def test_up_starts_both_says_where_and_finds_them_the_second_time(place: Place) -> None:
    first = place.command("up")
    assert first.returncode == 0, first.stderr
    assert f"http://127.0.0.1:{place.aws_port}" in first.stdout
    assert f"http://127.0.0.1:{place.market_port}" in first.stdout
    assert "AWS_ENDPOINT_URL=" in first.stdout
    aws, market = place.running(stack.AWS), place.running(stack.MARKET)
    second = place.command("up")
    assert second.returncode == 0
    assert second.stdout.count("is running already") == 2
    assert (place.running(stack.AWS), place.running(stack.MARKET)) == (aws, market)
    told = place.command("status")
    assert told.stdout.count("running") == 2
    megabytes = [int(number) for number in re.findall(r"(\d+) MiB", told.stdout)]
    assert sum(megabytes) < 400


def test_each_survives_the_other_and_what_they_hold_survives_down_and_up(place: Place) -> None:
    stack.up(place.settings)
    emulator = Emulator(place.state, port=place.aws_port)
    bucket = emulator.bucket()
    emulator.client("s3").put_object(Bucket=bucket, Key="k", Body=b"kept")
    aws, market = place.running(stack.AWS), place.running(stack.MARKET)
    os.kill(market.pid, signal.SIGKILL)
    stack.up(place.settings)
    assert place.running(stack.AWS) == aws
    assert place.running(stack.MARKET).pid != market.pid
    assert place.command("down").returncode == 0
    assert processes.find(place.state, stack.AWS) is None
    stack.up(place.settings)
    assert emulator.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_another_market_replaces_only_the_market(place: Place, tmp_path: Path) -> None:
    stack.up(place.settings)
    aws = place.running(stack.AWS)
    stack.up(place.settings, market="live")
    assert processes.find(place.state, stack.MARKET) is None
    assert place.running(stack.AWS) == aws


@pytest.mark.parametrize("key", ["endpoint", "exchange.endpoints"])
def test_a_port_that_others_use_is_named_with_its_settings_key(place: Place, key: str) -> None:
    port = place.aws_port if key == "endpoint" else place.market_port
    with socket.create_server(("127.0.0.1", port)):
        done = place.command("up")
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert key in done.stderr
    assert "Traceback" not in done.stderr


def test_down_leaves_a_process_alone_that_only_has_the_same_number(place: Place) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (place.state / "run").mkdir()
        described = {"name": stack.AWS, "pid": stranger.pid, "began": "another time"}
        known = place.state / "run/embedded-AWS.json"
        known.write_text(json.dumps(described | {"url": "", "note": "", "command": []}))
        done = place.command("down")
        assert "The embedded AWS was not running." in done.stdout
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_part_that_does_not_start_says_why(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    command = (sys.executable, "-c", "raise SystemExit('the reason it gives')")
    with pytest.raises(StackFailed, match="the reason it gives"):
        processes.start(Part("part", url, url, "key", command), tmp_path, tmp_path, os.environ, seconds=10)
    assert processes.find(tmp_path, "part") is None


def test_a_part_that_ignores_the_request_to_end_is_ended_by_force(tmp_path: Path) -> None:
    program = (
        "import signal, sys, http.server as h; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()"
    )
    port = free_port()
    url, began = f"http://127.0.0.1:{port}", time.monotonic()
    part = Part("stubborn", url, url, "key", (sys.executable, "-c", program, str(port)))
    processes.start(part, tmp_path, tmp_path, os.environ, seconds=20)
    assert processes.stop(tmp_path, "stubborn", seconds=0.5)
    assert time.monotonic() - began < 30
    assert processes.find(tmp_path, "stubborn") is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"endpoint": "https://aws.example.com:4566"}, "endpoint in settings.yaml must be http://127.0.0.1:<port>"),
        ({"endpoint": None}, "it is AWS"),
        ({"endpont": "x"}, "endpont: unknown key"),
    ],
    ids=["far away", "AWS", "misspelt"],
)
def test_settings_that_are_not_local_are_refused(place: Place, change: dict[str, str], problem: str) -> None:
    document = yaml.safe_load(place.settings.read_text())
    document["environments"]["local"] |= change
    place.settings.write_text(yaml.safe_dump(document))
    done = place.command("up")
    assert done.returncode == 1
    assert problem in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_an_unknown_folder_of_candles_is_refused(place: Place) -> None:
    done = place.command("up", "--market", "/no/such/folder")
    assert done.returncode == 1
    assert "'/no/such/folder' is no folder" in " ".join(done.stderr.split())


def test_reset_deletes_the_data_but_not_the_packages(place: Place) -> None:
    stack.up(place.settings, market="live")
    assert (place.state / "aws").is_dir()
    assert place.command("reset", "--yes").returncode == 0
    assert not (place.state / "aws").exists()
    assert emulator_environment.is_ready(place.state)
