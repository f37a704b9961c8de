"""Recorded candles for tests: written as Parquet files by the tests themselves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RECORDED_FROM = datetime.fromisoformat("2024-01-01T00:00:00Z")
RECORDED_HOURS = 24 * 90


def write_recording(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def recording(start: datetime, hours: int, *, price: float = 40_000.0, seed: int = 1) -> dict[str, Any]:
    """Columns of a recording: a consistent random walk with prices of one decimal."""
    draw = np.random.default_rng(seed)
    closes = np.round(price * np.exp(np.cumsum(0.005 * draw.standard_normal(hours))), 1)
    opens = np.concatenate([[price], closes[:-1]])
    return {
        "timestamp": pa.array(
            int(start.timestamp()) * 10**9 + np.arange(hours) * 3600 * 10**9, pa.timestamp("ns", "UTC")
        ),
        "open": opens,
        "high": np.round(np.maximum(opens, closes) * 1.001, 1),
        "low": np.round(np.minimum(opens, closes) * 0.999, 1),
        "close": closes,
        "volume": np.round(draw.uniform(10, 500, hours), 3),
    }
