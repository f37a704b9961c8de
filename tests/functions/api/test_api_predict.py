"""GET /predict: one hour's forecast, or a refusal that says what can be asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from candlecast import hours
from tests.functions.api.scene import NOW, World, a_forecast

THIS_HOUR = hours.floor(NOW)
PAST = datetime(2026, 11, 18, 9, tzinfo=UTC)


def test_the_forecast_of_the_present_hour_is_answered_to_the_last_digit(world: World) -> None:
    world.forecasts.put(a_forecast(THIS_HOUR))

    answer = world.get("/predict", "date=2026-11-20&hour=15")

    assert answer.status == 200
    assert answer.body == {
        "symbol": "BTC-USDT",
        "timeframe": "1h",
        "target_hour": "2026-11-20T15:00:00Z",
        "origin": "2026-11-20T15:00:00Z",
        "made_at": "2026-11-20T15:01:00Z",
        "kind": "live",
        "model_version": "7",
        "reference_close": 67000.0,
        "predicted_delta": 12.345678901234567,
        "predicted_return": 12.345678901234567 / 67000.0,
        "direction": "up",
        "probability_up": 0.53,
        "interval": {
            "coverage": 0.8,
            "lower_delta": -335.0,
            "upper_delta": 402.0,
            "lower_return": -0.005,
            "upper_return": 0.006,
        },
        "settlement": None,
        "note": None,
        "as_of": "2026-11-20T15:20:00Z",
    }


def test_after_the_hour_the_answer_tells_what_happened(world: World) -> None:
    forecast = a_forecast(PAST)
    world.forecasts.put(forecast)
    world.forecasts.settle("BTC-USDT", PAST, forecast.settled(67100.0))

    settlement = world.get("/predict", "date=2026-11-18&hour=9").body["settlement"]

    assert settlement["actual_close"] == 67100.0
    assert settlement["actual_delta"] == 100.0
    assert settlement["inside_interval"] is True
    assert settlement["absolute_error"] == abs(forecast.predicted_return - (67100.0 / 67000.0 - 1))


def test_without_date_and_hour_the_newest_forecast_is_answered(world: World) -> None:
    for hour in (PAST, PAST + timedelta(hours=30)):
        world.forecasts.put(a_forecast(hour))

    assert world.get("/predict").body["target_hour"] == "2026-11-19T15:00:00Z"


def test_before_the_first_forecast_the_newest_is_a_problem_with_a_remedy(world: World) -> None:
    answer = world.get("/predict")

    assert answer.status == 404
    assert answer.body["type"] == "urn:candlecast:problem:no-forecast"
    assert "backfill" in answer.body["remedy"]


@pytest.mark.parametrize(
    ("delta", "direction"), [(3.0, "up"), (-3.0, "down"), (0.0, "flat")], ids=["a rise", "a fall", "no change"]
)
def test_direction_is_the_sign_of_the_delta(world: World, delta: float, direction: str) -> None:
    world.forecasts.put(a_forecast(PAST, predicted_delta=delta, predicted_return=delta / 67000))

    assert world.get("/predict", "date=2026-11-18&hour=9").body["direction"] == direction


def test_symbols_do_not_mix(world: World) -> None:
    world.forecasts.put(a_forecast(PAST, symbol="ETH-USDT", reference_close=3300.0))

    answer = world.get("/predict", "date=2026-11-18&hour=9&symbol=ETH-USDT")

    assert (answer.body["symbol"], answer.body["reference_close"]) == ("ETH-USDT", 3300.0)


@pytest.mark.parametrize(
    "query",
    [
        "date=2026-11-18&hour=10&tz=Europe/Berlin",
        "date=2026-11-18&hour=04&tz=America/New_York",
        "date=2026-11-18&hour=09",
    ],
)
def test_date_and_hour_are_read_in_the_zone_asked_for(world: World, query: str) -> None:
    world.forecasts.put(a_forecast(PAST))

    assert world.get("/predict", query).body["target_hour"] == "2026-11-18T09:00:00Z"


def test_a_past_hour_without_a_forecast_is_forecast_by_predict(world: World) -> None:
    answer = world.get("/predict", "date=2026-11-18&hour=9")

    assert (answer.status, answer.body["kind"]) == (200, "backfill")
    assert world.predict.requests == [
        {
            "function": "candlecast-test-predict",
            "action": "backfill",
            "symbol": "BTC-USDT",
            "start": "2026-11-18T09:00:00Z",
            "end": "2026-11-18T10:00:00Z",
            "time": "2026-11-20T15:20:00Z",
        }
    ]
    world.get("/predict", "date=2026-11-18&hour=9")
    assert len(world.predict.requests) == 1, "the second request finds it stored"


@pytest.mark.parametrize("failure", [None, "TooLittleData", "NotFound"])
def test_a_past_hour_that_predict_knows_nothing_of_is_a_404_with_a_remedy(world: World, failure: str | None) -> None:
    world.predict.knows, world.predict.failure = False, failure

    answer = world.get("/predict", "date=2019-01-01&hour=9")

    assert (answer.status, answer.body["type"]) == (404, "urn:candlecast:problem:no-forecast")
    assert "not enough candles of BTC-USDT before 2019-01-01T09:00:00Z" in answer.body["detail"]


def test_a_fault_of_predict_is_a_503_that_says_when_to_ask_again(world: World) -> None:
    world.predict.failure = "WriteConflict"

    answer = world.get("/predict", "date=2026-11-18&hour=9")

    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert "told by the test" not in answer.text


def test_the_present_hour_before_its_forecast_is_made_is_not_backfilled(world: World) -> None:
    answer = world.get("/predict", "date=2026-11-20&hour=15")

    assert (answer.status, answer.headers["retry-after"]) == (404, "60")
    assert world.predict.requests == []


@pytest.mark.parametrize(
    ("query", "now", "status"),
    [
        ("date=2026-11-20&hour=15", datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC), 404),
        ("date=2026-11-20&hour=15", datetime(2026, 11, 20, 14, 59, 59, 999000, tzinfo=UTC), 422),
        ("date=2026-11-20&hour=16", NOW, 422),
        ("date=2026-11-21&hour=0", NOW, 422),
        ("date=2999-12-31&hour=23", NOW, 422),
    ],
    ids=["it has just begun", "a moment before it", "the hour after", "tomorrow", "far away"],
)
def test_an_hour_can_be_asked_from_its_first_moment_on(world: World, query: str, now: datetime, status: int) -> None:
    answer = world.get("/predict", query, now=now)

    assert answer.status == status
    if status == 422:
        newest = hours.floor(now)
        assert answer.body["newest_target_hour"] == hours.text(newest)
        assert f"date={newest:%Y-%m-%d}&hour={newest.hour}" in answer.body["remedy"]


WRONG: dict[str, tuple[str, int, str]] = {
    "hour 24": ("date=2026-11-18&hour=24", 422, "hour after 23 is hour 0"),
    "hour -1": ("date=2026-11-18&hour=-1", 422, "0 to 23"),
    "hour 9.0": ("date=2026-11-18&hour=9.0", 422, "0 to 23"),
    "hour nine": ("date=2026-11-18&hour=nine", 422, "0 to 23"),
    "hour of other digits": ("date=2026-11-18&hour=%D9%A9", 422, "0 to 23"),
    "empty hour": ("date=2026-11-18&hour=", 422, "0 to 23"),
    "endless hour": ("date=2026-11-18&hour=" + "9" * 5000, 422, "0 to 23"),
    "date without hour": ("date=2026-11-18", 422, "Give both"),
    "hour without date": ("hour=9", 422, "Give both"),
    "zone alone": ("tz=Europe/Berlin", 422, "Give both"),
    "February 30": ("date=2026-02-30&hour=9", 422, "year-month-day"),
    "month 13": ("date=2026-13-01&hour=9", 422, "year-month-day"),
    "German date": ("date=18.11.2026&hour=9", 422, "year-month-day"),
    "compact date": ("date=20261118&hour=9", 422, "year-month-day"),
    "week date": ("date=2026-W47-3&hour=9", 422, "year-month-day"),
    "epoch seconds": ("date=1763424000&hour=9", 422, "year-month-day"),
    "a time": ("date=2026-11-18T09:00:00Z&hour=9", 422, "year-month-day"),
    "SQL": ("date=2026-11-18'%3B--&hour=9", 422, "year-month-day"),
    "before the first coin": ("date=2008-01-01&hour=9", 422, "since 2010"),
    "the year 1": ("date=0001-01-01&hour=0&tz=Asia/Tokyo", 422, "since 2010"),
    "the last year": ("date=9999-12-31&hour=23&tz=America/New_York", 422, "since 2010"),
    "unknown zone": ("date=2026-11-18&hour=9&tz=Mars/Olympus", 422, "Europe/Berlin"),
    "a path as zone": ("date=2026-11-18&hour=9&tz=../../../etc/passwd", 422, "Europe/Berlin"),
    "a folder as zone": ("date=2026-11-18&hour=9&tz=Europe", 422, "Europe/Berlin"),
    "an empty zone": ("date=2026-11-18&hour=9&tz=", 422, "Europe/Berlin"),
    "a null byte in the zone": ("date=2026-11-18&hour=9&tz=%00", 422, "Europe/Berlin"),
    "an endless zone": ("date=2026-11-18&hour=9&tz=" + "A" * 5000, 422, "Europe/Berlin"),
    "an offset as zone": ("date=2026-11-18&hour=9&tz=%2B02:00", 422, "Europe/Berlin"),
    "unknown symbol": ("date=2026-11-18&hour=9&symbol=DOGE-USDT", 404, "BTC-USDT, ETH-USDT"),
    "ccxt's symbol": ("symbol=BTC/USDT", 404, "BTC-USDT, ETH-USDT"),
    "empty symbol": ("symbol=", 404, "BTC-USDT, ETH-USDT"),
    "unknown parameter": ("date=2026-11-18&hour=9&model=7", 422, "It takes"),
    "parameter given twice": ("date=2026-11-18&hour=9&hour=10", 422, "Give it once"),
    "other spelling": ("Date=2026-11-18&hour=9", 422, "It takes"),
}


@pytest.mark.parametrize(("query", "status", "remedy"), WRONG.values(), ids=WRONG)
def test_bad_input_is_a_problem_document_with_a_remedy(world: World, query: str, status: int, remedy: str) -> None:
    answer = world.get("/predict", query)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "remedy"} <= set(answer.body)
    assert answer.body["status"] == status
    assert remedy in answer.body["remedy"]
    assert len(answer.text) < 1000
    assert world.predict.requests == []


def test_what_is_unknown_is_named(world: World) -> None:
    problem: dict[str, Any] = world.get("/predict", "date=2026-11-18&hour=9&model=7").body

    assert problem["parameters"] == ["model"]
    assert problem["detail"] == "model is no parameter of /predict."
    assert problem["remedy"] == "It takes date, hour, tz, symbol."
