"""Hourly candles as the market holds and serves them.

Time inside the market is counted in whole hours since 1970-01-01T00:00Z; a candle is named by the hour it opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

SECONDS = 3600  # in an hour

Floats = npt.NDArray[np.float64]
Hours = npt.NDArray[np.int64]


class Row(NamedTuple):
    """One candle: hour it opens, prices in quote currency, volume in base units."""

    hour: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True)
class Candles:
    """Columns of equal length, oldest first, every hour at most once."""

    hour: Hours
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.hour)

    @classmethod
    def of(cls, hour: Hours, values: Sequence[Floats]) -> Candles:
        """Candles from the five columns after the hour, in their order."""
        opened, high, low, close, volume = values
        return cls(hour, opened, high, low, close, volume)

    @property
    def values(self) -> list[Floats]:
        """The five columns after the hour."""
        return [self.open, self.high, self.low, self.close, self.volume]

    def part(self, rows: slice) -> Candles:
        return Candles.of(self.hour[rows], [column[rows] for column in self.values])

    def rows(self) -> Iterator[Row]:
        columns = (self.hour.tolist(), *(column.tolist() for column in self.values))
        return map(Row._make, zip(*columns, strict=True))


class Source(Protocol):
    """Where full candles come from."""

    label: str  # shown wherever the market is shown

    @property
    def symbols(self) -> tuple[str, ...]: ...

    def decimals(self, symbol: str) -> int:
        """Decimal places of the symbol's prices."""

    def bounds(self, symbol: str) -> tuple[int, int]:
        """First and last hour that can be asked for."""

    def select(self, symbol: str, start: int, end: int, limit: int, *, newest: bool) -> Candles:
        """At most `limit` full candles of the hours [start, end]: the newest of them, or the oldest."""
