"""Recorded candles, read from a directory of `SYMBOL*.parquet` files.

Columns: timestamp (open time, UTC), open, high, low, close, volume. The symbol is what the file name begins with, as in
`BTC-USDT.parquet` or `BTC-USDT_2020-2024.parquet`. The files are read by a process of their own, because pyarrow would
otherwise stay in the server's memory for as long as it runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

from localstack.market.candles import Candles

SYMBOL = re.compile(r"^([A-Z0-9]{2,12}-[A-Z0-9]{2,12})(?![A-Z0-9])")
COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")


class BadRecording(Exception):
    """The directory holds no candles that can be served; the message says why and what to do."""


class Recorded:
    """The market of a directory. Raises BadRecording when made from one that cannot be served."""

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise BadRecording(f"{directory} is not a directory; name one that holds SYMBOL*.parquet files.")
        files: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(directory.glob("*.parquet")):
            if named := SYMBOL.match(path.name):
                files[named[1]].append(path)
        if not files:
            raise BadRecording(f"{directory} holds no file named like BTC-USDT.parquet.")
        self.label = f"recorded candles of {directory.resolve().name}"
        read = _read([path for paths in files.values() for path in paths])
        self._candles = {symbol: _joined([next(read) for _ in paths]) for symbol, paths in files.items()}
        self._decimals = {symbol: _decimals(candles) for symbol, candles in self._candles.items()}

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._candles)

    def decimals(self, symbol: str) -> int:
        return self._decimals[symbol]

    def bounds(self, symbol: str) -> tuple[int, int]:
        hours = self._candles[symbol].hour
        return int(hours[0]), int(hours[-1])

    def select(self, symbol: str, start: int, end: int, limit: int, *, newest: bool) -> Candles:
        candles = self._candles[symbol]
        first = int(np.searchsorted(candles.hour, start, "left"))
        stop = int(np.searchsorted(candles.hour, end, "right"))
        if newest:
            return candles.part(slice(max(first, stop - limit), max(first, stop)))
        return candles.part(slice(first, max(first, min(stop, first + limit))))


def _read(paths: list[Path]) -> Iterator[Candles]:
    """The candles of each file in turn. Raises BadRecording with the first bad file and what is wrong with it."""
    child = subprocess.run(
        [sys.executable, "-m", "localstack.market.parquet", *map(str, paths)], capture_output=True, check=False
    )
    if child.returncode:
        raise BadRecording(f"{child.stderr.decode().strip()}")
    written = BytesIO(child.stdout)
    for _ in paths:
        hours, values = np.load(written), np.load(written)
        yield Candles.of(hours, list(values))


def _joined(parts: list[Candles]) -> Candles:
    """One series of several files, oldest first; where two hold the same hour the later file's candle counts."""
    if len(parts) == 1:
        return parts[0]
    hours = np.concatenate([part.hour for part in parts])
    _, last = np.unique(hours[::-1], return_index=True)
    rows = len(hours) - 1 - last
    columns = zip(*(part.values for part in parts), strict=True)
    return Candles.of(hours[rows], [np.concatenate(column)[rows] for column in columns])


def _decimals(candles: Candles) -> int:
    """The most decimal places that the newest closes are written with, at most 8."""
    texts = (f"{close:.8f}".rstrip("0") for close in candles.close[-1000:].tolist())
    return max(len(text.partition(".")[2]) for text in texts)
