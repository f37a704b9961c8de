"""Exchanges that do not answer, or refuse: what can be asked again is, what cannot comes from the next exchange."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from candlecast import hours
from candlecast.hours import HOUR
from localstack.demo.deployed import Deployed, StageFailed
from tests.flows import workers
from tests.flows.replay import Books, Replay
from tests.flows.waiting import eventually
from tests.market.server import Server

pytestmark = pytest.mark.timeout(900)
Audit = Callable[[Replay, datetime], Books]


@pytest.fixture(scope="module")
def series(stack: Deployed, market: Server) -> Iterator[Replay]:
    """ETH in 2021; 25 days of history are there."""
    replay = Replay(stack, market, "NET-USDT", datetime(2021, 4, 20, tzinfo=UTC))
    replay.backfill(600)
    yield replay
    market.reset()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "timeout", "seconds": 2, "next": 1},
        {"kind": "reset", "next": 2},
        {"kind": "status", "status": 429, "next": 2},
        {"kind": "status", "status": 500, "next": 2},
        {"kind": "status", "status": 503, "next": 1},
        {"kind": "garbled", "next": 2},
    ],
    ids=["timeout", "connection reset", "429", "500", "503", "no JSON"],
)
def test_a_fault_that_passes_costs_no_candle(series: Replay, audit: Audit, fault: dict[str, object]) -> None:
    begin = series.cursor
    with series.fault(fault):
        outcome = series.hour(ahead=47)
    assert (outcome["stored"], outcome["missing"]) == (47, 0)
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "timeout", "seconds": 2},
        {"kind": "reset"},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 451},
        {"kind": "vanished"},
    ],
    ids=["timeouts", "connection resets", "429 for good", "451", "a symbol that vanishes"],
)
def test_what_one_exchange_does_not_serve_the_next_one_does(
    series: Replay, audit: Audit, fault: dict[str, object]
) -> None:
    begin = series.cursor
    with series.fault({**fault, "dialects": ["binance"]}):
        outcome = series.hour(ahead=24)
    assert outcome["taken"] == {"coinbase": 24}
    assert series.hour()["source"] == "binance"
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_an_exchange_that_asks_for_ten_minutes_gets_them(stack: Deployed, series: Replay, audit: Audit) -> None:
    begin = series.cursor
    with series.fault({"kind": "status", "status": 429, "retry_after": 600, "dialects": ["binance"]}):
        assert series.hour()["taken"] == {"coinbase": 1}
    assert series.hour()["taken"] == {"coinbase": 1}, "it rests"
    assert workers.kill(stack, "ingest")
    workers.revive(stack, "ingest")
    assert series.hour()["taken"] == {"binance": 1}, "a new container has not heard of it"
    assert audit(series, begin).clean


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(series: Replay, audit: Audit, form: str) -> None:
    begin, started = series.cursor, time.monotonic()
    with series.fault({"kind": "status", "status": 429, "retry_after": 2, "retry_after_form": form, "next": 1}):
        outcome = series.hour()
    assert time.monotonic() - started >= (2 if form == "seconds" else 1)  # a date names whole seconds
    assert (outcome["source"], outcome["missing"]) == ("binance", 0)
    assert audit(series, begin).clean


def test_a_symbol_that_vanishes_everywhere_is_an_error_and_comes_back_whole(series: Replay, audit: Audit) -> None:
    begin = series.cursor
    with series.fault({"kind": "vanished"}):
        for _ in range(2):
            with pytest.raises(StageFailed, match="ExchangeRefused"):
                series.hour()
    away = series.books(begin, series.cursor)
    assert away.clean, "what is not there is recorded as a gap"
    assert away.gaps == 2
    assert series.hour()["stored"] == 3
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def test_an_hour_of_500s_everywhere_is_forecast_by_the_baseline_and_fetched_by_the_next_run(
    stack: Deployed, series: Replay, audit: Audit
) -> None:
    begin, configured = series.cursor, stack.settings
    shard = configured.symbols.index(series.symbol) // configured.shard_size
    series.cursor = begin + HOUR
    series.clock(begin + timedelta(hours=1, minutes=1))
    with series.fault({"kind": "status", "status": 500}):
        series.send({"time": hours.text(begin + timedelta(hours=1, minutes=1)), "shard": shard})
        stack.await_forecast(series.symbol, series.cursor)
        eventually(lambda: take_dead_letter(stack, series.symbol), bool, timeout=60)
    forecast = stack.forecasts.get(series.symbol, series.cursor)
    assert forecast is not None
    assert (forecast.model_version, forecast.origin) == ("baseline", series.cursor - HOUR)
    assert forecast.note == "the newest candle is missing: this goes 2 hours from the close before it"
    assert series.books(begin, series.cursor).gaps == 1

    assert series.hour()["stored"] == 2
    stack.await_forecast(series.symbol, series.cursor)
    books = audit(series, begin)
    assert books.clean
    assert books.gaps == 0


def take_dead_letter(stack: Deployed, symbol: str) -> bool:
    """Whether there was a dead letter of ingest about this symbol; other flows' stay."""
    sqs = stack.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"{stack.settings.name('ingest')}-dead-letters")["QueueUrl"]
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages", [])
    for letter in received:
        if symbol in letter["Body"]:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])
            return True
    return False
