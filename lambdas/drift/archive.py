"""The drift reports in the bucket: one folder per symbol and day, and latest.json, which carries the state over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from candlecast import hours
from candlecast.errors import WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
_ABSENT = {"NoSuchKey", "404"}
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409", *_ABSENT}


@dataclass(frozen=True, slots=True)
class Latest:
    """latest.json: the newest check's metrics, and when a retraining was last started."""

    metrics: Mapping[str, Any]
    etag: str | None
    """None where there is no check yet."""

    @property
    def checked_at(self) -> datetime | None:
        """The `now` of the newest check."""
        return hours.parse(self.metrics["checked_at"]) if self.metrics else None

    @property
    def last_retrain(self) -> datetime | None:
        """When drift last started a retraining."""
        started = self.metrics.get("last_retrain")
        return hours.parse(started) if started else None


class Archive:
    """Reads and writes the drift reports of one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def latest(self, symbol: str) -> Latest:
        """The newest check of a symbol; without metrics before the first."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=_latest_key(symbol))
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return Latest({}, None)
            raise
        return Latest(json.loads(answer["Body"].read()), answer["ETag"])

    def page_key(self, symbol: str, now: datetime) -> str:
        """Where the HTML report of that day's check lies."""
        return f"{_folder(symbol, now)}report.html"

    def keep(self, symbol: str, now: datetime, page: str, metrics: Mapping[str, Any]) -> None:
        """Writes the day's report.html and then its metrics.json; a repeated check overwrites its own."""
        self.add(symbol, now, "report.html", page)
        self._put(f"{_folder(symbol, now)}metrics.json", _json(metrics), "application/json")

    def add(self, symbol: str, now: datetime, name: str, page: str) -> None:
        """Writes a further HTML page of the day."""
        self._put(f"{_folder(symbol, now)}{name}", page, "text/html; charset=utf-8")

    def advance(self, symbol: str, known: Latest, metrics: Mapping[str, Any]) -> None:
        """Makes *metrics* the newest ones, unless a later check was faster; its retraining start is kept either way.

        *known*: as this check has read it. Raises WriteConflict when others were first ATTEMPTS times in a row.
        """
        for _ in range(ATTEMPTS):
            if self._replaced(symbol, known, _merged(known, metrics)):
                return
            known = self.latest(symbol)
        raise WriteConflict(f"{_latest_key(symbol)} was changed {ATTEMPTS} times in a row; run the check again.")

    def _replaced(self, symbol: str, known: Latest, metrics: Mapping[str, Any]) -> bool:
        condition = {"IfMatch": known.etag} if known.etag else {"IfNoneMatch": "*"}
        try:
            self._put(_latest_key(symbol), _json(metrics), "application/json", **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_THE_RACE:
                return False
            raise
        return True

    def _put(self, key: str, text: str, kind: str, **condition: Any) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType=kind, **condition)


def _merged(known: Latest, mine: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metrics of the later check, with the later of both retraining starts."""
    later = known.metrics if known.metrics and known.metrics["checked_at"] > mine["checked_at"] else mine
    starts = [start for start in (known.metrics.get("last_retrain"), mine["last_retrain"]) if start]
    return {**later, "last_retrain": max(starts, default=None)}


def _folder(symbol: str, now: datetime) -> str:
    return f"reports/drift/symbol={symbol}/date={now:%Y-%m-%d}/"


def _latest_key(symbol: str) -> str:
    return f"reports/drift/symbol={symbol}/latest.json"


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, allow_nan=False)
