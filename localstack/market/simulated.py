"""The simulated market: any hour of any year of any listed symbol, determined by the seed and nothing else.

A block of hours is made from its own random ground (see shocks.py). Its returns are shocks times volatility, which
clusters, knows the hour and the day of the week, and changes regime. Their sum is bent, by a little in every hour and
in proportion to variance, so that the block leads from one anchor price to the next: a random walk that can be entered
anywhere and stays within reach of its middle.

An honest bit of it can be forecast: small moves tend to be taken back, large ones are not, so that the median of the
next return leans against the last hours while its mean hardly does. `REVERSAL` sets how much; at its value a good
median forecast beats zero-change by about 1 % of MAE, as on the real market of 2022-24.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import floor, log, log10
from typing import TypeVar

import numpy as np

from localstack.market.candles import Candles, Floats, Hours
from localstack.market.regimes import Regime, Regimes
from localstack.market.shocks import BLOCK, Shocks, blend, generator, log_volatility, noise, shocks

FIRST, LAST = 0, 2_000_000  # hours that can be asked for: 1970 to 2198
Path = TypeVar("Path", float, Floats)  # log prices at one hour or at many
MARKET = "*"  # name of the ground that all symbols share

# Price in the middle of the range, mean absolute hourly change in basis points, share of the market's own movement.
KNOWN = {
    "BTC": (48_000.0, 35.0, 0.85), "ETH": (2_600.0, 44.0, 0.85), "BNB": (420.0, 43.0, 0.75),
    "SOL": (110.0, 70.0, 0.70), "XRP": (0.9, 55.0, 0.65), "ADA": (0.55, 58.0, 0.70),
    "DOGE": (0.14, 60.0, 0.65), "AVAX": (32.0, 68.0, 0.70), "LINK": (15.0, 62.0, 0.70),
    "LTC": (95.0, 50.0, 0.70), "MATIC": (0.85, 64.0, 0.70), "NEAR": (4.5, 74.0, 0.65),
}  # fmt: skip
SYMBOLS = tuple(f"{base}-USDT" for base in KNOWN)

# Share of the mean absolute change in each UTC hour and on each day from Monday on, as measured on BTC 2022-24.
BY_HOUR = (1.09, 1.09, 0.93, 0.80, 0.68, 0.74, 0.80, 0.80, 0.89, 0.81, 0.78, 0.82,
           1.01, 1.17, 1.41, 1.38, 1.15, 1.20, 1.15, 1.14, 1.12, 1.06, 1.03, 0.95)  # fmt: skip
BY_DAY = (1.12, 1.12, 1.18, 1.10, 1.08, 0.64, 0.75)

REVERSAL = 0.30  # lean of the median, in standard deviations, when the last hours call for all of it
LARGE = 1.2  # standard deviations from which on a move is not taken back
CHASE = 1.7  # lean of the large moves the other way, which keeps the mean near zero
MEMORY = 12  # hours that the lean looks back
WICK = 0.42  # mean size of a wick in standard deviations
RANGE = 0.45  # how far anchors stray from the middle, in log price
CHANGE_TO_SCALE = 1.05  # standard deviation at log-volatility 0 over the mean absolute change, found by measuring


@dataclass(frozen=True)
class _Traits:
    middle: float
    scale: float  # standard deviation of an hour's log return at log-volatility 0
    share: float
    volume: float  # base units in a middling hour
    decimals: int


@dataclass(frozen=True)
class _Block:
    """Log prices of one symbol and block before any commanded regime; entry 0 is the close before the block."""

    close: Floats
    lean: Floats  # what reversal alone added to `close`
    gap: Floats  # log open less log close of the hour before; as all below without an entry for that hour
    upper: Floats  # wicks as log ratios to the body
    lower: Floats
    volume: Floats


class Simulated:
    """A seeded market of these symbols, with the regimes that were commanded laid over it."""

    def __init__(self, seed: int, symbols: tuple[str, ...] = SYMBOLS, regimes: Regimes | None = None) -> None:
        self.label = f"simulated market, seed {seed}"
        self.symbols = symbols
        self.regimes = regimes or Regimes()
        self._seed = seed
        self._traits = {symbol: _traits(seed, symbol) for symbol in symbols}
        self._common = lru_cache(maxsize=4)(lambda block: shocks(seed, MARKET, block))
        self._block = lru_cache(maxsize=24)(self._made)

    def decimals(self, symbol: str) -> int:
        return self._traits[symbol].decimals

    def bounds(self, symbol: str) -> tuple[int, int]:  # noqa: ARG002  every symbol has always been traded here
        return FIRST, LAST

    def select(self, symbol: str, start: int, end: int, limit: int, *, newest: bool) -> Candles:
        start, end = max(start, FIRST), min(end, LAST)
        if newest:
            start = max(start, end - limit + 1)
        else:
            end = min(end, start + limit - 1)
        return self._candles(symbol, np.arange(start, max(end + 1, start), dtype=np.int64))

    def _candles(self, symbol: str, hours: Hours) -> Candles:
        traits = self._traits[symbol]
        if not len(hours):
            return Candles.of(hours, [np.empty(0)] * 5)
        first, stop = int(hours[0]), int(hours[-1]) + 1
        close, lean = self._column(symbol, "close", first, stop), self._column(symbol, "lean", first, stop)
        regimes = self.regimes.of(symbol)
        path, wildness = self._commanded(symbol, regimes, first, close, lean)
        opened = path[:-1] + self._hourly(symbol, "gap", first, stop)
        closed = path[1:]
        top, bottom = np.maximum(opened, closed), np.minimum(opened, closed)
        logs = (
            opened,
            top + wildness * self._hourly(symbol, "upper", first, stop),
            bottom - wildness * self._hourly(symbol, "lower", first, stop),
            closed,
        )
        tick = 10.0**-traits.decimals
        prices = [np.maximum(np.round(np.exp(log_price), traits.decimals), tick) for log_price in logs]
        volume = np.maximum(np.round(wildness**0.8 * self._hourly(symbol, "volume", first, stop), 5), 1e-5)
        return Candles.of(hours, [*prices, volume])

    def _commanded(
        self, symbol: str, regimes: tuple[Regime, ...], first: int, close: Floats, lean: Floats
    ) -> tuple[Floats, Floats]:
        """The path of closes from the hour before `first` on, and by what volatility is multiplied in each hour.

        From a regime's first hour on, distances from the close before it are stretched, so that nothing earlier moves.
        """
        hours = first - 1 + np.arange(len(close))
        path, wildness = close.copy(), np.ones(len(close))
        turned: tuple[Regime, float, float, float] | None = None
        for regime in regimes:
            base_close = level = self._at(symbol, "close", regime.hour - 1)
            base_lean = self._at(symbol, "lean", regime.hour - 1)
            if turned is not None:
                level = _stretched(*turned, base_close, base_lean)
            turned = regime, level, base_close, base_lean
            inside = hours >= regime.hour
            path[inside] = _stretched(*turned, close[inside], lean[inside])
            wildness[inside] = regime.volatility
        return path, wildness[1:]

    def _at(self, symbol: str, column: str, hour: int) -> float:
        return float(self._column(symbol, column, hour + 1, hour + 1)[0])

    def _column(self, symbol: str, column: str, first: int, stop: int) -> Floats:
        """The column from the hour before `first` to the one before `stop`."""
        blocks = range(first // BLOCK, (max(stop, first + 1) - 1) // BLOCK + 1)
        whole = [getattr(self._block(symbol, block), column)[(0 if block == blocks[0] else 1) :] for block in blocks]
        offset = first - blocks[0] * BLOCK
        return np.concatenate(whole)[offset : offset + stop - first + 1]

    def _hourly(self, symbol: str, column: str, first: int, stop: int) -> Floats:
        blocks = range(first // BLOCK, (stop - 1) // BLOCK + 1)
        whole = np.concatenate([getattr(self._block(symbol, block), column) for block in blocks])
        offset = first - blocks[0] * BLOCK
        return whole[offset : offset + stop - first]

    def _made(self, symbol: str, block: int) -> _Block:
        traits = self._traits[symbol]
        ground = blend(self._common(block), shocks(self._seed, symbol, block), traits.share)
        common, own = (noise(self._seed, name, block - 1) for name in (MARKET, symbol))
        before = blend(common, own, traits.share).tail(MEMORY)
        clock = _season(block)
        level = log_volatility(ground.processes) + np.log(clock)
        sigma = traits.scale * np.exp(level)
        weight = sigma**2 / np.sum(sigma**2)
        lean = sigma * _lean(before, ground)
        lean -= weight * np.sum(lean)
        anchors = self._anchor(symbol, block), self._anchor(symbol, block + 1)
        moves = sigma * ground.shock
        moves += weight * (anchors[1] - anchors[0] - np.sum(moves))
        jitter = generator(self._seed, symbol, block, "gap").standard_normal(BLOCK)
        activity = 0.9 * level + 0.45 * np.abs(ground.shock) + 0.3 * ground.activity
        return _Block(
            close=anchors[0] + np.concatenate([[0.0], np.cumsum(moves + lean)]),
            lean=np.concatenate([[0.0], np.cumsum(lean)]),
            gap=0.002 * sigma * jitter,
            upper=WICK * sigma * ground.upper,
            lower=WICK * sigma * ground.lower,
            volume=traits.volume * np.exp(activity),
        )

    def _anchor(self, symbol: str, block: int) -> float:
        """Log of the close before the block."""
        share = self._traits[symbol].share
        own = generator(self._seed, symbol, block, "anchor").standard_normal()
        market = generator(self._seed, MARKET, block, "anchor").standard_normal()
        stray = share * market + (1 - share**2) ** 0.5 * own
        return log(self._traits[symbol].middle) + RANGE * float(np.clip(stray, -2, 2))


def _stretched(regime: Regime, level: float, base_close: float, base_lean: float, close: Path, lean: Path) -> Path:
    """Where the path is under the regime, which began at `level`, where the uncommanded one is at `close`."""
    return level + regime.volatility * (close - base_close + (regime.reversal - 1) * (lean - base_lean))


def _lean(before: Shocks, here: Shocks) -> Floats:
    """By how many standard deviations each hour's move is shifted because of the hours before it."""
    shock = np.concatenate([before.shock, here.shock])
    upper, lower = np.concatenate([before.upper, here.upper]), np.concatenate([before.lower, here.lower])
    high, low = np.maximum(shock, 0) + WICK * upper, np.minimum(shock, 0) - WICK * lower
    place = (2 * shock - high - low) / (high - low)  # of the close in the range of its hour, from -1 to 1
    drift = np.convolve(shock, np.ones(6) / np.sqrt(6))[: len(shock)]
    call = 0.55 * place + 0.15 * np.tanh(shock) + 0.35 * np.tanh(np.roll(shock, 1)) + 0.15 * np.tanh(drift)
    small = (1 + CHASE) * np.exp(-((np.abs(here.shock) / LARGE) ** 4)) - CHASE
    lean: Floats = -REVERSAL * call[MEMORY - 1 : -1] * small
    return lean


def _season(block: int) -> Floats:
    hours = block * BLOCK + np.arange(BLOCK)
    season: Floats = np.asarray(BY_HOUR)[hours % 24] * np.asarray(BY_DAY)[(hours // 24 + 3) % 7]
    return season


def _traits(seed: int, symbol: str) -> _Traits:
    base = symbol.partition("-")[0]
    draw = generator(seed, symbol, "traits")
    price, change, share = KNOWN.get(base) or (
        float(10 ** draw.uniform(-2, 3)), float(draw.uniform(50, 90)), float(draw.uniform(0.55, 0.75))
    )  # fmt: skip
    turnover = 4e7 if base == "BTC" else float(10 ** draw.uniform(5.5, 7))  # quote currency in a middling hour
    decimals = min(max(6 - floor(log10(price)), 0), 8)
    return _Traits(price, change / 1e4 * CHANGE_TO_SCALE, share, turnover / price, decimals)
