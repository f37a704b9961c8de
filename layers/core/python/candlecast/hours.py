"""UTC hours: the grid on which candles, forecasts and events lie.

All instants are timezone-aware and in UTC. "Now" is always an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from candlecast.errors import BadRequest

HOUR = timedelta(hours=1)


def parse(text: str) -> datetime:
    """The instant that an ISO 8601 text with a zone names, in UTC. Raises BadRequest without a zone or a valid date."""
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadRequest(f"{text!r} is not an ISO 8601 time; write it like 2026-11-20T15:00:00Z.") from None
    if instant.tzinfo is None:
        raise BadRequest(f"{text!r} names no time zone; end it with Z or an offset.")
    return instant.astimezone(UTC)


def text(instant: datetime) -> str:
    """The instant as 2026-11-20T15:00:00Z: the form of keys, events and answers."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def floor(instant: datetime) -> datetime:
    """The start of the instant's UTC hour."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def on_grid(instant: datetime) -> bool:
    """Whether the instant is the start of an hour."""
    return instant == floor(instant)


def last_closed(now: datetime, grace: timedelta = timedelta(0)) -> datetime:
    """Open time of the newest candle with ``open_time + 1 h + grace <= now``."""
    return floor(now.astimezone(UTC) - grace) - HOUR  # in UTC: a zone's own arithmetic ignores its DST changes


def span(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every hour of [start, end)."""
    hour = start.astimezone(UTC)
    while hour < end:
        yield hour
        hour += HOUR


def month(instant: datetime) -> str:
    """The instant's UTC month, as in object paths: 2026-11."""
    return instant.astimezone(UTC).strftime("%Y-%m")


def month_start(instant: datetime) -> datetime:
    """The first hour of the instant's UTC month."""
    return floor(instant).replace(day=1, hour=0)


def next_month(instant: datetime) -> datetime:
    """The first hour of the UTC month after the instant's."""
    return month_start(month_start(instant) + timedelta(days=32))


def months(start: datetime, end: datetime) -> list[str]:
    """Every month that [start, end] touches, in order."""
    first, last = start.astimezone(UTC), end.astimezone(UTC) - timedelta(microseconds=1)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    years_months = (divmod(first.year * 12 + first.month - 1 + i, 12) for i in range(count))
    return [f"{year:04d}-{number + 1:02d}" for year, number in years_months]
