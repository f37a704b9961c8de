"""GET /health, /forecasts, /models and /drift: the state of the platform and its history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from candlecast import hours
from candlecast.promotion import Champion, TrainingVerdict
from tests.functions.api.scene import NOW, World, a_forecast

THIS_HOUR = hours.floor(NOW)


def a_champion(version: str = "7") -> Champion:
    return Champion(
        version=version,
        uri=f"models/symbol=BTC-USDT/version={version}/model.tar.gz",
        sha256="ab" * 32,
        promoted_at=datetime(2026, 11, 1, 0, 42, tzinfo=UTC),
        reason="MAE 0.8 % below the champion's",
        previous_version="6",
    )


def a_verdict(version: str = "7") -> dict[str, Any]:
    verdict = TrainingVerdict(
        symbol="BTC-USDT",
        version=version,
        bundle_key=f"models/symbol=BTC-USDT/version={version}/model.tar.gz",
        sha256="ab" * 32,
        promote=True,
        reason="MAE 0.8 % below the champion's",
        compared_with="6",
        figures={"mae": 0.0035, "skill": 0.008, "hours": 720},
    )
    return verdict.model_dump(mode="json")


@pytest.fixture
def btc_only(make_world: Callable[..., World]) -> World:
    return make_world(symbols=("BTC-USDT",))


def test_health_is_ok_with_a_champion_and_this_hours_forecast(btc_only: World) -> None:
    btc_only.registry.promote("BTC-USDT", a_champion(), None)
    btc_only.forecasts.put(a_forecast(THIS_HOUR))

    answer = btc_only.get("/health")

    assert answer.status == 200
    assert answer.body == {
        "status": "ok",
        "environment": "local",
        "as_of": "2026-11-20T15:20:00Z",
        "symbols": [
            {
                "symbol": "BTC-USDT",
                "champion_version": "7",
                "newest_target_hour": "2026-11-20T15:00:00Z",
                "forecast_age_seconds": 1200,
                "candle_age_seconds": 1200,
                "gap_hours": 0,
                "gaps": [],
                "degraded": [],
            }
        ],
    }


@pytest.mark.parametrize(
    ("age", "status", "code", "reasons"),
    [
        (timedelta(minutes=59), "ok", 200, 0),
        (timedelta(minutes=75), "degraded", 200, 1),
        (timedelta(hours=2), "degraded", 200, 1),
        (timedelta(hours=2, seconds=1), "down", 503, 1),
        (timedelta(days=400), "down", 503, 1),
    ],
)
def test_health_follows_the_age_of_the_newest_forecast(
    btc_only: World, age: timedelta, status: str, code: int, reasons: int
) -> None:
    btc_only.registry.promote("BTC-USDT", a_champion(), None)
    btc_only.forecasts.put(a_forecast(THIS_HOUR))

    answer = btc_only.get("/health", now=THIS_HOUR + age)

    assert (answer.status, answer.body["status"]) == (code, status)
    assert len(answer.body["symbols"][0]["degraded"]) == reasons


def test_without_a_champion_health_is_degraded_and_says_why(btc_only: World) -> None:
    btc_only.forecasts.put(a_forecast(THIS_HOUR, model_version="baseline", note="no champion yet"))

    answer = btc_only.get("/health")

    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body["symbols"][0]["degraded"] == ["no champion yet: the baseline serves"]


def test_a_champion_that_cannot_serve_shows_in_health(btc_only: World) -> None:
    btc_only.registry.promote("BTC-USDT", a_champion(), None)
    btc_only.forecasts.put(a_forecast(THIS_HOUR, model_version="baseline", note="the newest candle is missing"))

    assert btc_only.get("/health").body["symbols"][0]["degraded"] == ["the newest candle is missing"]


def test_gaps_in_the_history_are_told_and_no_fault(btc_only: World) -> None:
    btc_only.registry.promote("BTC-USDT", a_champion(), None)
    btc_only.forecasts.put(a_forecast(THIS_HOUR))
    missing = [THIS_HOUR - timedelta(hours=age) for age in (400, 200, 199)]
    start = THIS_HOUR - timedelta(days=30)
    btc_only.platform.gaps.update("BTC-USDT", lambda r: r.replaced(start, THIS_HOUR, missing, ["coinbase"]))

    body = btc_only.get("/health").body

    assert body["status"] == "ok"
    assert body["symbols"][0]["gap_hours"] == 3
    assert body["symbols"][0]["gaps"] == [
        {"start": "2026-11-12T07:00:00Z", "end": "2026-11-12T09:00:00Z", "asked": ["coinbase"]},
        {"start": "2026-11-03T23:00:00Z", "end": "2026-11-04T00:00:00Z", "asked": ["coinbase"]},
    ]


def test_of_many_gaps_the_newest_are_listed(btc_only: World) -> None:
    start = THIS_HOUR - timedelta(days=30)
    missing = [start + timedelta(hours=2 * each + 1) for each in range(12)]
    btc_only.platform.gaps.update("BTC-USDT", lambda r: r.replaced(start, THIS_HOUR, missing, ["coinbase"]))

    symbol = btc_only.get("/health").body["symbols"][0]

    assert symbol["gap_hours"] == 12
    assert [gap["start"] for gap in symbol["gaps"]] == [hours.text(each) for each in missing[:1:-1]]


def test_a_recent_gap_degrades(btc_only: World) -> None:
    btc_only.registry.promote("BTC-USDT", a_champion(), None)
    btc_only.forecasts.put(a_forecast(THIS_HOUR))
    start = THIS_HOUR - timedelta(days=30)
    missing = [THIS_HOUR - timedelta(hours=age) for age in (400, 5)]
    btc_only.platform.gaps.update("BTC-USDT", lambda r: r.replaced(start, THIS_HOUR, missing, ["coinbase"]))

    answer = btc_only.get("/health")

    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body["symbols"][0]["degraded"] == ["hours of the last two days without a candle: 1"]


def test_one_symbol_without_a_forecast_takes_health_down(world: World) -> None:
    world.forecasts.put(a_forecast(THIS_HOUR))

    answer = world.get("/health")

    assert (answer.status, answer.body["status"]) == (503, "down")
    assert answer.body["symbols"][1]["degraded"] == ["no champion yet: the baseline serves", "no forecast yet"]


def test_history_comes_newest_first_in_pages(world: World) -> None:
    made = [THIS_HOUR - timedelta(hours=back) for back in range(5)]
    for hour in made:
        world.forecasts.put(a_forecast(hour))

    seen: list[str] = []
    query = "limit=2"
    while True:
        page = world.get("/forecasts", query).body
        seen += [each["target_hour"] for each in page["forecasts"]]
        if page["next_cursor"] is None:
            break
        query = f"limit=2&cursor={page['next_cursor']}"

    assert seen == [hours.text(hour) for hour in made]


def test_history_of_a_range_holds_its_start_but_not_its_end(world: World) -> None:
    for back in range(5):
        world.forecasts.put(a_forecast(THIS_HOUR - timedelta(hours=back)))

    page = world.get("/forecasts", "start=2026-11-20T12:00:00Z&end=2026-11-20T14:00:00Z").body

    assert [each["target_hour"] for each in page["forecasts"]] == ["2026-11-20T13:00:00Z", "2026-11-20T12:00:00Z"]
    assert page["forecasts"][0]["interval"]["coverage"] == 0.8


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=ten",
        "start=yesterday",
        "start=2026-11-20T12:00:00",
        "start=2026-11-20T12:00:00Z&end=2026-11-20T11:00:00Z",
        "cursor=nonsense",
        "cursor=1999-01-01T00:00:00Z",
    ],
)
def test_a_history_that_cannot_be_asked_for_is_a_problem_with_a_remedy(world: World, query: str) -> None:
    answer = world.get("/forecasts", query)

    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.body["remedy"]


def test_models_lists_the_champion_and_all_versions(world: World) -> None:
    world.registry.promote("BTC-USDT", a_champion("10"), None)
    for version in ("9", "10", "11"):
        world.put_json(f"models/symbol=BTC-USDT/version={version}/verdict.json", a_verdict(version))

    assert world.get("/models").body == {
        "symbol": "BTC-USDT",
        "champion": {
            "version": "10",
            "promoted_at": "2026-11-01T00:42:00Z",
            "reason": "MAE 0.8 % below the champion's",
            "previous_version": "6",
        },
        "versions": ["11", "10", "9"],
    }
    assert world.get("/models", "symbol=ETH-USDT").body == {"symbol": "ETH-USDT", "champion": None, "versions": []}


def test_a_model_version_tells_how_its_training_run_judged_it(world: World) -> None:
    world.registry.promote("BTC-USDT", a_champion("7"), None)
    world.put_json("models/symbol=BTC-USDT/version=7/verdict.json", a_verdict("7"))

    body = world.get("/models/7").body

    assert (body["champion"], body["compared_with"], body["figures"]["skill"]) == (True, "6", 0.008)


@pytest.mark.parametrize(("version", "status"), [("8", 404), ("latest", 422), ("-1", 422), ("7.0", 422)])
def test_an_unknown_model_version_is_a_problem(world: World, version: str, status: int) -> None:
    answer = world.get(f"/models/{version}")

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")


def test_before_the_first_drift_check_there_is_no_verdict(world: World) -> None:
    assert world.get("/drift").body["type"] == "urn:candlecast:problem:no-verdict"


def test_drift_answers_the_last_verdict_with_a_link_that_expires(world: World) -> None:
    report = "reports/drift/symbol=BTC-USDT/date=2026-11-20/report.html"
    latest = {
        "symbol": "BTC-USDT",
        "checked_at": "2026-11-20T00:15:00Z",
        "breach": True,
        "retrain": False,
        "cause": "market volatility",
        "reason": "Market volatility: the market moves more.",
        "figures": {
            "mode": "any",
            "mae": 0.0051,
            "settled_hours": 168,
            "absolute_breach": True,
            "cooldown_until": None,
        },
        "execution": None,
        "last_retrain": "2026-11-18T00:15:00Z",
        "report": report,
    }
    world.put_json("reports/drift/symbol=BTC-USDT/latest.json", latest)

    body = world.get("/drift").body

    link = urlsplit(body.pop("report_url"))
    assert unquote(link.path).endswith(report)
    assert "X-Amz-Expires=900" in link.query or "Expires=" in link.query
    assert body == {
        "symbol": "BTC-USDT",
        "checked_at": "2026-11-20T00:15:00Z",
        "breach": True,
        "retrain": False,
        "cause": "market volatility",
        "reason": "Market volatility: the market moves more.",
        "figures": latest["figures"],
        "report_expires_at": "2026-11-20T15:35:00Z",
    }
