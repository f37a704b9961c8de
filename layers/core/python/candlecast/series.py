"""One symbol's stored months during one run: each is read once, and carried on as it is left by the run's writes."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from candlecast import hours
from candlecast.lake import DATASETS, Change, Lake, Month, Name


class Series:
    """The stored datasets of one symbol."""

    def __init__(self, lake: Lake, symbol: str) -> None:
        self._lake, self.symbol = lake, symbol
        self._months: dict[tuple[Name, str], Month] = {}

    def month(self, dataset: Name, month: str) -> pd.DataFrame:
        """A month's rows."""
        if (dataset, month) not in self._months:
            self._months[dataset, month] = self._lake.month(dataset, self.symbol, month)
        return self._months[dataset, month].table

    def rows(self, dataset: Name, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of the hours [start, end)."""
        tables = [self.month(dataset, month) for month in hours.months(start, end)]
        filled = [table for table in tables if not table.empty]
        if not filled:
            return DATASETS[dataset].empty
        rows = pd.concat(filled, ignore_index=True)
        hour = rows[DATASETS[dataset].hour]
        return rows[(hour >= pd.Timestamp(start)) & (hour < pd.Timestamp(end))].reset_index(drop=True)

    def update(self, dataset: Name, month: str, change: Change) -> pd.DataFrame:
        """Changes a stored month (see Lake.update) and returns its rows as they are now."""
        left = self._lake.update(dataset, self.symbol, month, change, self._months.get((dataset, month)))
        self._months[dataset, month] = left
        return left.table
