"""Candles that cannot be true, or not yet: quarantined, fetched elsewhere, corrected; and wild ones that are true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from candlecast.hours import HOUR
from localstack.demo.deployed import Deployed
from tests.flows.replay import Books, Replay
from tests.market.server import Server

pytestmark = pytest.mark.timeout(900)
Audit = Callable[[Replay, datetime], Books]
WRONG = [
    pytest.param("negative", "positive", id="negative prices"),
    pytest.param("nan", "finite", id="NaN"),
    pytest.param("wick", "wick", id="a 100x wick"),
    pytest.param("conflicting", "conflicting", id="two candles of one hour"),
]


@pytest.fixture(scope="module")
def series(stack: Deployed, market: Server) -> Iterator[Replay]:
    """SOL to the fall of FTX; 25 days of history are there."""
    replay = Replay(stack, market, "VALUE-USDT", datetime(2022, 10, 12, tzinfo=UTC))
    replay.backfill(600)
    yield replay
    market.reset()


@pytest.mark.parametrize(("kind", "reason"), WRONG)
def test_a_wrong_candle_is_quarantined_and_the_next_exchanges_taken(
    series: Replay, audit: Audit, kind: str, reason: str
) -> None:
    begin = series.cursor
    with series.fault({"kind": kind, "rows": 3, "dialects": ["binance"]}):
        outcome = series.hour(ahead=30)
    assert outcome["taken"] == {"binance": 27, "coinbase": 3}
    kept = series.lake.read("quarantine", series.symbol, begin, series.cursor)
    assert set(kept["open_time"]) == {series.cursor - back * HOUR for back in (1, 2, 3)}
    assert kept["reason"].str.contains(reason).all()
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


@pytest.mark.parametrize("kind", ["negative", "nan", "conflicting"])
def test_where_all_exchanges_are_wrong_there_is_a_gap_until_one_is_right(
    series: Replay, audit: Audit, kind: str
) -> None:
    begin = series.cursor
    with series.fault({"kind": kind, "rows": 2}):
        outcome = series.hour(ahead=12)
    away = series.books(begin, series.cursor)
    assert away.clean
    assert away.gaps == outcome["missing"] == 2
    assert series.hour()["stored"] == 3
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_a_candle_that_its_exchange_corrects_is_a_new_version_and_the_old_one_is_kept(
    series: Replay, audit: Audit
) -> None:
    begin = series.cursor
    with series.fault({"kind": "provisional", "rows": 2}):
        series.hour(ahead=6)
    assert series.books(begin, series.cursor).wrong == 2
    assert series.hour()["corrected"] == 2
    superseded = series.lake.read("revisions", series.symbol, begin, series.cursor)
    assert len(superseded) == 2
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_the_wildest_hours_that_really_happened_are_believed(series: Replay, audit: Audit) -> None:
    begin = series.cursor
    outcome = series.backfill(24 * 21)
    assert (outcome["missing"], outcome["quarantined"]) == (0, 0)
    for _ in range(3):
        series.hour(ahead=16)
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0
