from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from candlecast import exchange_clients, exchange_traffic, hours
from tests.adapters.exchanges import NOW, Clock
from tests.cloud import cloud, lake, make_forecast, registry, s3, table
from tests.market.recordings import RECORDED_FROM, recording, write_recording
from tests.market.server import Server, started, stopped

__all__ = ["cloud", "lake", "make_forecast", "registry", "s3", "table"]


@pytest.fixture(scope="session")
def _simulated() -> Iterator[Server]:
    server = started("--market", "simulated", "--seed", "7", "--symbols", "BTC-USD")
    yield server
    stopped(server)


@pytest.fixture
def market(_simulated: Server, clock: Clock) -> Iterator[Server]:
    """A simulated market at half past noon, and a process that has not asked it anything yet."""
    _simulated.reset()
    _simulated.put("/_market/clock", {"now": hours.text(NOW)}).raise_for_status()
    yield from _as_a_new_container(_simulated)


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("recordings")
    whole = recording(RECORDED_FROM, 2160)
    write_recording(directory / "BTC-USDT.parquet", _without(whole, range(1900, 1910)))
    write_recording(directory / "NEW-USDT.parquet", _without(whole, range(1700)))
    server = started("--market", str(directory))
    yield server
    stopped(server)


@pytest.fixture
def recorded(_recorded: Server, clock: Clock) -> Iterator[Server]:
    """2160 recorded hours, half an hour after the last: BTC-USDT with a hole, NEW-USDT listed after 1700 of them."""
    _recorded.reset()
    _recorded.put("/_market/clock", {"now": hours.text(RECORDED_FROM + 2160.5 * hours.HOUR)}).raise_for_status()
    yield from _as_a_new_container(_recorded)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the adapter takes for time."""
    clock = Clock()
    monkeypatch.setattr("candlecast.exchange.sleep", clock.pause)
    monkeypatch.setattr("candlecast.exchange_traffic.sleep", clock.turn)
    monkeypatch.setattr("candlecast.exchange_traffic.monotonic", clock.monotonic)
    return clock


def _as_a_new_container(server: Server) -> Iterator[Server]:
    exchange_traffic.forget()
    yield server
    exchange_clients.forget()
    exchange_traffic.forget()


def _without(columns: dict[str, Any], rows: range) -> dict[str, Any]:
    kept = [row for row in range(len(columns["open"])) if row not in rows]
    return {name: column.take(kept) for name, column in columns.items()}
