"""The lake: one Parquet object per symbol and month, rewritten in place and never lost to a second writer.

An object is read together with its ETag and replaced only if it still has that ETag, or created only if it is still
absent. Whoever comes second reads again and applies its change again. A change that changes nothing writes nothing.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import awswrangler as wr
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from candlecast import candles, features, hours
from candlecast.errors import LakeUnavailable, WriteConflict
from candlecast.forecast import SETTLEMENT_FIELDS, Forecast

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 8
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "404"}
_UNCHANGED = {"NotModified", "304"}


Name = Literal["candles", "features", "forecasts", "quarantine", "revisions"]
Change = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Dataset:
    """What a month's object is called and what it holds."""

    path: str
    hour: str
    """The column that says to which hour, and so to which month, a row belongs."""
    columns: dict[str, str]
    """Type of each column, in order."""

    @cached_property
    def empty(self) -> pd.DataFrame:
        """A table of this dataset without rows."""
        return self._shaped(pd.DataFrame())

    def conform(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with exactly these columns and types, sorted by hour; a column it lacks is null throughout."""
        shaped = table
        if list(table.columns) != list(self.columns) or list(table.dtypes) != list(self.empty.dtypes):
            shaped = self._shaped(table)
        if shaped[self.hour].is_monotonic_increasing:
            return candles.indexed(shaped)
        return shaped.sort_values(self.hour, ignore_index=True)

    def _shaped(self, table: pd.DataFrame) -> pd.DataFrame:
        shaped = table.reindex(columns=list(self.columns)).astype(self.columns)
        for name, kind in self.columns.items():
            if kind == "object":
                shaped.loc[shaped[name].isna(), name] = None
        return shaped


_TIME = "datetime64[us, UTC]"


def _forecast_columns() -> dict[str, str]:
    """Forecast.record() as columns, but for the symbol, which the path says."""
    times = dict.fromkeys(("target_hour", "origin", "made_at"), _TIME)
    texts = dict.fromkeys(("timeframe", "kind", "model_version", "note"), "object")
    special = times | texts | {"inside_interval": "boolean"}
    names = [f.name for f in fields(Forecast) if f.name not in {"symbol", "settlement"}]
    return {name: special.get(name, "float64") for name in [*names, *SETTLEMENT_FIELDS]}


DATASETS: dict[Name, Dataset] = {
    "candles": Dataset(
        "candles/exchange={exchange}/symbol={symbol}/timeframe=1h/month={month}/candles.parquet",
        "open_time",
        candles.TYPES,
    ),
    "features": Dataset(
        "features/symbol={symbol}/timeframe=1h/month={month}/features.parquet",
        "open_time",
        {"open_time": _TIME} | dict.fromkeys(("close", "volatility", *features.NAMES, "target_return"), "float64"),
    ),
    "forecasts": Dataset(
        "forecasts/symbol={symbol}/month={month}/forecasts.parquet", "target_hour", _forecast_columns()
    ),
    "quarantine": Dataset(
        "quarantine/symbol={symbol}/timeframe=1h/month={month}/quarantine.parquet",
        "open_time",
        candles.TYPES | {"reason": "object"},
    ),
    "revisions": Dataset(
        "revisions/symbol={symbol}/timeframe=1h/month={month}/revisions.parquet",
        "open_time",
        candles.TYPES | {"superseded_at": _TIME},
    ),
}


@dataclass(frozen=True)
class Month:
    """One object as it was read or left."""

    table: pd.DataFrame
    etag: str | None
    """None where there is no object."""


class Lake:
    """The Parquet datasets of one bucket. *exchange* is the name that stands in the path of the candles."""

    def __init__(self, client: S3Client, bucket: str, exchange: str) -> None:
        self._client, self._bucket, self._exchange = client, bucket, exchange

    def key(self, dataset: Name, symbol: str, month: str) -> str:
        """The object that holds a month (2026-11) of a dataset."""
        return DATASETS[dataset].path.format(exchange=self._exchange, symbol=symbol, month=month)

    def read(self, dataset: Name, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        """The rows of the hours [start, end), in one request per month; without rows where nothing is stored."""
        shape = DATASETS[dataset]
        tables = [self.month(dataset, symbol, month).table for month in hours.months(start, end)]
        filled = [table for table in tables if not table.empty]
        if not filled:
            return shape.empty
        return joined([candles.between(table, start, end, shape.hour) for table in filled])

    def month(self, dataset: Name, symbol: str, month: str, known: Month | None = None) -> Month:
        """One month's object and its ETag, in one request; an empty table where there is none.

        *known*: the month as it was read before; it is not sent again if it is still so.
        Raises LakeUnavailable.
        """
        shape, key = DATASETS[dataset], self.key(dataset, symbol, month)
        condition: dict[str, Any] = {"IfNoneMatch": known.etag} if known and known.etag else {}
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **condition)
            body = answer["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _ABSENT:
                return Month(shape.empty, None)
            if known and code in _UNCHANGED:
                return known
            raise _unavailable(key, error) from error
        except BotoCoreError as error:
            raise _unavailable(key, error) from error
        return Month(shape.conform(_table(body)), answer["ETag"])

    def update(self, dataset: Name, symbol: str, month: str, change: Change, known: Month | None = None) -> Month:
        """Applies *change* to a month's table and stores the result, if it differs.

        *change* gets the stored table and returns the new one; it may be applied more than once.
        *known*: the month as this run has just read it, to save a request.
        Raises WriteConflict when other writers were first ATTEMPTS times in a row, and LakeUnavailable.
        """
        shape, key = DATASETS[dataset], self.key(dataset, symbol, month)
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 (spreads writers, guards nothing)
                known = None
            stored = known or self.month(dataset, symbol, month)
            table = shape.conform(change(stored.table))
            if table.equals(stored.table):
                return stored
            etag = self._put(dataset, key, table, stored.etag)
            if etag is not None:
                return Month(table, etag)
        raise WriteConflict(
            f"{key} was changed by another writer {ATTEMPTS} times in a row; run again when fewer write at once."
        )

    def _put(self, dataset: Name, key: str, table: pd.DataFrame, expected: str | None) -> str | None:
        """Writes the object if it still is as expected: its new ETag, or None when it is not."""
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        body = encoded(dataset, table)
        try:
            return self._client.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_THE_RACE | _ABSENT:
                return None
            raise _unavailable(key, error) from error
        except BotoCoreError as error:
            raise _unavailable(key, error) from error


def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The tables one below the other, with a plain index."""
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else candles.indexed(tables[0])


def encoded(dataset: Name, table: pd.DataFrame) -> bytes:
    """The Parquet object that holds a conformed table, by awswrangler."""
    kept = _Kept()
    wr.s3.to_parquet(
        table.copy(deep=False),  # it may be a part of another one, and awswrangler sets columns
        "s3://nowhere/object.parquet",
        index=False,
        compression="zstd",
        use_threads=False,
        dtype={name: "string" for name, kind in DATASETS[dataset].columns.items() if kind == "object"},
        pyarrow_additional_kwargs={
            "coerce_timestamps": "us",
            "version": "2.6",
            "flavor": None,
            "use_dictionary": False,  # numbers hardly repeat: dictionaries of them cost time and space
        },
        boto3_session=cast("boto3.Session", kept),
    )
    return kept.body


def _table(body: bytes) -> pd.DataFrame:
    """The table in a Parquet object: texts as objects, flags that may be null as booleans."""
    content = pq.ParquetFile(io.BytesIO(body)).read(use_threads=False)
    return content.to_pandas(ignore_metadata=True, types_mapper=_extension_type, use_threads=False)


def _extension_type(kind: pa.DataType) -> pd.BooleanDtype | None:
    return pd.BooleanDtype() if pa.types.is_boolean(kind) else None


class _Kept:
    """Session and client in one, for a single write by awswrangler: it keeps the body instead of sending it.

    awswrangler puts without conditions, and after a failure a second time when its file object is collected: whenever
    that is.
    """

    body = b""

    def client(self, **_: Any) -> _Kept:
        return self

    def put_object(self, **request: Any) -> None:
        self.body = request["Body"]


def _unavailable(key: str, error: Exception) -> LakeUnavailable:
    return LakeUnavailable(
        f"S3 refused {key} ({error}); run again later, every object is whole. If it stays so, check the permissions."
    )
