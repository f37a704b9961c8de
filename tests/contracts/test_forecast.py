"""A forecast is the same value in code, in Parquet and in DynamoDB, to the last digit."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlecast import hours
from candlecast.forecast import Forecast

ORIGIN = datetime(2026, 11, 20, 15, tzinfo=UTC)
FORECAST = Forecast(
    symbol="BTC-USDT",
    timeframe="1h",
    target_hour=ORIGIN,
    origin=ORIGIN,
    made_at=ORIGIN.replace(minute=1),
    kind="live",
    model_version="7",
    reference_close=50_000.0,
    predicted_return=0.001,
    predicted_delta=50.0,
    lower_return=-0.004,
    upper_return=0.006,
    lower_delta=-200.0,
    upper_delta=300.0,
    probability_up=0.55,
    coverage=0.8,
)

prices = st.floats(min_value=1e-6, max_value=1e9)


def as_dynamodb(record: dict[str, Any]) -> dict[str, Any]:
    def item(value: Any) -> Any:
        if isinstance(value, float):
            return Decimal(repr(value))
        return hours.text(value) if isinstance(value, datetime) else value

    return {name: item(value) for name, value in record.items() if value is not None}


@given(prices, prices)
def test_record_and_table_item_give_the_same_forecast_back(reference: float, actual: float) -> None:
    forecast = replace(FORECAST, reference_close=reference)
    settled = replace(forecast, settlement=forecast.settled(actual))
    for value in (forecast, settled):
        assert Forecast.from_record(value.record()) == value
        assert Forecast.from_record(as_dynamodb(value.record())) == value


@pytest.mark.parametrize(
    ("close", "actual_return", "error", "inside"),
    [(50_100.0, 0.002, 0.001, True), (50_299.0, 0.00598, 0.00498, True), (49_000.0, -0.02, 0.021, False)],
)
def test_settling_writes_what_happened(close: float, actual_return: float, error: float, inside: bool) -> None:
    outcome = FORECAST.settled(close)
    assert outcome.actual_delta == close - 50_000
    assert outcome.actual_return == pytest.approx(actual_return)
    assert outcome.absolute_error == pytest.approx(error)
    assert outcome.inside_interval is inside
