"""Closed by clock: at any instant, in any zone, whatever an exchange's own clock says."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlecast import candles, hours

GRACE = timedelta(seconds=5)
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WITHIN_THE_HOUR = [
    timedelta(0),
    timedelta(seconds=4),
    timedelta(seconds=5),
    timedelta(minutes=59, seconds=59),
    timedelta(minutes=59, seconds=59, microseconds=999_999),
]
FULL_HOURS = st.datetimes(datetime(2018, 1, 1), datetime(2034, 1, 1)).map(
    lambda moment: moment.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
)


def opened(*times: datetime) -> pd.DataFrame:
    values = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 5.0}
    rows = [{"open_time": time, **values, "source": "binance", "ingested_at": NOON} for time in times]
    return candles.conform(pd.DataFrame(rows))


def newest_closed(hour: datetime, now: datetime, grace: timedelta = GRACE) -> datetime:
    """The newest candle kept of those around *hour*, the open one and later ones among them."""
    around = opened(*(hour + k * HOUR for k in range(-4, 4)))
    newest: datetime = candles.closed(around, now, grace)["open_time"].iloc[-1].to_pydatetime()
    return newest


@pytest.mark.parametrize(("into", "newest"), list(zip(WITHIN_THE_HOUR, [-2, -2, -1, -1, -1], strict=True)), ids=str)
def test_a_candle_is_closed_once_its_hour_and_the_grace_are_over(into: timedelta, newest: int) -> None:
    assert newest_closed(NOON, NOON + into) == NOON + newest * HOUR


@given(hour=FULL_HOURS, into=st.sampled_from(WITHIN_THE_HOUR), zone=st.timezones())
@settings(max_examples=200, deadline=None)
def test_the_instant_alone_decides_whatever_zone_now_is_told_in(
    hour: datetime, into: timedelta, zone: ZoneInfo
) -> None:
    now = (hour + into).astimezone(zone)
    expected = hour - HOUR if into >= GRACE else hour - 2 * HOUR
    assert newest_closed(hour, now) == expected == hours.last_closed(now, GRACE)


def clock_changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """The hours of a year, UTC, at whose start the zone's clock is moved."""
    start, count = datetime(year, 1, 1, tzinfo=UTC), 8784 if calendar.isleap(year) else 8760
    every = [start + k * HOUR for k in range(count)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in every]
    return [hour for hour, before, after in zip(every[1:], offsets, offsets[1:], strict=False) if before != after]


@pytest.mark.parametrize(
    "name",
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "Africa/Cairo"],
)
@pytest.mark.parametrize("into", WITHIN_THE_HOUR, ids=str)
def test_a_change_of_the_clocks_neither_closes_nor_opens_a_candle(name: str, into: timedelta) -> None:
    """Half an hour on Lord Howe, a whole day skipped in Apia, changes at midnight in São Paulo and Cairo."""
    zone = ZoneInfo(name)
    for year in (2011, 2016, 2018, 2024):
        for change in clock_changes(zone, year):
            for hour in (change - HOUR, change, change + HOUR):
                assert (
                    hours.last_closed((hour + into).astimezone(zone), GRACE)
                    == hour - (1 if into >= GRACE else 2) * HOUR
                )
                assert newest_closed(hour, (hour + into).astimezone(zone)) == hours.last_closed(hour + into, GRACE)


@given(year=st.integers(1972, 2100), into=st.sampled_from(WITHIN_THE_HOUR), month=st.sampled_from([(3, 1), (1, 1)]))
@settings(max_examples=60, deadline=None)
def test_the_day_before_march_and_new_year_has_all_its_hours(
    year: int, into: timedelta, month: tuple[int, int]
) -> None:
    midnight = datetime(year, *month, tzinfo=UTC)
    leap_or_last_day = [midnight - k * HOUR for k in range(24, 0, -1)]
    kept = candles.closed(opened(*leap_or_last_day, midnight), midnight + into, GRACE)
    assert kept["open_time"].tolist() == (leap_or_last_day if into >= GRACE else leap_or_last_day[:-1])
    if month == (3, 1):
        assert kept["open_time"].iloc[0].day == (29 if calendar.isleap(year) else 28)


@given(hour=FULL_HOURS, into=st.sampled_from(WITHIN_THE_HOUR), off=st.integers(-7200, 7200))
@settings(max_examples=100, deadline=None)
def test_an_exchange_whose_clock_is_off_closes_nothing_early(hour: datetime, into: timedelta, off: int) -> None:
    """It serves every candle that began by its own clock, its open one last: ours alone says which are closed."""
    now = hour + into
    began = hours.floor(now + timedelta(seconds=off))
    served = opened(*(began - k * HOUR for k in range(6)))
    kept = candles.closed(served, now, GRACE)["open_time"].tolist()
    assert all(time + HOUR + GRACE <= now for time in kept)
    assert kept == [time for time in served["open_time"] if time <= hours.last_closed(now, GRACE)]


@given(grace=st.integers(0, 600), late=st.integers(0, 3_600_000_000))
@settings(max_examples=60, deadline=None)
def test_any_grace_is_kept_to_the_microsecond(grace: int, late: int) -> None:
    now = NOON + timedelta(microseconds=late)
    is_closed = now >= NOON + timedelta(seconds=grace)
    assert newest_closed(NOON, now, timedelta(seconds=grace)) == NOON - (1 if is_closed else 2) * HOUR
