"""Rules against the events that the code emits and the payloads that the functions take."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.events.models import EventPattern

from candlecast.events import Bus, CandlesStored, ChampionPromoted, Event, ForecastMade
from tests.infra.conftest import Stack

HOUR = datetime(2026, 11, 20, 14, tzinfo=UTC)
STORED = CandlesStored(symbol="BTC-USDT", timeframe="1h", hour=HOUR, hours_stored=1, source="binance")
OTHERS = (
    ForecastMade(symbol="BTC-USDT", timeframe="1h", hour=HOUR, target_hour=HOUR, model_version="7"),
    ChampionPromoted(
        symbol="BTC-USDT", timeframe="1h", hour=HOUR, version="7", previous_version=None, reason="the first model"
    ),
)


class Taken:
    """An EventBridge that keeps what it is given, as a rule sees it."""

    def __init__(self) -> None:
        self.envelopes: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        self.envelopes += [
            {"source": e["Source"], "detail-type": e["DetailType"], "detail": json.loads(e["Detail"])} for e in Entries
        ]
        return {"FailedEntryCount": 0, "Entries": [{} for _ in Entries]}


def envelope(event: Event) -> Any:
    """The event as EventBridge shows it to a rule."""
    taken = Taken()
    Bus(taken, "bus").publish(event, HOUR)
    return taken.envelopes[0]


@pytest.fixture
def pattern(development: Stack) -> EventPattern:
    return EventPattern.load(development["aws_cloudwatch_event_rule.candles_stored"]["event_pattern"])


def test_stored_candles_make_predict_run(pattern: EventPattern) -> None:
    assert pattern.matches_event(envelope(STORED))


@pytest.mark.parametrize("event", OTHERS, ids=lambda event: event.detail_type)
def test_other_events_do_not_make_predict_run(pattern: EventPattern, event: Event) -> None:
    assert not pattern.matches_event(envelope(event))


def test_a_later_schema_waits_for_a_predict_that_knows_it(pattern: EventPattern) -> None:
    later = envelope(STORED)
    assert not pattern.matches_event(later | {"detail": later["detail"] | {"schema_version": 2}})


def transformed(target: Any) -> dict[str, Any]:
    """A target's input for a scheduled event, as EventBridge would make it."""
    transformer = target["input_transformer"][0]
    scheduled = {"time": "2026-11-20T15:01:00Z"}
    values = {name: scheduled[path.removeprefix("$.")] for name, path in transformer["input_paths"].items()}
    text = re.sub(r"<(\w+)>", lambda found: json.dumps(values[found[1]]), transformer["input_template"])
    answer: dict[str, Any] = json.loads(text)
    return answer


def test_schedules_hand_over_the_events_time(development: Stack) -> None:
    assert transformed(development["aws_cloudwatch_event_target.ingest[0]"]) == {
        "time": "2026-11-20T15:01:00Z",
        "shard": 0,
    }
    assert transformed(development["aws_cloudwatch_event_target.drift"]) == {"time": "2026-11-20T15:01:00Z"}
    assert transformed(development["module.retraining.aws_cloudwatch_event_target.monthly"]) == {
        "as_of": "2026-11-20T15:01:00Z",
        "reason": "calendar",
    }


def test_the_repair_is_a_backfill_of_everything(development: Stack) -> None:
    assert development["module.backfill.aws_cloudwatch_event_target.weekly"]["input"] == "{}"


def test_what_cannot_be_delivered_is_kept(development: Stack) -> None:
    targets = development.of_type("aws_cloudwatch_event_target")
    assert len(targets) == 5
    assert all(target["dead_letter_config"][0]["arn"] for target in targets.values())
