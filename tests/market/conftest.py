"""Markets to ask: real servers on free ports, one simulated and one of recorded candles, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ccxt
import pytest

from tests.market.recordings import RECORDED_FROM, RECORDED_HOURS, recording, write_recording
from tests.market.server import Client, Server, started, stopped


@pytest.fixture(scope="session")
def _simulated() -> Iterator[Server]:
    server = started("--market", "simulated", "--seed", "7", "--symbols", "QQQ-USDT,BTC-USD")
    yield server
    stopped(server)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("recordings")
    write_recording(directory / "BTC-USDT.parquet", recording(RECORDED_FROM, RECORDED_HOURS))
    write_recording(directory / "ETH-USDT_hourly.parquet", recording(RECORDED_FROM, RECORDED_HOURS, price=2500, seed=2))
    (directory / "README.md").write_text("not candles")
    return directory


@pytest.fixture(scope="session")
def _recorded(recordings: Path) -> Iterator[Server]:
    server = started("--market", str(recordings))
    yield server
    stopped(server)


@pytest.fixture
def market(_simulated: Server) -> Server:
    """The simulated market of seed 7."""
    _simulated.reset()
    return _simulated


@pytest.fixture
def recorded(_recorded: Server) -> Server:
    """The market of the `recordings`."""
    _recorded.reset()
    return _recorded


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes ccxt's own class of an exchange, with nothing changed but where it finds it."""
    made: list[Any] = []

    def make(server: Server, name: str, clock: str | None = None, **config: object) -> Any:
        exchange = getattr(ccxt, name)({"enableRateLimit": False, "timeout": 5000, **config})
        exchange.urls["api"] = {
            part: f"{server.url}/{name}{urlsplit(url).path}"
            for part, url in exchange.urls["api"].items()
            if isinstance(url, str)
        }
        if clock is not None:
            exchange.headers = {"Market-Clock": clock}
        made.append(exchange)
        return exchange

    yield make
    for exchange in made:
        exchange.session.close()
