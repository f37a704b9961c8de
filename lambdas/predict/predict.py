"""The forecast of the hour that follows stored candles, and the settlement of the hours that have closed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from candlecast import baseline, features, hours
from candlecast.errors import TooLittleData
from candlecast.events import Bus, CandlesStored, ForecastMade
from candlecast.forecast import Forecast, Settlement
from candlecast.forecast_table import ForecastTable
from candlecast.hours import HOUR
from candlecast.lake import Lake
from candlecast.series import Series
from candlecast.settings import Settings
from lambdas.predict import history
from lambdas.predict.champion import Champions, Serving
from lambdas.predict.live_calibration import Live, LiveCalibrations
from lambdas.predict.statement import Author, stated

BASELINE_HISTORY = (baseline.QUANTILE_HOURS + features.WARM_UP) * HOUR


@dataclass(frozen=True)
class Platform:
    """What a run works with."""

    settings: Settings
    lake: Lake
    table: ForecastTable
    champions: Champions
    calibrations: LiveCalibrations
    bus: Bus


@dataclass(frozen=True)
class Outcome:
    """What a run did."""

    forecast: Forecast
    """The one that stands for the hour, whether this run made it or an earlier one."""
    made: bool
    settled: int
    champion_broken: bool


def predict(event: CandlesStored, now: datetime, platform: Platform) -> Outcome:
    """Forecasts the hour after *event*'s, settles what has closed, and tells the bus.

    Any number of equal, late or overtaken events end in the same table and the same lake. Each stage may be the last
    one that a run lives to do: the table is written before the lake, the lake tells what is left to do, and what the
    champion's interval has learnt comes last, since it can be learnt again.
    Raises TooLittleData where not even the baseline has enough history.
    """
    hour = event.hour.astimezone(UTC)
    series = Series(platform.lake, event.symbol)
    serving = platform.champions.serving(event.symbol)
    live = platform.calibrations.at(serving.champion, series, hour) if serving.champion else None
    forecast = _forecast(series, hour, now, serving, live, platform.settings)
    made = platform.table.put(forecast)
    if not made:  # by an earlier event, perhaps by an earlier champion: that one stands
        forecast = platform.table.get(event.symbol, forecast.target_hour) or forecast
    settlements = _settlements(series, hour)
    settled = [h for h, outcome in settlements.items() if platform.table.settle(event.symbol, h, outcome)]
    history.record(series, [forecast], settlements)
    if live:
        platform.calibrations.keep(live)
    platform.bus.publish(
        ForecastMade(
            symbol=event.symbol,
            timeframe=event.timeframe,
            hour=hour,
            target_hour=forecast.target_hour,
            model_version=forecast.model_version,
        ),
        now,
    )
    return Outcome(forecast, made, len(settled), serving.broken)


def _forecast(
    series: Series, hour: datetime, now: datetime, serving: Serving, live: Live | None, settings: Settings
) -> Forecast:
    """The champion's forecast of the hour after *hour*; the baseline's where the champion cannot give one."""
    target, note = hour + HOUR, serving.note
    newest = series.rows("features", hour, target)
    if live and not newest.empty:
        answer = live.model.forecast(newest).iloc[0]
        if answer.notna().all():
            return stated(series.symbol, newest.iloc[0], answer, live.champion.author, target=target, now=now)
        note = "a candle among those that the model needs is missing"
    known = series.rows("features", hour - BASELINE_HISTORY, target)
    if known.empty:
        raise TooLittleData(f"{series.symbol} has no candles before {hours.text(target)}: run ingest or a backfill.")
    coverage = settings.forecast.coverage
    answer = baseline.baseline(known, coverage).forecast(known.tail(1)).iloc[0]
    age = round((target - known["open_time"].iloc[-1]) / HOUR)
    if age > 1:
        note = f"the newest candle is missing: this goes {age} hours from the close before it"
        answer[["lower_return", "upper_return"]] *= math.sqrt(age)
    author = Author(baseline.VERSION, coverage, note)
    return stated(series.symbol, known.iloc[-1], answer, author, target=target, now=now)


def _settlements(series: Series, hour: datetime) -> dict[datetime, Settlement]:
    """What became of the unsettled forecasts of the hours up to *hour*, as far as their candles are stored."""
    pending = history.unsettled(series, hour + HOUR)
    if not pending:
        return {}
    rows = series.rows("features", min(f.target_hour for f in pending), hour + HOUR)
    closes = dict(zip(rows["open_time"], rows["close"], strict=True))
    return {f.target_hour: f.settled(float(closes[f.target_hour])) for f in pending if f.target_hour in closes}
