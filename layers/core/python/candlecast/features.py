"""The model's inputs: scale-free features, declared as data, computed alike for a whole history and for its last hour.

A feature of the candle that opened at t uses that candle and earlier ones, at most `warm_up` of them, so that neither
what comes later nor what lies further back can change it. It is null while the warm-up is incomplete, and wherever a
missing candle makes it unknown: hours lie on a grid, so "one hour ago" never means three.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd

from candlecast import windows
from candlecast.windows import Grid, Series

HALF_LIVES = {6: 64, 24: 192, 168: 512}
"""Hours of each exponential average of absolute returns: its half-life and where its memory ends."""
VOLATILITY_WARM_UP = max(HALF_LIVES.values()) + 1
"""Candles that the scale `volatility` needs; one more than returns."""


def averages(returns: Series, known_share: float = windows.KNOWN_SHARE) -> dict[int, Series]:
    """Exponential averages of the returns' sizes by half-life, hours."""
    sizes = np.abs(returns)
    return {
        half_life: windows.mean(sizes, memory, half_life=half_life, known_share=known_share)
        for half_life, memory in HALF_LIVES.items()
    }


class Market:
    """Candles on a gap-free hourly grid: arrays of log prices and what is derived from them, nan where unknown."""

    def __init__(self, candles: pd.DataFrame) -> None:
        self.grid = Grid(candles["open_time"])
        self.open, self.high, self.low, self.close = (
            np.log(self.grid.spread(candles[name])) for name in ("open", "high", "low", "close")
        )
        self.volume = self.grid.spread(candles["volume"])

    @cached_property
    def returns(self) -> Series:
        """Log return over each hour."""
        return self.move(1)

    @cached_property
    def averages(self) -> dict[int, Series]:
        """Exponential averages of absolute returns by half-life, hours."""
        return averages(self.returns)

    @cached_property
    def volatility(self) -> Series:
        """The scale: expected absolute log return of an hour. Unknown in a market that does not move at all."""
        scale: Series = np.mean(list(self.averages.values()), axis=0)
        scale[scale <= 0] = np.nan
        scale[: VOLATILITY_WARM_UP - 1] = np.nan
        return scale

    @cached_property
    def signed_volume(self) -> Series:
        """Volume with the sign of the hour's return."""
        return np.sign(self.returns) * self.volume

    def move(self, hours: int) -> Series:
        """Log price change over the last *hours* hours."""
        return self.close - windows.lag(self.close, hours)


def scaled_return(market: Market, lag: int) -> Series:
    """Return *lag* hours ago, in volatilities."""
    return windows.lag(market.returns, lag) / market.volatility


def absolute_return(market: Market, lag: int) -> Series:
    """Size of the return *lag* hours ago, in volatilities."""
    return np.abs(scaled_return(market, lag))


def momentum(market: Market, hours: int) -> Series:
    """Move over *hours* hours, in volatilities of that many hours."""
    return market.move(hours) / (market.volatility * math.sqrt(hours))


def volatility_ratio(market: Market, half_life: int) -> Series:
    """Exponential average of absolute returns at one half-life, over the scale."""
    return market.averages[half_life] / market.volatility


def mean_range(market: Market, hours: int) -> Series:
    """Mean height of the last *hours* candles, in volatilities."""
    return windows.mean(market.high - market.low, hours) / market.volatility


def close_location(market: Market) -> Series:
    """Where the close lies in its candle: -1 at the low, 1 at the high, 0 in a candle without height."""
    height = market.high - market.low
    above, below = market.close - market.low, market.high - market.close
    return _ratio(above - below, height, otherwise=0.0)


def upper_wick(market: Market) -> Series:
    """From the body's top to the high, in volatilities."""
    return (market.high - np.maximum(market.open, market.close)) / market.volatility


def lower_wick(market: Market) -> Series:
    """From the low to the body's bottom, in volatilities."""
    return (np.minimum(market.open, market.close) - market.low) / market.volatility


def relative_volume(market: Market, hours: int) -> Series:
    """Log of the volume over its mean of the last *hours* hours; not below -5, so that a silent hour stays finite."""
    usual = windows.mean(market.volume, hours)
    usual[usual <= 0] = np.nan
    return np.log(np.maximum(market.volume / usual, np.exp(-5.0)))


def volume_push(market: Market, hours: int) -> Series:
    """The last return, in volatilities, times its relative volume: moves with and without trade behind them."""
    return scaled_return(market, 0) * relative_volume(market, hours)


def volume_balance(market: Market, hours: int) -> Series:
    """Share of the volume traded in rising hours minus that in falling ones, over *hours* hours."""
    traded = windows.mean(market.volume, hours)
    traded[traded <= 0] = np.nan
    return windows.mean(market.signed_volume, hours) / traded


def range_position(market: Market, hours: int) -> Series:
    """Where the close lies between the lowest low (0) and the highest high (1) of *hours* hours."""
    low, high = windows.minimum(market.low, hours), windows.maximum(market.high, hours)
    height = high - low
    return _ratio(market.close - low, height, otherwise=0.5)


def relative_strength(market: Market, hours: int) -> Series:
    """Cutler's RSI, 0 to 1: rising part of all movement in *hours* returns; 0.5 without movement."""
    total = windows.mean(np.abs(market.returns), hours)
    rising = windows.mean(np.maximum(market.returns, 0.0), hours)
    return _ratio(rising, total, otherwise=0.5)


def hour_of_day(market: Market) -> Series:
    """UTC hour in which the candle opened, 0 to 23."""
    return (market.grid.hours % 24).astype("float64")


def day_of_week(market: Market) -> Series:
    """UTC weekday on which the candle opened, Monday 0 to Sunday 6."""
    return ((market.grid.hours // 24 + 3) % 7).astype("float64")  # 1970-01-01 was a Thursday


def hour_sine(market: Market) -> Series:
    """Time of day as a point on a circle: its sine."""
    return np.sin(2 * np.pi * (market.grid.hours % 24) / 24)


def hour_cosine(market: Market) -> Series:
    """Time of day as a point on a circle: its cosine."""
    return np.cos(2 * np.pi * (market.grid.hours % 24) / 24)


def _ratio(part: Series, whole: Series, otherwise: float) -> Series:
    """part / whole, *otherwise* where there is no whole, null where the whole is unknown."""
    ratio: Series = np.divide(part, whole, out=np.where(np.isnan(whole), np.nan, otherwise), where=whole > 0)
    return ratio


@dataclass(frozen=True)
class Feature:
    """A declared feature: a measure of the market, with its parameter (hours) if it has one."""

    measure: Callable[..., Series]
    hours: int | None
    warm_up: int
    """Candles needed, the present one included."""

    @property
    def name(self) -> str:
        """The declaration as a column name: momentum_24, close_location."""
        return self.measure.__name__ if self.hours is None else f"{self.measure.__name__}_{self.hours}"

    def compute(self, market: Market) -> Series:
        """The feature on the market's grid, null before the warm-up is complete."""
        values = self.measure(market) if self.hours is None else self.measure(market, self.hours)
        values[: self.warm_up - 1] = np.nan
        return values


_SCALED = VOLATILITY_WARM_UP

FEATURES: tuple[Feature, ...] = (
    *(Feature(scaled_return, lag, _SCALED) for lag in (0, 1, 2, 3, 4, 5, 23)),
    Feature(absolute_return, 0, _SCALED),
    *(Feature(momentum, hours, _SCALED) for hours in (6, 12, 24, 72, 168)),
    *(Feature(volatility_ratio, half_life, _SCALED) for half_life in (6, 24)),
    *(Feature(mean_range, hours, _SCALED) for hours in (1, 24)),
    Feature(close_location, None, 1),
    Feature(upper_wick, None, _SCALED),
    Feature(lower_wick, None, _SCALED),
    Feature(relative_volume, 168, 168),
    Feature(volume_push, 168, _SCALED),
    *(Feature(volume_balance, hours, hours + 1) for hours in (6, 24)),
    *(Feature(range_position, hours, hours) for hours in (24, 168)),
    Feature(relative_strength, 14, 15),
    Feature(hour_of_day, None, 1),
    Feature(day_of_week, None, 1),
    Feature(hour_sine, None, 1),
    Feature(hour_cosine, None, 1),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
WARM_UP: int = max(feature.warm_up for feature in FEATURES)
"""Candles after which every feature is known; below a month, so that two calendar months always suffice."""


def compute(candles: pd.DataFrame, start: datetime | None = None) -> pd.DataFrame:
    """One row per candle: open_time, close, volatility (expected absolute log return of an hour) and every feature.

    *candles*: a candle table; BadRequest unless strictly increasing. With *start* (aware) only the candles from there
    on get a row and only the WARM_UP hours before it are looked at: the same values, to the last bit, much faster.
    """
    if start is not None:
        needed = candles["open_time"] >= pd.Timestamp(start) - pd.Timedelta(hours=WARM_UP - 1)
        candles = candles[needed]
    market = Market(candles)
    with np.errstate(invalid="ignore", divide="ignore"):  # unknown in, unknown out
        columns = {"volatility": market.volatility} | {feature.name: feature.compute(market) for feature in FEATURES}
    given = {name: candles[name].array for name in ("open_time", "close")}
    table = pd.DataFrame(given | {name: market.grid.gather(values) for name, values in columns.items()})
    return table if start is None else table[table["open_time"] >= pd.Timestamp(start)].reset_index(drop=True)
