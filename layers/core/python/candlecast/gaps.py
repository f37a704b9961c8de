"""Which hours of a series have no candle, and who was asked for them. Plain values: no pandas, the api imports this.

gaps/symbol=S/timeframe=1h/gaps.json holds one record per series. It tells what is missing, never when it was looked
for: a run that finds what the one before found changes no byte.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from botocore.exceptions import ClientError
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from candlecast import hours
from candlecast.errors import Stop, WriteConflict
from candlecast.hours import HOUR

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 8
_ABSENT = {"NoSuchKey", "404"}
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409", *_ABSENT}


def _full_hour(instant: datetime) -> datetime:
    if not hours.on_grid(instant):
        raise ValueError("must be a full hour")
    return instant.astimezone(UTC)


FullHour = Annotated[AwareDatetime, AfterValidator(_full_hour)]


class Gap(BaseModel):
    """The hours [start, end), UTC, without a candle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: FullHour
    end: FullHour
    asked: tuple[str, ...]
    """The exchanges that were asked for it, by name; none where no run has looked there yet."""

    @property
    def hours(self) -> int:
        """How long it is."""
        return round((self.end - self.start) / HOUR)


class GapRecord(BaseModel):
    """What is missing of one series between the first and the last hour that any run has looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    since: FullHour | None = None
    """The first hour looked at; None before the first run."""
    until: FullHour | None = None
    """The end of the last hour looked at."""
    gaps: tuple[Gap, ...] = ()
    """In order, apart from each other or asked of different exchanges."""

    @property
    def inner(self) -> tuple[Gap, ...]:
        """The gaps behind the first candle. What is missing at the very start is where the history begins."""
        begin = self.since
        for position, gap in enumerate(self.gaps):
            if gap.start != begin:
                return self.gaps[position:]
            begin = gap.end
        return ()

    @property
    def hours(self) -> int:
        """How many hours the inner gaps have together."""
        return sum(gap.hours for gap in self.inner)

    def missing(self, hour: datetime) -> bool:
        """Whether this hour is known to have no candle."""
        return any(gap.start <= hour < gap.end for gap in self.gaps)

    def replaced(self, start: datetime, end: datetime, missing: Sequence[datetime], asked: Iterable[str]) -> GapRecord:
        """The record after a run that looked at the hours [start, end) and has no candle of those in *missing*.

        *asked*: the exchanges it asked for them; those asked by earlier runs stay named. Hours between this range and
        what was looked at before count as missing and never asked for. So the order of several runs does not matter.
        Raises ValueError for a missing hour outside of the range.
        """
        if any(not start <= hour < end for hour in missing):
            raise ValueError(f"missing hours must lie in [{hours.text(start)}, {hours.text(end)})")
        since, until = self.since or start, self.until or end
        found = [
            *self._outside(start, end),
            *(Gap(start=a, end=b, asked=()) for a, b in ((end, since), (until, start)) if a < b),
            *(self._still_missing(hour, asked) for hour in missing),
        ]
        return GapRecord(since=min(since, start), until=max(until, end), gaps=tuple(_joined(found)))

    def _outside(self, start: datetime, end: datetime) -> Iterator[Gap]:
        """What of the gaps lies before start and behind end."""
        for gap in self.gaps:
            for a, b in ((gap.start, min(gap.end, start)), (max(gap.start, end), gap.end)):
                if a < b:
                    yield Gap(start=a, end=b, asked=gap.asked)

    def _still_missing(self, hour: datetime, asked: Iterable[str]) -> Gap:
        before = next((gap.asked for gap in self.gaps if gap.start <= hour < gap.end), ())
        return Gap(start=hour, end=hour + HOUR, asked=tuple(sorted({*asked, *before})))


def _joined(gaps: Iterable[Gap]) -> Iterator[Gap]:
    """The gaps in order; those that touch and were asked of the same exchanges as one."""
    last: Gap | None = None
    for gap in sorted(gaps, key=lambda each: each.start):
        if last and last.end == gap.start and last.asked == gap.asked:
            last = last.model_copy(update={"end": gap.end})
        else:
            if last:
                yield last
            last = gap
    if last:
        yield last


class GapStore:
    """The gap records of one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def read(self, symbol: str) -> GapRecord:
        """A symbol's record, in one request; an empty one before its first run. Raises Stop when it is no record."""
        return self._read(symbol)[0]

    def update(self, symbol: str, change: Callable[[GapRecord], GapRecord]) -> GapRecord:
        """Applies *change* to a symbol's record and stores the result, if it differs.

        *change* may be applied more than once, each time after the record was read. So one that looks at the stored
        candles itself has seen every candle that was there when the record was last put.
        Raises WriteConflict when other writers were first ATTEMPTS times in a row.
        """
        key = _key(symbol)
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 (spreads writers, guards nothing)
            stored, etag = self._read(symbol)
            record = change(stored)
            if record == stored or self._put(key, record, etag):
                return record
        raise WriteConflict(
            f"{key} was changed by another writer {ATTEMPTS} times in a row; run again when fewer write at once."
        )

    def _read(self, symbol: str) -> tuple[GapRecord, str | None]:
        key = _key(symbol)
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return GapRecord(), None
            raise
        try:
            return GapRecord.model_validate_json(answer["Body"].read()), answer["ETag"]
        except ValidationError as error:
            raise Stop(f"s3://{self._bucket}/{key} is no gap record; delete it and run a backfill: {error}") from None

    def _put(self, key: str, record: GapRecord, etag: str | None) -> bool:
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        body = record.model_dump_json(indent=2).encode()
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", **condition
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_THE_RACE:
                return False
            raise
        return True


def _key(symbol: str) -> str:
    return f"gaps/symbol={symbol}/timeframe=1h/gaps.json"
