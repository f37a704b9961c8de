"""Every hour: candles in, forecast out, by events; twice is once."""

import time
from datetime import datetime, timedelta

import pytest

from candlecast import hours
from candlecast.forecast import Forecast
from localstack.demo.deployed import Deployed
from tests.flows.scene import START, candles_stored

pytestmark = pytest.mark.timeout(900)


def test_the_schedule_starts_ingest_and_the_stored_candles_start_predict(stack: Deployed) -> None:
    symbol, events = "HOUR-USDT", stack.client("events")
    shard = stack.settings.symbols.index(symbol) // stack.settings.shard_size
    rule = stack.settings.name(f"ingest-{shard}")
    shipped = events.describe_rule(Name=rule)["ScheduleExpression"]
    assert shipped == stack.settings.schedules.ingest
    events.put_rule(Name=rule, ScheduleExpression="cron(* * * * ? *)", State="ENABLED")
    try:
        deadline = time.monotonic() + 150
        while (forecast := stack.forecasts.newest(symbol)) is None and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        events.put_rule(Name=rule, ScheduleExpression=shipped, State="DISABLED")
    assert forecast is not None
    assert forecast.kind == "live"
    assert forecast.origin == forecast.target_hour <= forecast.made_at < forecast.origin + timedelta(hours=1, minutes=3)


def test_without_a_champion_the_baseline_is_forecast_and_settled_when_its_hour_has_closed(stack: Deployed) -> None:
    symbol = "EVENT-USDT"
    for hour in hours.span(START, START + 3 * hours.HOUR):
        stack.ingest_hour(symbol, hour)
        stack.await_forecast(symbol, hour)
    first, second, third = settled(stack, symbol, START + hours.HOUR)
    assert {f.model_version for f in (first, second, third)} == {"baseline"}
    assert {f.predicted_return for f in (first, second, third)} == {0.0}
    assert all(f.lower_return < 0 < f.upper_return for f in (first, second, third))
    assert first.settlement is not None
    assert first.settlement.actual_close == second.reference_close
    assert second.settlement is not None
    assert third.settlement is None


def test_the_same_event_twice_changes_nothing(stack: Deployed) -> None:
    symbol = "TWICE-USDT"
    stack.ingest_hour(symbol, START)
    stack.await_forecast(symbol, START)
    before = stored(stack, symbol)
    for _ in range(100):
        if any(key.startswith("forecasts/") for key in before):
            break
        time.sleep(0.1)  # predict writes the table first
        before = stored(stack, symbol)
    made = stack.forecasts.get(symbol, START)
    for _ in range(2):
        stack.ingest_hour(symbol, START)
    stack.invoke("predict", candles_stored(symbol))
    assert {key.partition("/")[0] for key in before} == {"candles", "features", "forecasts", "gaps"}
    assert stored(stack, symbol) == before
    assert stack.forecasts.get(symbol, START) == made


def settled(stack: Deployed, symbol: str, last: datetime) -> tuple[Forecast, ...]:
    """The symbol's forecasts, once that of the hour *last* is settled: predict forecasts first and settles then."""
    for _ in range(100):
        forecasts = stack.forecasts.range(symbol, START, START + 3 * hours.HOUR).forecasts
        if any(f.target_hour == last and f.settlement for f in forecasts):
            break
        time.sleep(0.1)
    return forecasts


def stored(stack: Deployed, symbol: str) -> dict[str, str]:
    """The ETag of every object of a symbol."""
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.outputs["bucket"])
    return {o["Key"]: o["ETag"] for page in pages for o in page.get("Contents", []) if f"symbol={symbol}/" in o["Key"]}
