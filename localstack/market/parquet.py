"""`python -m localstack.market.parquet FILE...` writes each file's candles to standard output in numpy's own format:
the hours, then the five columns of values; oldest first, each hour once.

The first file that cannot be served ends it with code 1 and one line on standard error.
"""

from __future__ import annotations

import io
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from localstack.market.candles import SECONDS, Candles
from localstack.market.recorded import COLUMNS


def read(path: str) -> Candles:
    """The file's candles. Raises ValueError, OSError or pyarrow's ArrowException when it holds none that are whole."""
    have = pq.read_schema(path).names
    if missing := [name for name in COLUMNS if name not in have]:
        raise ValueError(f"it has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}.")
    table = pq.read_table(path, columns=list(COLUMNS))
    if not table.num_rows:
        raise ValueError("it has no rows.")
    if any(column.null_count for column in table.columns):
        raise ValueError("it has rows without a value; drop or fill them.")
    instants = table["timestamp"]
    if not pa.types.is_timestamp(instants.type):
        raise ValueError(f"its column timestamp is {instants.type}, not a timestamp.")
    seconds = pc.cast(pc.cast(instants, pa.timestamp("s", instants.type.tz), safe=False), pa.int64()).to_numpy()
    if np.any(seconds % SECONDS):
        raise ValueError("its timestamps are not all at the start of an hour.")
    hours, first = np.unique(seconds // SECONDS, return_index=True)
    return Candles.of(hours, [pc.cast(table[name], pa.float64()).to_numpy()[first] for name in COLUMNS[1:]])


def main() -> None:
    for path in sys.argv[1:]:
        try:
            candles = read(path)
        except (ValueError, OSError, pa.ArrowException) as error:
            sys.exit(f"{path} cannot be served: {str(error).splitlines()[0]}")
        for values in (candles.hour, np.stack(candles.values)):
            whole = io.BytesIO()  # numpy seeks in real files, and a pipe cannot be sought
            np.save(whole, values)
            sys.stdout.buffer.write(whole.getbuffer())


if __name__ == "__main__":
    main()
