"""The plan of a backfill: its symbols, then each symbol's months as events that ingest takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from candlecast import hours
from candlecast.errors import BadEvent
from candlecast.settings import Settings
from lambdas.ingest.plan import Plan
from lambdas.ingest.request import Request
from tests.functions.ingest.world import World

CLOCK = datetime(2026, 11, 20, 15, 1, tzinfo=UTC)
TIME = hours.text(CLOCK)
STATE = 256 * 1024
"""Bytes that Step Functions takes as a state's input or output."""


@pytest.fixture
def settings(world: World) -> Settings:
    return world.settings.model_copy(update={"symbols": ("BTC-USDT", "ETH-USDT"), "history_days": 60})


def plan(event: dict[str, Any], settings: Settings, world: World) -> Any:
    return Plan.parse({"time": TIME} | event).answer(settings, world.platform.gaps)


def test_without_symbols_all_configured_ones_are_planned(settings: Settings, world: World) -> None:
    assert plan({}, settings, world) == {
        "symbols": [{"symbol": "BTC-USDT", "time": TIME}, {"symbol": "ETH-USDT", "time": TIME}]
    }


def test_each_symbol_is_handed_the_bounds_that_were_asked_for(settings: Settings, world: World) -> None:
    bounds = {"since": "2026-09-15T00:00:00Z", "until": "2026-11-01T00:00:00Z"}

    (one,) = plan({"symbols": ["ETH-USDT"], **bounds}, settings, world)["symbols"]

    assert one == {"symbol": "ETH-USDT", "time": TIME, **bounds}
    assert [(part["start"][:13], part["end"][:13]) for part in plan(one, settings, world)["parts"]] == [
        ("2026-09-15T00", "2026-10-01T00"),
        ("2026-10-01T00", "2026-11-01T00"),
    ]


def test_a_part_is_an_event_that_ingest_takes(settings: Settings, world: World) -> None:
    parts = plan({"symbol": "BTC-USDT", "since": "2026-10-01T00:00:00Z"}, settings, world)["parts"]

    requests = [Request.parse(part, CLOCK) for part in parts]
    assert [request.chosen(settings) for request in requests] == [("BTC-USDT",)] * 2
    assert requests[-1].span is not None
    assert requests[-1].span.end == hours.floor(CLOCK), "the hour that has not closed is nobody's yet"


def test_without_since_it_goes_back_as_far_as_the_settings_say(settings: Settings, world: World) -> None:
    first = plan({"symbol": "BTC-USDT"}, settings, world)["parts"][0]

    assert first["start"] == "2026-09-21T00:00:00Z"


def test_and_as_far_as_anything_was_ever_asked_for(settings: Settings, world: World) -> None:
    since = datetime(2026, 2, 3, tzinfo=UTC)
    world.platform.gaps.update("BTC-USDT", lambda record: record.replaced(since, hours.floor(CLOCK), [], []))

    assert plan({"symbol": "BTC-USDT"}, settings, world)["parts"][0]["start"] == hours.text(since)


def test_400_symbols_of_75_months_fit_into_the_states_that_carry_them(world: World) -> None:
    symbols = tuple(f"SYMBOL{number:03}-USDT" for number in range(400))
    settings = world.settings.model_copy(update={"symbols": symbols})
    bounds = {"since": "2020-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}

    planned = plan(bounds, settings, world)
    parts = plan(planned["symbols"][-1], settings, world)

    assert (len(planned["symbols"]), len(parts["parts"])) == (400, 75)
    assert max(len(json.dumps(answer)) for answer in (planned, parts)) < STATE / 2


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"symbol": "BTC-USDT", "symbols": ["BTC-USDT"]}, "not both"),
        ({"since": "2026-11-01T00:30:00Z"}, "full hours"),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "before until"),
        ({"since": "2026-12-01T00:00:00Z"}, "in the past"),
        ({"since": "yesterday"}, "since:"),
        ({"month": "2020-01"}, "month: Extra inputs"),
        ({"symbol": "DOGE-USDT"}, r"DOGE-USDT: not configured.*settings\.yaml"),
        ({"symbols": ["DOGE-USDT"]}, "not configured"),
    ],
)
def test_a_malformed_request_is_refused_with_the_reason(
    event: dict[str, Any], says: str, settings: Settings, world: World
) -> None:
    with pytest.raises(BadEvent, match=says):
        plan(event, settings, world)
