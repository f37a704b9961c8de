"""Where the recorded candles lie that some rows need."""

from __future__ import annotations

import os
from pathlib import Path

from candlecast.errors import NotFound


def recordings() -> dict[str, Path]:
    """The Parquet file of each recorded symbol. Raises NotFound where there is none."""
    folder = Path(os.environ.get("CANDLECAST_MARKET") or Path(__file__).parents[3] / "shared" / "market")
    files = {file.stem: file for file in sorted(folder.glob("*.parquet"))}
    if not files:
        raise NotFound(f"there are no recorded candles in {folder}; name their folder with CANDLECAST_MARKET.")
    return files
