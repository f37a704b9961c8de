"""The function as Lambda calls it: symbols beside each other, metrics in the embedded format, errors at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from candlecast import hours
from candlecast.errors import BadEvent, ExchangeRefused, ExchangeUnavailable, NotDelivered, Retry, Stop
from candlecast.exchange import Fetched
from candlecast.hours import HOUR
from lambdas.ingest import handler as function
from lambdas.ingest.own_function import OwnFunction
from tests.cloud import Cloud
from tests.functions.ingest.world import World, some_hour

NOON = some_hour(50, 12)
TIME = hours.text(NOON + HOUR / 60)
CONTEXT: Any = SimpleNamespace(
    function_name="candlecast-test-ingest",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:candlecast-test-ingest",
    aws_request_id="5e0f2b6c",
)
Invoke = Callable[[Any], Any]


@pytest.fixture
def symbols() -> dict[str, Exception | None]:
    """The configured symbols, and what the exchange does when it is asked for them."""
    return {"BTC-USDT": None, "ETH-USDT": None, "SOL-USDT": None}


class Queue:
    """Lambda, as far as the function needs it to call itself."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 202

    def invoke(self, **request: Any) -> dict[str, int]:
        assert (request["FunctionName"], request["InvocationType"]) == (CONTEXT.function_name, "Event")
        self.taken.append(json.loads(request["Payload"]))
        return {"StatusCode": self.status}


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def invoke(world: World, symbols: dict[str, Exception | None], queue: Any, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    def fetch(exchange: Any, symbol: str, *rest: Any) -> Fetched:
        fault = symbols[symbol]
        if fault:
            raise fault
        return world.market.fetch(exchange, symbol, *rest)

    world.market.clock = some_hour(99)
    configured = world.settings.model_copy(update={"symbols": tuple(symbols), "shard_size": 2})
    platform = replace(world.platform, settings=configured, fetch=fetch)
    monkeypatch.setattr(function, "platform", lambda: platform)
    monkeypatch.setattr(function, "own_function", lambda name: OwnFunction(queue, name))
    return lambda event: function.handler(event, CONTEXT)


def test_every_symbol_of_the_shard_is_answered_for(invoke: Invoke) -> None:
    answer = invoke({"time": TIME, "shard": 0})

    assert list(answer["symbols"]) == ["BTC-USDT", "ETH-USDT"]
    assert answer["symbols"]["ETH-USDT"] == {
        "stored": 561,
        "corrected": 0,
        "newest": hours.text(NOON - HOUR),
        "quarantined": 0,
        "missing": 0,
        "gap_hours": 0,
        "source": "binance",
        "taken": {"binance": 561},
        "requests": 1,
        "seconds": 0.25,
    }
    json.dumps(answer)


def test_metrics_have_exactly_the_dimensions_that_alarms_name(
    invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke({"time": TIME, "symbols": ["BTC-USDT"]})

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    metrics, by_source = sorted(printed, key=lambda metrics: "source" in metrics)
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "candlecast"
    assert directive["Dimensions"] == [["environment", "symbol"]]
    assert (metrics["environment"], metrics["symbol"]) == ("local", "BTC-USDT")
    assert (by_source["source"], by_source["SourceUsed"]) == ("binance", [561.0])
    assert (metrics["CandlesWritten"], metrics["CandlesQuarantined"]) == ([561.0], [0.0])
    assert metrics["FreshnessSeconds"] == [60.0], "the newest candle closed a minute before the event"


def test_a_failing_symbol_of_a_shard_gets_a_run_of_its_own_and_harms_no_other(
    invoke: Invoke, world: World, queue: Queue, symbols: dict[str, Exception | None]
) -> None:
    symbols["BTC-USDT"] = ExchangeUnavailable("no answer")

    answer = invoke({"time": TIME, "shard": 0})

    assert (list(answer["symbols"]), answer["retried"]) == (["ETH-USDT"], ["BTC-USDT"])
    assert queue.taken == [{"time": TIME, "symbols": ["BTC-USDT"], "retry": True}]
    assert [json.loads(entry["Detail"])["symbol"] for entry in world.events] == ["ETH-USDT"]


def test_that_run_catches_up_once_the_exchange_answers(
    invoke: Invoke, world: World, queue: Queue, symbols: dict[str, Exception | None]
) -> None:
    symbols["BTC-USDT"] = ExchangeUnavailable("no answer")
    invoke({"time": TIME, "shard": 0})
    symbols["BTC-USDT"] = None

    assert invoke(queue.taken.pop())["symbols"]["BTC-USDT"]["newest"] == hours.text(NOON - HOUR)

    assert queue.taken == []
    world.assert_true_up_to(NOON - HOUR)


def test_where_it_fails_again_predict_is_told_that_there_is_no_candle_and_the_call_fails(
    invoke: Invoke, world: World, queue: Queue, symbols: dict[str, Exception | None]
) -> None:
    symbols["BTC-USDT"] = ExchangeUnavailable("no answer")

    with pytest.raises(ExchangeUnavailable):
        invoke({"time": TIME, "symbols": ["BTC-USDT"], "retry": True})

    assert queue.taken == [], "Lambda's own retries go on from here, and end in the dead letters"
    (told,) = [json.loads(entry["Detail"]) for entry in world.events]
    assert (told["hour"], told["hours_stored"], told["source"]) == (hours.text(NOON - HOUR), 0, None)


def test_a_run_that_cannot_hand_over_its_failing_symbol_fails_itself(
    invoke: Invoke, queue: Queue, symbols: dict[str, Exception | None]
) -> None:
    symbols["BTC-USDT"], queue.status = ExchangeUnavailable("no answer"), 500

    with pytest.raises(NotDelivered, match="did not take"):
        invoke({"time": TIME})


def test_without_a_schedule_the_call_fails_at_its_end(
    invoke: Invoke, world: World, queue: Queue, symbols: dict[str, Exception | None]
) -> None:
    symbols["BTC-USDT"] = ExchangeUnavailable("no answer")

    with pytest.raises(Retry, match=r"1 of 3 symbols failed: BTC-USDT: ExchangeUnavailable: .*no answer"):
        invoke({"time": TIME, "symbols": list(symbols)})

    assert (len(world.events), queue.taken) == (2, [])


def test_where_asking_again_cannot_help_the_error_says_so(invoke: Invoke, symbols: dict[str, Exception | None]) -> None:
    symbols |= {"BTC-USDT": ExchangeRefused("451"), "ETH-USDT": ExchangeRefused("451")}

    with pytest.raises(Stop, match="2 of 3"):
        invoke({"time": TIME, "symbols": list(symbols)})


def test_the_only_symbols_error_keeps_its_class(invoke: Invoke, symbols: dict[str, Exception | None]) -> None:
    symbols["BTC-USDT"] = ExchangeRefused("451")

    with pytest.raises(ExchangeRefused):
        invoke({"time": TIME, "symbols": ["BTC-USDT"]})


def test_an_unexpected_fault_is_not_swallowed(invoke: Invoke, symbols: dict[str, Exception | None]) -> None:
    symbols["BTC-USDT"] = ZeroDivisionError("a bug")

    with pytest.raises(Retry, match="ZeroDivisionError: a bug"):
        invoke({"time": TIME, "symbols": list(symbols)})


def test_a_malformed_event_touches_nothing(invoke: Invoke, world: World) -> None:
    with pytest.raises(BadEvent):
        invoke({"time": TIME, "symbols": ["BTC-USDT", "NO-SUCH"]})

    assert world.etags() == {}
    assert world.market.requests == []


@pytest.mark.parametrize("event", [None, [], "hello", {}])
def test_what_is_no_request_at_all_is_refused_as_such(invoke: Invoke, event: Any) -> None:
    with pytest.raises(BadEvent, match="ingest takes time"):
        invoke(event)


def test_everything_is_wired_from_the_environment(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    monkeypatch.setenv("CANDLECAST_BUCKET", "bucket")
    monkeypatch.setenv("CANDLECAST_BUS", "bus")
    function.platform.cache_clear()

    assert function.platform().settings.environment == "local"
    assert function.own_function("name").name == "name"

    function.platform.cache_clear()
    function.own_function.cache_clear()
