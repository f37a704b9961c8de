"""The daily check: a verdict with its report, and one retraining a day where the rule says so."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from candlecast import hours
from candlecast.errors import BadEvent, Retry, Stop
from lambdas.drift import evidently_report, handler
from lambdas.drift.check import check
from tests.functions.drift.scene import NOW, SYMBOL, Context, World, forecasts

DAY = f"reports/drift/symbol={SYMBOL}/date=2024-03-20"
WILD = 0.006
"""Errors over the absolute threshold of 0.0045."""


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the handler as Lambda does."""
    monkeypatch.setattr(handler, "platform", lambda: world.platform)
    return lambda event: handler.handler(event, Context())


def test_a_quiet_window_makes_a_report_and_starts_nothing(world: World) -> None:
    world.store_forecasts(forecasts())

    metrics = check(SYMBOL, NOW, world.platform)

    assert (metrics["breach"], metrics["retrain"], metrics["execution"]) == (False, False, None)
    assert metrics["figures"]["settled_hours"] == 168
    assert json.loads(world.read(f"{DAY}/metrics.json")) == metrics
    assert json.loads(world.read(f"reports/drift/symbol={SYMBOL}/latest.json")) == metrics
    assert metrics["reason"].replace("'", "&#x27;") in world.read(metrics["report"])
    assert (world.executions(), world.bus.told()) == ([], [])


def test_a_breach_starts_one_retraining_named_after_symbol_and_day_and_tells_the_bus(world: World) -> None:
    world.store_forecasts(forecasts(WILD))

    metrics = check(SYMBOL, NOW, world.platform)

    assert metrics["breach"] is True
    assert world.executions() == [
        {
            "name": "drift-BTC-USDT-2024-03-20",
            "input": {"symbol": SYMBOL, "as_of": "2024-03-20T00:15:00Z", "reason": metrics["reason"]},
        }
    ]
    assert metrics["execution"].endswith(":drift-BTC-USDT-2024-03-20")
    ((kind, detail),) = world.bus.told()
    assert (kind, detail["symbol"], detail["hour"]) == ("DriftDetected", SYMBOL, "2024-03-19T23:00:00Z")
    assert detail["execution_arn"] == metrics["execution"]


def test_the_same_event_twice_is_one_retraining_and_one_answer(world: World) -> None:
    world.store_forecasts(forecasts(WILD))

    assert check(SYMBOL, NOW, world.platform) == check(SYMBOL, NOW, world.platform)

    assert len(world.executions()) == len(world.bus.told()) == 1


def test_a_check_that_died_before_it_was_noted_is_repeated_in_vain(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_forecasts(forecasts(WILD))

    def dies(*_: object) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.platform.archive), "advance", dies)
        with pytest.raises(ConnectionError):
            check(SYMBOL, NOW, world.platform)
    metrics = check(SYMBOL, NOW, world.platform)

    assert len(world.executions()) == 1
    assert metrics["execution"].endswith(":drift-BTC-USDT-2024-03-20")
    assert metrics["last_retrain"] == "2024-03-20T00:15:00Z"


def test_after_a_retraining_the_cooldown_holds_the_next_one_back(world: World) -> None:
    world.store_forecasts(forecasts(WILD))
    check(SYMBOL, NOW - timedelta(days=1), world.platform)

    metrics = check(SYMBOL, NOW, world.platform)

    assert (metrics["breach"], metrics["retrain"], metrics["execution"]) == (True, False, None)
    assert metrics["last_retrain"] == "2024-03-19T00:15:00Z"
    assert [each["name"] for each in world.executions()] == ["drift-BTC-USDT-2024-03-19"]


def test_a_replay_of_the_past_is_not_held_back_by_the_present_nor_does_it_replace_the_newest(world: World) -> None:
    world.store_forecasts(forecasts(WILD))
    newest = check(SYMBOL, NOW, world.platform)

    replayed = check(SYMBOL, NOW - timedelta(days=2), world.platform)

    assert replayed["retrain"] is True
    assert json.loads(world.read(f"reports/drift/symbol={SYMBOL}/latest.json")) == newest
    assert f"reports/drift/symbol={SYMBOL}/date=2024-03-18/metrics.json" in world.stored()


def test_too_few_settled_hours_are_a_data_fault_and_no_reason_to_retrain(world: World) -> None:
    world.store_forecasts(forecasts(WILD, settled=100))

    metrics = check(SYMBOL, NOW, world.platform)

    assert (metrics["cause"], metrics["breach"], world.executions()) == ("data fault", False, [])


def test_before_the_first_forecast_the_check_says_so(world: World) -> None:
    metrics = check(SYMBOL, NOW, world.platform)

    assert (metrics["cause"], metrics["figures"]["settled_hours"], metrics["figures"]["mae"]) == ("data fault", 0, None)
    assert "nothing is settled yet" in world.read(metrics["report"])


def test_a_check_reads_each_month_once(world: World) -> None:
    world.store_forecasts(forecasts())
    calls: list[str] = []
    world.s3.meta.events.register("before-call.s3.*", lambda model, **_: calls.append(model.name))

    check(SYMBOL, NOW, world.platform)

    assert sorted(calls) == ["GetObject"] * 2 + ["PutObject"] * 3


def test_the_figures_go_to_cloudwatch_by_environment_and_symbol(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.store_forecasts(forecasts(WILD))
    capsys.readouterr()

    check(SYMBOL, NOW, world.platform)

    (emf,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (declared,) = emf["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in declared["Metrics"]} == {
        "WindowMae",
        "RelativeMae",
        "SettledHours",
        "DriftBreach",
    }
    assert sorted(declared["Dimensions"][0]) == ["environment", "symbol"]
    assert (emf["environment"], emf["symbol"], emf["DriftBreach"]) == ("local", SYMBOL, [1.0])


def test_without_symbols_every_configured_one_is_checked(world: World, invoke: Any) -> None:
    world.store_forecasts(forecasts())
    world.store_forecasts(forecasts(WILD), "ETH-USDT")

    answer = invoke({"time": "2024-03-20T00:15:00Z"})

    assert {symbol: each["breach"] for symbol, each in answer["symbols"].items()} == {SYMBOL: False, "ETH-USDT": True}


def test_the_rules_whole_event_is_understood_too(world: World, invoke: Any) -> None:
    event = {
        "version": "0",
        "id": "8e2b",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2024-03-20T00:15:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:123456789012:rule/candlecast-test-drift"],
        "detail": {},
    }

    assert invoke(event)["symbols"][SYMBOL]["checked_at"] == "2024-03-20T00:15:00Z"


@pytest.mark.parametrize(
    ("fault", "raised"), [(ConnectionError("reset"), Retry), (BadEvent("wrong"), Stop)], ids=["passing", "lasting"]
)
def test_one_failing_symbol_does_not_stop_the_others_and_is_told_at_the_end(
    world: World, invoke: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception, raised: type[Exception]
) -> None:
    world.store_forecasts(forecasts(), "ETH-USDT")
    read = world.lake.read

    def fails(dataset: Any, symbol: str, *span: Any) -> Any:
        if symbol == SYMBOL:
            raise fault
        return read(dataset, symbol, *span)

    monkeypatch.setattr(world.lake, "read", fails)
    with pytest.raises(raised, match=f"1 of 2 symbols failed: {SYMBOL}: {type(fault).__name__}"):
        invoke({"time": "2024-03-20T00:15:00Z"})

    assert "reports/drift/symbol=ETH-USDT/latest.json" in world.stored()


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "time"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2024-03-20T00:15:00"}, "time"),
        ({"time": "2999-03-20T00:15:00Z"}, "lies in the future"),
        ({"time": "2024-03-20T00:15:00Z", "symbols": []}, "symbols"),
        ({"time": "2024-03-20T00:15:00Z", "symbols": ["BTC/USDT"]}, "symbols"),
        ({"time": "2024-03-20T00:15:00Z", "symbols": ["DOGE-USDT"]}, "DOGE-USDT: not configured"),
        ({"time": "2024-03-20T00:15:00Z", "force": True}, "force"),
        ({"time": "2024-03-20T00:15:00Z", "action": "rollback"}, "action"),
        ({"time": "2024-03-20T00:15:00Z", "action": "decide", "symbol": "BTC-USDT"}, "job"),
        ({"time": "2024-03-20T00:15:00Z", "action": "promote", "symbol": "BTC-USDT", "version": "x"}, "version"),
        ({"action": "promote", "symbol": "BTC-USDT", "version": "1"}, "time"),
        ([], "JSON object"),
        (None, "JSON object"),
    ],
)
def test_a_malformed_event_is_refused_by_name(world: World, invoke: Any, event: Any, named: str) -> None:
    with pytest.raises(BadEvent, match=named):
        invoke(event)
    assert world.stored() == []


@pytest.mark.filterwarnings("ignore")  # Evidently's own
def test_where_evidently_is_installed_its_report_lies_beside_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidently_report, "available", lambda: True)
    world.store_forecasts(forecasts())

    check(SYMBOL, NOW, world.platform)

    page = world.read(f"{DAY}/evidently.html")
    assert "predicted_return" in page
    assert len(page) > 100_000


def test_evidently_needs_hours_to_compare_with() -> None:
    assert "too few" in evidently_report.render(forecasts(count=168), hours.floor(NOW), 168)
