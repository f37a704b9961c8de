"""What features measure in a market: each function gives one value per hour, in units that no price level changes.

Prices are compared as logarithms and moves are told in volatilities, so that a model may learn from several symbols
and from years in which prices were a tenth of today's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, reduce

import numpy as np

from candlecast import windows
from candlecast.windows import Hours, Past, Series

HALF_LIVES = {6: 64, 24: 192, 168: 512}
"""Hours of each exponential average of absolute returns: its half-life and where its memory ends."""
VOLATILITY_WARM_UP = max(HALF_LIVES.values()) + 1
"""Candles that the scale `volatility` needs; one more than returns."""
_CLOCK = 2 * np.pi * np.arange(24) / 24


def averages(returns: Series, known_share: float = windows.KNOWN_SHARE, span: int | None = None) -> dict[int, Series]:
    """Exponential averages of the returns' sizes by half-life, hours, at the last *span* of them.

    Without *span* at all of them; the hours before the first one count as unknown.
    """
    if span is None:
        returns, span = np.concatenate([np.full(max(HALF_LIVES.values()) - 1, np.nan), returns]), len(returns)
    return Past(np.abs(returns), span).averages(HALF_LIVES, known_share)


class Market:
    """Candles as seen from each of the last *span* hours of a gap-free grid: prices as logarithms, nan if unknown."""

    def __init__(self, hours: Hours, candles: Mapping[str, Series], span: int) -> None:
        """*hours* since 1970, without a gap; *candles*: open, high, low, close and volume of each."""
        self.hours = hours[-span:]
        self.open, self.high, self.low, self.close = (
            Past(np.log(candles[name]), span) for name in ("open", "high", "low", "close")
        )
        self.volume = Past(candles["volume"], span)

    @cached_property
    def returns(self) -> Past:
        """Log return over each hour."""
        close = self.close.values
        return self.past(close[1:] - close[:-1])

    @cached_property
    def averages(self) -> dict[int, Series]:
        """Exponential averages of absolute returns by half-life, hours."""
        return averages(self.returns.values, span=self.returns.span)

    @cached_property
    def volatility(self) -> Series:
        """The scale: expected absolute log return of an hour. Unknown in a market that does not move at all."""
        scale: Series = reduce(np.add, self.averages.values()) / len(self.averages)
        scale[scale <= 0] = np.nan
        return scale

    @cached_property
    def height(self) -> Past:
        """Log of the high over the low."""
        return self.past(self.high.values - self.low.values)

    @cached_property
    def signed_volume(self) -> Past:
        """Volume with the sign of the hour's return."""
        returns = self.returns.values
        return self.past(np.sign(returns) * self.volume.values[-len(returns) :])

    @cached_property
    def hour(self) -> Hours:
        """UTC hour of the day."""
        return self.hours % 24

    def past(self, values: Series) -> Past:
        """A series derived from the candles, seen from the same hours."""
        return Past(values, self.close.span)

    def move(self, hours: int) -> Series:
        """Log price change over the last *hours* hours."""
        return self.close.now - self.close.ago(hours)


def volatility(market: Market) -> Series:
    """Expected absolute log return of an hour: what moves are measured in."""
    return market.volatility


def scaled_return(market: Market, lag: int) -> Series:
    """Return *lag* hours ago, in volatilities."""
    return market.returns.ago(lag) / market.volatility


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
    return market.height.mean(hours) / market.volatility


def close_location(market: Market) -> Series:
    """Where the close lies in its candle: -1 at the low, 1 at the high, 0 in a candle without height."""
    above, below = market.close.now - market.low.now, market.high.now - market.close.now
    return _ratio(above - below, market.height.now, otherwise=0.0)


def upper_wick(market: Market) -> Series:
    """From the body's top to the high, in volatilities."""
    return (market.high.now - np.maximum(market.open.now, market.close.now)) / market.volatility


def lower_wick(market: Market) -> Series:
    """From the low to the body's bottom, in volatilities."""
    return (np.minimum(market.open.now, market.close.now) - market.low.now) / market.volatility


def relative_volume(market: Market, hours: int) -> Series:
    """Log of the volume over its mean of the last *hours* hours; not below -5, so that a silent hour stays finite."""
    usual = market.volume.mean(hours)
    usual[usual <= 0] = np.nan
    return np.log(np.maximum(market.volume.now / usual, np.exp(-5.0)))


def volume_push(market: Market, hours: int) -> Series:
    """The last return, in volatilities, times its relative volume: moves with and without trade behind them."""
    return scaled_return(market, 0) * relative_volume(market, hours)


def volume_balance(market: Market, hours: int) -> Series:
    """Share of the volume traded in rising hours minus that in falling ones, over *hours* hours."""
    traded = market.volume.mean(hours)
    traded[traded <= 0] = np.nan
    return market.signed_volume.mean(hours) / traded


def range_position(market: Market, hours: int) -> Series:
    """Where the close lies between the lowest low (0) and the highest high (1) of *hours* hours."""
    low, high = market.low.minimum(hours), market.high.maximum(hours)
    height = high - low
    return _ratio(market.close.now - low, height, otherwise=0.5)


def relative_strength(market: Market, hours: int) -> Series:
    """Cutler's RSI, 0 to 1: rising part of all movement in *hours* returns; 0.5 without movement."""
    total = market.past(np.abs(market.returns.values)).mean(hours)
    rising = market.past(np.maximum(market.returns.values, 0.0)).mean(hours)
    return _ratio(rising, total, otherwise=0.5)


def hour_of_day(market: Market) -> Series:
    """UTC hour in which the candle opened, 0 to 23."""
    return market.hour.astype("float64")


def day_of_week(market: Market) -> Series:
    """UTC weekday on which the candle opened, Monday 0 to Sunday 6."""
    return ((market.hours // 24 + 3) % 7).astype("float64")  # 1970-01-01 was a Thursday


def hour_sine(market: Market) -> Series:
    """Time of day as a point on a circle: its sine."""
    return np.sin(_CLOCK)[market.hour]


def hour_cosine(market: Market) -> Series:
    """Time of day as a point on a circle: its cosine."""
    return np.cos(_CLOCK)[market.hour]


def _ratio(part: Series, whole: Series, otherwise: float) -> Series:
    """part / whole, *otherwise* where there is no whole, null where the whole is unknown."""
    ratio: Series = np.divide(part, whole, out=np.where(np.isnan(whole), np.nan, otherwise), where=whole > 0)
    return ratio
