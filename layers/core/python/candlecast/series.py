"""One symbol's stored months during one run: each is read once, and carried on as it is left by the run's writes.

What is made of other months (features of candles) may be written only if those were looked at after the object that is
replaced, and after this run's own last write. Then, of any two writers at once, the one that puts last has seen both.
"""

from __future__ import annotations

from datetime import datetime
from itertools import count

import pandas as pd

from candlecast import candles, hours
from candlecast.lake import DATASETS, Change, Lake, Month, Name, joined


class Series:
    """The stored datasets of one symbol. Moments are counted, one per look at the lake."""

    def __init__(self, lake: Lake, symbol: str) -> None:
        self._lake, self.symbol = lake, symbol
        self._months: dict[tuple[Name, str], Month] = {}
        self._seen: dict[tuple[Name, str], int] = {}
        self._written: dict[Name, int] = {}
        self._clock = count(1)

    def month(self, dataset: Name, month: str, since: int = 0) -> pd.DataFrame:
        """A month's rows, as they were at the moment *since* or later."""
        key = (dataset, month)
        if key not in self._months or self._seen[key] < since:
            self._keep(key, self._lake.month(dataset, self.symbol, month, self._months.get(key)))
        return self._months[key].table

    def expect_nothing(self, dataset: Name, month: str) -> None:
        """Takes a month that was not looked at for absent: if it is not, writing it finds out, and looks."""
        self._months.setdefault((dataset, month), Month(DATASETS[dataset].empty, None))
        self._seen.setdefault((dataset, month), self.now())

    def seen(self, dataset: Name, month: str) -> int:
        """The moment when a month was read or written; it is read if it was not yet."""
        self.month(dataset, month)
        return self._seen[dataset, month]

    def written(self, dataset: Name) -> int:
        """The moment of this run's last write to any month; 0 before it."""
        return self._written.get(dataset, 0)

    def now(self) -> int:
        """The present moment: what was seen before is older."""
        return next(self._clock)

    def rows(self, dataset: Name, start: datetime, end: datetime, since: int = 0) -> pd.DataFrame:
        """The rows of the hours [start, end), as they were at the moment *since* or later."""
        tables = [self.month(dataset, month, since) for month in hours.months(start, end)]
        filled = [table for table in tables if not table.empty]
        if not filled:
            return DATASETS[dataset].empty
        hour = DATASETS[dataset].hour
        return joined([candles.between(table, start, end, hour) for table in filled])

    def update(self, dataset: Name, month: str, change: Change) -> pd.DataFrame:
        """Changes a stored month (see Lake.update) and returns its rows as they are now."""
        key = (dataset, month)
        self.month(dataset, month)
        left = self._lake.update(dataset, self.symbol, month, change, self._months[key])
        if left is not self._months[key]:
            self._keep(key, left)
            self._written[dataset] = self._seen[key]
        return left.table

    def _keep(self, key: tuple[Name, str], month: Month) -> None:
        self._months[key], self._seen[key] = month, self.now()
