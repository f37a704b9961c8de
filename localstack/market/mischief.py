"""What faults do to a page of candles."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from localstack.market.candles import SECONDS, Row
from localstack.market.faults import Candle, Fault, Spoiled, Truncated

WICK = 100.0  # times the price


def spoil(page: list[Row], faults: tuple[Fault, ...], current: int) -> list[Row]:
    """The page, oldest first, as the faults leave it; `current` is the hour that is still open."""
    for fault in faults:
        match fault:
            case Truncated():
                page = page[: fault.rows]
            case Spoiled(kind="empty"):
                page = []
            case Spoiled(kind="duplicated"):
                page = [row for row in page for _ in range(2)]
            case Spoiled(kind="unordered"):
                page = Random(len(page)).sample(page, len(page))  # noqa: S311
            case Candle():
                page = list(_spoiled(page, fault, current))
            case _:
                pass
    return page


def _spoiled(page: list[Row], fault: Candle, current: int) -> Iterator[Row]:
    if fault.hours is None:
        struck = {row.hour for row in [row for row in page if row.hour < current][-fault.rows :]}
    else:
        struck = {int(hour.timestamp() // SECONDS) for hour in fault.hours}
    for row in page:
        if row.hour not in struck:
            yield row
            continue
        match fault.kind:
            case "negative":
                yield row._replace(low=-row.low, close=-row.close)
            case "nan":
                yield row._replace(close=float("nan"))
            case "wick":
                yield row._replace(high=row.high * WICK)
            case "provisional":
                middle = (row.low + row.high) / 2
                yield row._replace(close=round((row.close + middle) / 2, 8), volume=round(row.volume * 0.9, 8))
            case "conflicting":
                yield row
                yield row._replace(high=row.high * 1.02, close=row.high * 1.01, volume=row.volume * 1.5)
