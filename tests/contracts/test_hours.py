"""UTC hours: the grid of everything."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlecast import hours
from candlecast.errors import BadRequest

instants = st.datetimes(
    min_value=datetime(1990, 1, 1),
    max_value=datetime(2100, 1, 1),
    timezones=st.timezones(),
    allow_imaginary=False,
)


@given(instants)
def test_an_hour_starts_at_or_before_its_instant_whatever_the_zone(instant: datetime) -> None:
    start = hours.floor(instant)
    assert hours.on_grid(start)
    assert timedelta(0) <= instant - start < hours.HOUR


@given(instants.map(lambda t: t.replace(microsecond=0)))
def test_text_and_parse_are_inverse(instant: datetime) -> None:
    assert hours.parse(hours.text(instant)) == instant.astimezone(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-20", "2026-11-20T15:00:00", "2026-02-30T00:00:00Z"])
def test_a_time_without_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        hours.parse(text)


@pytest.mark.parametrize(
    ("now", "newest"),
    [("15:00:00", 13), ("15:00:04", 13), ("15:00:05", 14), ("15:59:59", 14), ("16:00:00", 14)],
)
def test_the_last_closed_hour_waits_for_the_grace(now: str, newest: int) -> None:
    instant = hours.parse(f"2026-11-20T{now}Z")
    assert hours.last_closed(instant, timedelta(seconds=5)) == datetime(2026, 11, 20, newest, tzinfo=UTC)


@given(instants)
def test_the_last_closed_hour_is_the_newest_that_is_closed(now: datetime) -> None:
    grace = timedelta(seconds=5)
    newest = hours.last_closed(now, grace)
    closed = newest + hours.HOUR + grace
    assert closed <= now < closed + hours.HOUR


@given(instants, st.integers(1, 24 * 400))
def test_months_cover_the_range_once_and_in_order(start: datetime, count: int) -> None:
    end = start.astimezone(UTC) + count * hours.HOUR
    assert hours.months(start, end) == sorted({hours.month(h) for h in [*hours.span(start, end)]})


def test_months_of_a_range_that_ends_at_a_month_start_leave_that_month_out() -> None:
    assert hours.months(datetime(2026, 11, 30, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)) == ["2026-11"]


def test_a_month_is_the_utc_one() -> None:
    assert hours.month(datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == "2026-11"


def test_an_hour_that_a_zone_repeats_is_told_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    again = datetime(2026, 10, 25, 2, 0, 1, tzinfo=berlin, fold=1)  # 01:00:01 UTC, the second 02:00:01 of that day
    assert hours.last_closed(again, timedelta(seconds=5)) == datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert len(list(hours.span(datetime(2026, 10, 25, tzinfo=berlin), datetime(2026, 10, 26, tzinfo=berlin)))) == 25
