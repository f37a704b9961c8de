"""The declared features in polars, as one lazy query over candles without a gap."""

from __future__ import annotations

import math

import polars as pl

from candlecast.measures import HALF_LIVES


def compute(candles: pl.DataFrame) -> pl.DataFrame:
    """volatility and every feature, one row per candle."""
    high, low, close, opened, volume = (pl.col(name) for name in ("high", "low", "close", "open", "volume"))
    returns, scale = pl.col("returns"), pl.col("volatility")
    averages = [f"average_{half}" for half in HALF_LIVES]
    base = (
        candles.lazy()
        .with_columns(pl.col("open", "high", "low", "close").log())
        .with_columns(returns=close.diff(), height=high - low)
        .with_columns(
            size=returns.abs(),
            signed=returns.sign() * volume,
            rise=returns.clip(lower_bound=0.0),
            hour=pl.col("open_time").dt.hour().cast(pl.Float64),
        )
        .with_columns(
            finite_average(half, memory).alias(name)
            for name, (half, memory) in zip(averages, HALF_LIVES.items(), strict=True)
        )
        .with_columns(volatility=pl.sum_horizontal(averages, ignore_nulls=False) / len(averages))
    )
    relative_volume = (volume / volume.rolling_mean(168)).clip(lower_bound=math.exp(-5)).log()
    angle = 2 * math.pi * pl.col("hour") / 24
    return base.select(
        scale,
        *((returns.shift(lag) / scale).alias(f"scaled_return_{lag}") for lag in (0, 1, 2, 3, 4, 5, 23)),
        absolute_return_0=pl.col("size") / scale,
        **{f"momentum_{h}": close.diff(h) / (scale * math.sqrt(h)) for h in (6, 12, 24, 72, 168)},
        **{f"volatility_ratio_{half}": pl.col(f"average_{half}") / scale for half in (6, 24)},
        mean_range_1=pl.col("height") / scale,
        mean_range_24=pl.col("height").rolling_mean(24) / scale,
        close_location=((close - low) - (high - close)) / pl.col("height"),
        upper_wick=(high - pl.max_horizontal(opened, close)) / scale,
        lower_wick=(pl.min_horizontal(opened, close) - low) / scale,
        relative_volume_168=relative_volume,
        volume_push_168=returns / scale * relative_volume,
        **{f"volume_balance_{h}": pl.col("signed").rolling_mean(h) / volume.rolling_mean(h) for h in (6, 24)},
        **{f"range_position_{h}": _range_position(close, low.rolling_min(h), high.rolling_max(h)) for h in (24, 168)},
        relative_strength_14=pl.col("rise").rolling_mean(14) / pl.col("size").rolling_mean(14),
        hour_of_day=pl.col("hour"),
        day_of_week=(pl.col("open_time").dt.weekday() - 1).cast(pl.Float64),
        hour_sine=angle.sin(),
        hour_cosine=angle.cos(),
    ).collect()


def finite_average(half_life: int, memory: int) -> pl.Expr:
    """polars' endless exponential average without what lies further back than *memory* hours."""
    decay = 0.5 ** (1 / half_life)
    endless = pl.col("size").fill_null(0.0).ewm_mean(half_life=half_life, adjust=False)
    return (endless - decay**memory * endless.shift(memory)) / (1 - decay**memory)


def _range_position(close: pl.Expr, lowest: pl.Expr, highest: pl.Expr) -> pl.Expr:
    return (close - lowest) / (highest - lowest)
