"""From the date, hour and zone that a caller asks for to the target hour in UTC. Pure: now is an argument."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from candlecast import hours
from lambdas.api.problems import Problem

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""No exchange has hourly candles from before this instant."""


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises Problem `unknown-zone`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; malformed or a path outside the database; a folder of it
        raise Problem(
            "unknown-zone", f"{name[:60]!r} is no IANA time zone.", "Write tz like Europe/Berlin; leave it out for UTC."
        ) from None


def target_hour(day: date, hour: int, tz: ZoneInfo) -> datetime:
    """The UTC hour that begins at *hour* o'clock of *day* in *tz*.

    Raises Problem when that local hour is repeated or skipped by a clock change, or does not begin on a UTC hour;
    each names the UTC hours that could have been meant.
    """
    try:
        local = datetime(day.year, day.month, day.day, hour, tzinfo=tz)
        first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    except OverflowError:
        raise Problem("wrong-parameter", f"{day} is at the calendar's edge.", "Ask for a date since 2010.") from None
    said = f"{day} {hour:02d}:00 in {tz.key}"
    if first != second:
        begins, ends = sorted((first, second))
        if begins.astimezone(tz).replace(tzinfo=None) == local.replace(tzinfo=None):
            raise _choice("ambiguous-hour", f"{said} happens twice: the clocks are set back.", begins, ends)
        raise _choice("skipped-hour", f"{said} does not happen: the clocks are set forward.", begins, ends)
    if not hours.on_grid(first):
        detail = f"{said} begins at {first:%H:%M} UTC; forecasts are of whole UTC hours."
        raise _choice("off-grid-hour", detail, first, first + hours.HOUR)
    return first


def check_askable(target: datetime, now: datetime) -> None:
    """Whether a forecast of *target* may exist at *now*; raises Problem `future-hour` or `distant-past`."""
    newest = hours.floor(now)
    if target > newest:
        raise Problem(
            "future-hour",
            f"The forecast of the hour from {hours.text(target)} is made when that hour begins; "
            f"now it is {hours.text(now)}.",
            f"The newest hour that can be asked is {_query(newest)}; any earlier one can be asked as well.",
            newest_target_hour=hours.text(newest),
        )
    if target < EARLIEST:
        raise Problem("distant-past", f"There are no candles of {hours.text(target)}.", "Ask for an hour since 2010.")


def _choice(kind: str, detail: str, *instants: datetime) -> Problem:
    """A problem whose remedy is one of the UTC hours in which *instants* lie."""
    candidates = list(dict.fromkeys(hours.floor(instant) for instant in instants))
    offers = " or ".join(_query(candidate) for candidate in candidates)
    return Problem(kind, detail, f"Ask in UTC for {offers}.", utc_hours=[hours.text(each) for each in candidates])


def _query(hour: datetime) -> str:
    return f"date={hour:%Y-%m-%d}&hour={hour.hour}"
