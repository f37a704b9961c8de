"""From date, hour and zone to the UTC hour; and the hours that a clock change repeats or skips."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from candlecast import hours
from lambdas.api.asked_hour import target_hour, zone
from lambdas.api.problems import Problem

CLEAR = [
    ("2026-11-20", 15, "UTC", "2026-11-20T15:00:00Z"),
    ("2026-01-15", 9, "Europe/Berlin", "2026-01-15T08:00:00Z"),
    ("2026-07-15", 9, "Europe/Berlin", "2026-07-15T07:00:00Z"),
    ("2026-01-01", 0, "Asia/Tokyo", "2025-12-31T15:00:00Z"),
    ("2026-12-31", 23, "America/Los_Angeles", "2027-01-01T07:00:00Z"),
    ("2024-02-29", 12, "America/New_York", "2024-02-29T17:00:00Z"),
    ("2026-03-29", 1, "Europe/Berlin", "2026-03-29T00:00:00Z"),  # the hour before the skipped one
    ("2026-03-29", 3, "Europe/Berlin", "2026-03-29T01:00:00Z"),  # the hour after it
    ("2026-10-25", 1, "Europe/Berlin", "2026-10-24T23:00:00Z"),  # the hour before the repeated one
    ("2026-10-25", 3, "Europe/Berlin", "2026-10-25T02:00:00Z"),  # the hour after both
    ("2026-10-25", 2, "UTC", "2026-10-25T02:00:00Z"),
]

UNCLEAR = [
    ("2026-10-25", 2, "Europe/Berlin", "ambiguous-hour", ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"]),
    ("2026-11-01", 1, "America/New_York", "ambiguous-hour", ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"]),
    ("2026-04-05", 2, "Australia/Sydney", "ambiguous-hour", ["2026-04-04T15:00:00Z", "2026-04-04T16:00:00Z"]),
    ("2026-03-29", 2, "Europe/Berlin", "skipped-hour", ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"]),
    ("2026-03-08", 2, "America/New_York", "skipped-hour", ["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z"]),
    ("2026-10-04", 2, "Australia/Lord_Howe", "skipped-hour", ["2026-10-03T15:00:00Z"]),
    ("2026-07-15", 9, "Asia/Kolkata", "off-grid-hour", ["2026-07-15T03:00:00Z", "2026-07-15T04:00:00Z"]),
    ("2026-07-15", 9, "Asia/Kathmandu", "off-grid-hour", ["2026-07-15T03:00:00Z", "2026-07-15T04:00:00Z"]),
]


@pytest.mark.parametrize(("day", "hour", "tz", "expected"), CLEAR)
def test_a_local_hour_is_read_in_its_zone(day: str, hour: int, tz: str, expected: str) -> None:
    assert hours.text(target_hour(date.fromisoformat(day), hour, zone(tz))) == expected


@pytest.mark.parametrize(("day", "hour", "tz", "kind", "offered"), UNCLEAR)
def test_an_unclear_hour_is_refused_and_utc_hours_are_offered(
    day: str, hour: int, tz: str, kind: str, offered: list[str]
) -> None:
    with pytest.raises(Problem) as refusal:
        target_hour(date.fromisoformat(day), hour, zone(tz))

    assert refusal.value.kind == kind
    assert refusal.value.more["utc_hours"] == offered
    first = hours.parse(offered[0])
    assert f"date={first:%Y-%m-%d}&hour={first.hour}" in refusal.value.remedy
    assert tz in refusal.value.detail


def test_every_hour_of_a_year_can_be_asked_for_in_one_way_or_is_offered() -> None:
    """No UTC hour is out of reach, and none is reached by two local hours."""
    berlin = zone("Europe/Berlin")
    reached: set[datetime] = set()
    offered: set[datetime] = set()
    for hour in hours.span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
        local = hour.astimezone(berlin)
        try:
            reached.add(target_hour(local.date(), local.hour, berlin))
        except Problem as refusal:
            offered |= {hours.parse(text) for text in refusal.more["utc_hours"]}

    assert len(reached) == 365 * 24 - 2
    assert reached | offered == set(hours.span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
