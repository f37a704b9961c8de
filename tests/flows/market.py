"""`python -m tests.flows.market PORT [FOLDER]`: the market of all flows, as one process.

Symbols of the flows are simulated, for regimes are commanded there; those of RECORDED show a stretch of a recorded
market under names of their own, so that every family of faults has its series to itself. Without the folder of
recordings these are simulated, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from localstack.market.app import application
from localstack.market.candles import Candles
from localstack.market.exchange import Exchange
from localstack.market.recorded import Recorded
from localstack.market.simulated import Simulated
from localstack.processes import healthy
from tests.flows.scene import RECORDED, ROOT, SYMBOLS
from tests.market.server import Server

FOLDER = Path(os.environ.get("CANDLECAST_MARKET", ROOT.parent / "shared" / "market"))


def recordings() -> Path | None:
    """The folder of recorded candles, where it holds all that the flows want."""
    return FOLDER if all((FOLDER / f"{source}.parquet").exists() for source in RECORDED.values()) else None


class Mixed(Simulated):
    """A simulated market, in which some symbols are recorded ones."""

    def __init__(self, recorded: Recorded | None) -> None:
        super().__init__(seed=1, symbols=(*SYMBOLS, *RECORDED))
        self._recorded = recorded

    def decimals(self, symbol: str) -> int:
        if self._recorded and symbol in RECORDED:
            return self._recorded.decimals(RECORDED[symbol])
        return super().decimals(symbol)

    def bounds(self, symbol: str) -> tuple[int, int]:
        if self._recorded and symbol in RECORDED:
            return self._recorded.bounds(RECORDED[symbol])
        return super().bounds(symbol)

    def select(self, symbol: str, start: int, end: int, limit: int, *, newest: bool) -> Candles:
        if self._recorded and symbol in RECORDED:
            return self._recorded.select(RECORDED[symbol], start, end, limit, newest=newest)
        return super().select(symbol, start, end, limit, newest=newest)


@contextmanager
def served(port: int) -> Iterator[Server]:
    """The market at this port, as a process that ends with the block."""
    folder = recordings()
    command = [sys.executable, "-m", "tests.flows.market", str(port), *([str(folder)] if folder else [])]
    process = subprocess.Popen(command, cwd=ROOT, text=True)
    url = f"http://127.0.0.1:{port}"
    try:
        assert healthy(f"{url}/_market/health", 60), "the market did not start"
        with httpx.Client(base_url=url, timeout=30) as http:
            yield Server(url, process, http)
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    recorded = Recorded(Path(sys.argv[2])) if len(sys.argv) > 2 else None
    market = application(Exchange(Mixed(recorded)))
    uvicorn.run(market, port=int(sys.argv[1]), log_level="critical", lifespan="off", ws="none", timeout_keep_alive=75)


if __name__ == "__main__":
    main()
