"""The function as Lambda calls it: what it takes, what it answers, what it tells the alarms."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from candlecast import hours
from candlecast.errors import BadEvent, TooLittleData
from candlecast.hours import HOUR
from candlecast.model import Model
from lambdas.predict import handler as function
from tests.cloud import BUCKET, Cloud
from tests.functions.ingest.world import SYMBOL, some_hour
from tests.functions.predict.world import World

NOON = some_hour(70, 12)
CONTEXT: Any = SimpleNamespace(
    function_name="candlecast-test-predict",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:candlecast-test-predict",
    aws_request_id="5e0f2b6c",
)
Invoke = Callable[[Any], Any]


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setattr(function, "platform", lambda: world.platform)
    return lambda event: function.handler(event, CONTEXT)


def candles_stored(**changes: Any) -> dict[str, Any]:
    detail = {
        "schema_version": 1,
        "symbol": SYMBOL,
        "timeframe": "1h",
        "hour": hours.text(NOON - HOUR),
        "hours_stored": 1,
        "source": "binance",
    }
    return {
        "version": "0",
        "detail-type": "CandlesStored",
        "source": "candlecast",
        "time": hours.text(NOON + timedelta(minutes=1)),
        "detail": detail | changes,
    }


def asking(**changes: Any) -> dict[str, Any]:
    return {
        "action": "backfill",
        "symbol": SYMBOL,
        "start": hours.text(NOON - HOUR),
        "end": hours.text(NOON),
        "time": hours.text(NOON),
    } | changes


def metrics_in(printed: str) -> dict[str, Any]:
    (metrics,) = [json.loads(line) for line in printed.splitlines() if "CloudWatchMetrics" in line]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["environment", "symbol"]]
    return dict(metrics)


def test_stored_candles_are_answered_with_a_forecast(
    world: World, invoke: Invoke, capsys: pytest.CaptureFixture[str]
) -> None:
    world.candles_until(NOON)

    assert invoke(candles_stored()) == {"target_hour": hours.text(NOON), "made": True, "settled": 0}

    metrics = metrics_in(capsys.readouterr().out)
    assert (metrics["ForecastsMade"], metrics["ForecastsSettled"], metrics["ChampionBroken"]) == ([1.0], [0.0], [0.0])
    assert world.forecast(NOON).made_at == NOON + timedelta(minutes=1)


def test_a_broken_champion_is_an_error_in_the_log_and_a_metric(
    world: World,
    invoke: Invoke,
    model: Model,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.candles_until(NOON)
    world.s3.put_object(Bucket=BUCKET, Key=world.promote(model, "7"), Body=b"anything else")

    invoke(candles_stored())

    assert metrics_in(capsys.readouterr().out)["ChampionBroken"] == [1.0]
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == ["champion cannot be used"]


def test_a_backfill_is_answered_with_its_number_of_forecasts(world: World, invoke: Invoke) -> None:
    world.candles_until(NOON)

    assert invoke(asking()) == {"forecasts": 1}


def test_without_any_history_the_error_names_the_remedy(invoke: Invoke) -> None:
    with pytest.raises(TooLittleData, match="run ingest or a backfill"):
        invoke(candles_stored())


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({}, "predict takes"),
        ([], "predict takes"),
        ({"detail-type": "ForecastMade"}, "expected a CandlesStored event"),
        (candles_stored(hour="noon"), "malformed CandlesStored"),
        (candles_stored(hour=hours.text(NOON + timedelta(minutes=5) - HOUR)), "full hour"),
        (candles_stored(hour=hours.text(NOON)), "has ended at its time"),
        (candles_stored(symbol="XX-USDT"), r"XX-USDT: not configured.*settings\.yaml"),
        (candles_stored(schema_version=2), "schema_version"),
        (asking(action="forget"), "action"),
        (asking(symbol="XX-USDT"), "not configured"),
        (asking(start="2026-10-01T00:30:00Z"), "full hours"),
        (asking(end=hours.text(NOON - HOUR)), "end lies after start"),
        (asking(start="2026-01-01T00:00:00Z"), "92 days at most"),
        (asking(start=hours.text(NOON + HOUR), end=hours.text(NOON + 2 * HOUR)), "have begun"),
    ],
)
def test_a_malformed_event_is_refused_with_the_reason(world: World, invoke: Invoke, event: Any, says: str) -> None:
    with pytest.raises(BadEvent, match=says):
        invoke(event)

    assert world.etags() == {}


def test_everything_is_wired_from_the_environment(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    for name in ("BUCKET", "TABLE", "BUS"):
        monkeypatch.setenv(f"CANDLECAST_{name}", "some-name")
    function.platform.cache_clear()

    assert function.platform().settings.environment == "local"

    function.platform.cache_clear()
