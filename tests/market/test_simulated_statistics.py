"""The simulated market: what makes it look like a market, and how little of it can be forecast.

Bounds are wide around what was measured on real BTC candles of 2022-24 (named beside each), over several seeds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from localstack.market.candles import Candles, Floats
from localstack.market.regimes import RegimeOrder
from localstack.market.simulated import Simulated

START, YEARS = 455_832, 3  # from 2022-01-01T00:00Z
HOURS = YEARS * 8766
SEEDS = (1, 7, 42)


@lru_cache
def history(seed: int, symbol: str = "BTC-USDT", reversal: float = 1.0) -> Candles:
    market = Simulated(seed)
    market.regimes.command(RegimeOrder.model_validate({"from": START * 3600, "reversal": reversal}))
    return market.select(symbol, START, START + HOURS - 1, HOURS, newest=False)


def returns(candles: Candles) -> Floats:
    moves: Floats = np.diff(np.log(candles.close))
    return moves


def autocorrelation(values: Floats, lag: int) -> float:
    return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])


def place(candles: Candles) -> Floats:
    """Of the close in the range of its hour, from -1 (at the low) to 1 (at the high)."""
    places: Floats = (2 * candles.close - candles.high - candles.low) / np.maximum(candles.high - candles.low, 1e-9)
    return places


@pytest.mark.parametrize("seed", SEEDS)
def test_returns_have_fat_tails_and_the_size_of_real_ones(seed: int) -> None:
    moves = returns(history(seed))
    kurtosis = float(np.mean((moves - moves.mean()) ** 4) / moves.var() ** 2)
    assert 9 < kurtosis < 80  # real: 18
    assert 22 < 1e4 * np.abs(moves).mean() < 55  # real: 35 basis points


@pytest.mark.parametrize("seed", SEEDS)
def test_volatility_clusters_over_hours_days_and_weeks(seed: int) -> None:
    sizes = np.abs(returns(history(seed)))
    assert 0.22 < autocorrelation(sizes, 1) < 0.48  # real: 0.29
    assert 0.10 < autocorrelation(sizes, 24) < 0.35  # real: 0.17
    assert 0.04 < autocorrelation(sizes, 168) < 0.30  # real: 0.12
    weekly = sizes[: len(sizes) // 168 * 168].reshape(-1, 168).mean(axis=1)
    assert 0.25 < np.log(weekly).std() < 0.65  # real: 0.42; calm and wild regimes


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hour_and_the_weekday_show_in_volatility(seed: int) -> None:
    candles = history(seed)
    sizes, hours = np.abs(returns(candles)), candles.hour[1:]
    by_hour = np.array([sizes[hours % 24 == hour].mean() for hour in range(24)]) / sizes.mean()
    assert by_hour[14] > 1.25 * by_hour[4]  # real: 1.41 against 0.68
    weekend = np.isin((hours // 24 + 3) % 7, (5, 6))
    assert sizes[weekend].mean() < 0.8 * sizes[~weekend].mean()  # real: 0.62


@pytest.mark.parametrize("seed", SEEDS)
def test_volume_moves_with_the_range(seed: int) -> None:
    candles = history(seed)
    span = np.log(candles.high / candles.low)
    correlation = float(np.corrcoef(np.log(candles.volume), np.log(span + 1e-6))[0, 1])
    assert 0.6 < correlation < 0.95  # real: 0.85


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("symbol", ["BTC-USDT", "SOL-USDT"])
def test_the_median_of_the_next_return_leans_against_the_last_hour_a_little(seed: int, symbol: str) -> None:
    candles = history(seed, symbol)
    guess, moves = -np.sign(place(candles)[:-1]), returns(candles)
    hits = float(np.mean(guess * moves > 0))
    assert 0.52 < hits < 0.57  # real: 0.55


@pytest.mark.parametrize("seed", SEEDS)
def test_no_rule_pays_for_its_trades(seed: int) -> None:
    candles = history(seed)
    moves = returns(candles)
    lags = np.column_stack([moves[7 - lag : -1 - lag] for lag in range(7)] + [place(candles)[8:-1]])
    following = moves[8:]
    fit, *_ = np.linalg.lstsq(lags, following, rcond=None)
    explained = 1 - np.var(following - lags @ fit) / np.var(following)
    assert explained < 0.02  # fitted and scored on the same hours: an upper bound
    assert abs(autocorrelation(moves, 1)) < 0.1
    assert all(abs(autocorrelation(moves, lag)) < 0.06 for lag in (2, 3, 6, 12, 24, 48))
    guess = -np.sign(place(candles)[:-1])
    assert 1e4 * float(np.mean(guess * moves)) < 5  # basis points an hour; a trade costs about 10


@pytest.mark.parametrize("seed", SEEDS)
def test_a_commanded_reversal_turns_the_lean_around_or_takes_it_away(seed: int) -> None:
    hits = []
    for reversal in (1.0, 0.0, -1.0):
        candles = history(seed, reversal=reversal)
        hits.append(float(np.mean(-np.sign(place(candles)[:-1]) * returns(candles) > 0)))
    assert hits[0] > 0.52
    assert hits[1] == pytest.approx(0.5, abs=0.012)
    assert hits[2] < 0.48
