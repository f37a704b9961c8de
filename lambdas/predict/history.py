"""The forecasts in the lake: the history that drift, Athena and people read, and the list of what is still unsettled.

It is always written after the table. So whatever a crash leaves out of it is done again by the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from candlecast import hours
from candlecast.forecast import Forecast, Settlement
from candlecast.lake import DATASETS
from candlecast.series import Series


def unsettled(series: Series, before: datetime) -> list[Forecast]:
    """The forecasts of hours before *before* without settlement, of its month and the month before."""
    first = hours.floor(before).replace(day=1, hour=0)
    rows = series.rows("forecasts", (first - hours.HOUR).replace(day=1, hour=0), before)
    return _forecasts(rows[rows["actual_return"].isna()], series.symbol)


def record(series: Series, made: Iterable[Forecast], settled: Mapping[datetime, Settlement]) -> None:
    """Writes new forecasts and settlements, one put per month that really changes.

    A live forecast that is there already stands; a backfilled one gives way. A settlement is added once.
    """
    by_month: dict[str, list[Forecast]] = {hours.month(hour): [] for hour in settled}
    for forecast in made:
        by_month.setdefault(hours.month(forecast.target_hour), []).append(forecast)
    for month, forecasts in by_month.items():
        series.update("forecasts", month, _change(series.symbol, forecasts, settled))


def _change(
    symbol: str, made: list[Forecast], settled: Mapping[datetime, Settlement]
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(stored: pd.DataFrame) -> pd.DataFrame:
        hour = stored["target_hour"]
        live = set(hour[stored["kind"] == "live"])
        changed = {f.target_hour: f for f in made if f.target_hour not in live}
        settling = hour.isin(list(settled)) & ~hour.isin(list(changed)) & stored["actual_return"].isna()
        for forecast in _forecasts(stored[settling], symbol):
            changed[forecast.target_hour] = replace(forecast, settlement=settled[forecast.target_hour])
        if not changed:
            return stored
        kept = stored[~hour.isin(list(changed))]
        fresh = DATASETS["forecasts"].conform(pd.DataFrame([f.record() for f in changed.values()]))
        return pd.concat([kept, fresh], ignore_index=True) if len(kept) else fresh

    return change


def _forecasts(rows: pd.DataFrame, symbol: str) -> list[Forecast]:
    return [
        Forecast.from_record({"symbol": symbol} | {str(name): _plain(value) for name, value in row.items()})
        for row in rows.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value
