"""A market running as a process of its own, and how tests talk to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

Client = Callable[..., Any]  # makes a ccxt exchange; ccxt ships no types


@dataclass(frozen=True)
class Server:
    """A running market."""

    url: str
    process: subprocess.Popen[str]
    http: httpx.Client

    def get(self, path: str, clock: str | None = None, **query: object) -> httpx.Response:
        headers = {} if clock is None else {"Market-Clock": clock}
        return self.http.get(path, params={name: str(value) for name, value in query.items()}, headers=headers)

    def put(self, path: str, body: object) -> httpx.Response:
        return self.http.put(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(path)

    def faults(self, *faults: dict[str, object]) -> None:
        self.put("/_market/faults", {"faults": list(faults)}).raise_for_status()

    def truth(self, symbol: str, start: str, end: str, clock: str | None = None) -> list[list[float]]:
        answer = self.get("/_market/truth", clock, symbol=symbol, start=start, end=end)
        candles: list[list[float]] = answer.raise_for_status().json()["candles"]
        return candles

    def reset(self) -> None:
        for path in ("faults", "clock", "requests"):
            self.delete(f"/_market/{path}").raise_for_status()
        self.delete("/_market/regime")  # recorded candles have none


def started(*arguments: str) -> Server:
    process = subprocess.Popen(
        [sys.executable, "-m", "localstack.market", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    url = line.split(" at ")[1].split(" ")[0]
    return Server(url, process, httpx.Client(base_url=url, timeout=10))


def stopped(server: Server) -> None:
    server.http.close()
    server.process.terminate()
    server.process.wait(10)
    assert server.process.stdout is not None
    server.process.stdout.close()
