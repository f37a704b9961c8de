"""Honest forecasts of past hours: each from what was known before it, by a model that had not seen it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from candlecast import baseline, hours
from candlecast.errors import TooLittleData
from candlecast.forecast import Forecast
from candlecast.hours import HOUR
from candlecast.model import Model
from candlecast.series import Series
from lambdas.predict import history
from lambdas.predict.live_calibration import first_lesson
from lambdas.predict.predict import BASELINE_HISTORY, Platform
from lambdas.predict.request import Backfill
from lambdas.predict.statement import Author, stated


def backfill(request: Backfill, platform: Platform) -> int:
    """Forecasts the asked target hours that have no live forecast and whose candle before is stored: how many.

    Hours that have closed are settled at once. The champion serves only the hours that its training knew nothing of;
    the baseline serves the others.
    """
    start, end = request.targets
    series = Series(platform.lake, request.symbol)
    known = series.rows("features", start - HOUR - BASELINE_HISTORY, end)
    closes = dict(zip(known["open_time"], known["close"], strict=True))
    rows = known[(known["open_time"] >= start - HOUR) & (known["open_time"] < end - HOUR)]
    made = []
    for forecast in _forecasts(series, rows, known, request, platform):
        close = closes.get(forecast.target_hour)
        outcome = forecast.settled(float(close)) if close is not None else None
        final = replace(forecast, settlement=outcome)
        if platform.table.put(final):
            made.append(final)
    history.record(series, made, {})
    return len(made)


def _forecasts(
    series: Series, rows: pd.DataFrame, known: pd.DataFrame, request: Backfill, platform: Platform
) -> list[Forecast]:
    """Forecasts from these feature rows: the baseline's, over them the champion's where it may and can.

    The champion's interval learns from the hours since its training and along the rows, each from those before it.
    """
    serving, coverage = platform.champions.serving(request.symbol), platform.settings.forecast.coverage
    made: dict[datetime, Forecast] = {}

    def state(inputs: pd.DataFrame, answers: pd.DataFrame, author: Author) -> None:
        for (_, row), (_, answer) in zip(inputs.iterrows(), answers.iterrows(), strict=True):
            if answer.notna().all():
                target = (row["open_time"] + HOUR).to_pydatetime()
                now = request.time.astimezone(UTC)
                forecast = stated(request.symbol, row, answer, author, target=target, now=now)
                made[target] = replace(forecast, kind="backfill")

    note = serving.note or "the champion was trained on this hour, or lacks a candle that it needs"
    with suppress(TooLittleData):
        band = baseline.baseline(known, coverage).forecast(rows)
        state(rows, band, Author(baseline.VERSION, coverage, note))
    if serving.champion:
        model = serving.champion.model
        unseen = rows[rows["open_time"] + HOUR >= _unseen_from(model)]
        if not unseen.empty:
            first, last = (unseen["open_time"].iloc[place].to_pydatetime() for place in (0, -1))
            since = series.rows("features", first_lesson(model, first), last + HOUR)
            answers = model.forecast(since)[since["open_time"] >= pd.Timestamp(first)]
            state(unseen, answers, serving.champion.author)
    return list(made.values())


def _unseen_from(model: Model) -> datetime:
    """The first origin after all that the model was trained on: its last row's target is the close an hour later."""
    return hours.parse(model.manifest["training"]["end"]) + 2 * HOUR
