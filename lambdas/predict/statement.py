"""A model's answers, in returns, as forecasts: with their deltas, their origin and who made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from candlecast.forecast import Forecast, Kind
from candlecast.hours import HOUR


@dataclass(frozen=True)
class Author:
    """Who made a forecast, and why it was not the champion if it was not."""

    version: str
    coverage: float
    note: str | None = None


def stated(
    symbol: str, row: pd.Series, answer: pd.Series, author: Author, *, target: datetime, now: datetime
) -> Forecast:
    """The forecast of the hour *target*, made at *now* from a feature *row* and the author's *answer* to it.

    One that is made after its hour has ended is no live forecast.
    """
    close = float(row["close"])
    point, lower, upper = (float(answer[f"{name}_return"]) for name in ("predicted", "lower", "upper"))
    kind: Kind = "live" if now < target + HOUR else "backfill"
    return Forecast(
        symbol=symbol,
        timeframe="1h",
        target_hour=target,
        origin=(row["open_time"] + HOUR).to_pydatetime(),
        made_at=now,
        kind=kind,
        model_version=author.version,
        reference_close=close,
        predicted_return=point,
        predicted_delta=point * close,
        lower_return=lower,
        upper_return=upper,
        lower_delta=lower * close,
        upper_delta=upper * close,
        probability_up=float(answer["probability_up"]),
        coverage=author.coverage,
        note=author.note,
    )
