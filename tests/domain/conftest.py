"""Markets for the domain's tests: simulated ones with a known habit, and recorded ones where they are at hand."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from candlecast import candles, features, labels

Simulate = Callable[..., pd.DataFrame]
Recorded = Callable[..., pd.DataFrame]

INGESTED = pd.Timestamp("2026-01-01T00:00Z")


def simulate_market(
    hours: int, seed: int = 0, start: str = "2025-01-01T00:00Z", reversal: float = 0.25
) -> pd.DataFrame:
    """Consistent candles with waves of volatility; each return takes back the share *reversal* of the one before it."""
    random = np.random.default_rng(seed)
    clock = np.arange(hours)
    volatility = 0.004 * np.exp(0.5 * np.sin(clock / 170) + 0.4 * np.sin(2 * np.pi * clock / 24))
    shocks = volatility * random.standard_t(4, hours) / 2**0.5
    returns = shocks.copy()
    for i in range(1, hours):
        returns[i] -= reversal * returns[i - 1]
    close = 30_000 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[30_000.0], close[:-1]])
    reach = np.abs(random.normal(0, volatility, (2, hours)))
    table = pd.DataFrame(
        {
            "open_time": pd.date_range(start, periods=hours, freq="h", unit="us"),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + reach[0]),
            "low": np.minimum(opened, close) * (1 - reach[1]),
            "close": close,
            "volume": random.lognormal(3, 0.7, hours),
            "source": "simulated",
            "ingested_at": INGESTED,
        }
    )
    return candles.conform(table)


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    return simulate_market


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    """A slice of a recorded market as a candle table."""
    folder = Path(os.environ.get("CANDLECAST_MARKET", Path(__file__).parents[2].parent / "shared" / "market"))

    def load(symbol: str, start: str, end: str) -> pd.DataFrame:
        file = folder / f"{symbol}.parquet"
        if not file.exists():
            pytest.skip(f"no recorded market: {symbol}.parquet is not in the folder that CANDLECAST_MARKET names")
        rows = pd.read_parquet(file).rename(columns={"timestamp": "open_time"})
        table = candles.conform(rows.assign(source="recorded", ingested_at=INGESTED))
        wanted = (table["open_time"] >= pd.Timestamp(start)) & (table["open_time"] < pd.Timestamp(end))
        return table[wanted].reset_index(drop=True)

    return load


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Features and targets of 200 simulated days in which small moves revert: something can be learnt."""
    table = features.compute(simulate_market(4800, seed=5, reversal=0.4))
    return table.assign(target_return=labels.target_return(table))
