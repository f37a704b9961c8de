"""The champion's interval between trainings: what it has learnt from the hours that settled since, beside its bundle.

models/symbol=S/version=N/calibration.json holds the state after some hour. It is no more than a shortcut: the state is
a function of the bundle and of the stored features, so a lost, damaged or overtaken one is made again from these. An
hour is learnt once, in order, by the state's own cursor; a run that dies before the put leaves its hours to the next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from candlecast import calibration, hours
from candlecast.calibration import Calibration
from candlecast.hours import HOUR
from candlecast.model import Model
from candlecast.series import Series
from candlecast.telemetry import logger
from lambdas.predict.champion import Warm

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEMA_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = {"NoSuchKey", "404"}
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409", *_ABSENT}


@dataclass(frozen=True)
class _Stored:
    state: Calibration | None
    """None where there is none, or none that can be used."""
    etag: str | None


@dataclass(frozen=True)
class Live:
    """A champion as it stands at an origin."""

    model: Model
    champion: Warm
    etag: str | None
    """Of the stored state that it began with; None where none is stored."""
    news: bool
    """Whether it has learnt from hours that the stored state does not know."""


class LiveCalibrations:
    """The stored states of one bucket's champions."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def at(self, champion: Warm, series: Series, hour: datetime) -> Live:
        """*champion* having learnt from every stored outcome up to that of *hour*, and from none after it."""
        stored = self._read(champion)
        if stored.state and learnt_until(stored.state) > hour:  # a late event: what came later is not for it
            return Live(_learning(champion.model, series, hour), champion, stored.etag, news=False)
        begun = stored.state or champion.model.intervals.calibration
        model = _learning(_with(champion.model, begun), series, hour)
        return Live(model, champion, stored.etag, news=model.intervals.calibration.until > begun.until)

    def keep(self, live: Live) -> None:
        """Stores what is new, unless another run has stored its own meanwhile: the next run goes on from either."""
        if not live.news:
            return
        document = {
            "schema_version": SCHEMA_VERSION,
            "bundle_sha256": live.champion.sha256,
            "until": hours.text(learnt_until(live.model.intervals.calibration)),
            "calibration": live.model.intervals.calibration.record(),
        }
        condition: dict[str, Any] = {"IfMatch": live.etag} if live.etag else {"IfNoneMatch": "*"}
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=_key(live.champion),
                Body=json.dumps(document).encode(),
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _LOST_THE_RACE:
                raise

    def _read(self, champion: Warm) -> _Stored:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=_key(champion))
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return _Stored(None, None)
            raise
        try:
            return _Stored(_state(json.loads(answer["Body"].read()), champion), answer["ETag"])
        except (KeyError, TypeError, ValueError) as error:
            logger.warning(
                "stored calibration cannot be used; made again from the bundle's",
                extra={"key": _key(champion), "fault": f"{type(error).__name__}: {error}"},
            )
            return _Stored(None, answer["ETag"])


def learnt_until(state: Calibration) -> datetime:
    """The newest target hour that a state has learnt from."""
    return _EPOCH + state.until * HOUR


def first_lesson(model: Model, hour: datetime) -> datetime:
    """The candle from whose row on *model* learns up to the target hour *hour*: at most as many as it remembers."""
    return max(learnt_until(model.intervals.calibration), hour - calibration.HOURS * HOUR)


def _learning(model: Model, series: Series, hour: datetime) -> Model:
    first = first_lesson(model, hour)
    return model.settled(series.rows("features", first, hour)) if first < hour else model


def _with(model: Model, state: Calibration) -> Model:
    return replace(model, intervals=replace(model.intervals, calibration=state))


def _state(document: dict[str, Any], champion: Warm) -> Calibration:
    if document["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema {document['schema_version']}, this code reads {SCHEMA_VERSION}")
    if document["bundle_sha256"] != champion.sha256:
        raise ValueError("it belongs to another bundle")
    state = Calibration.from_record(document["calibration"])
    fitted = champion.model.intervals.calibration
    if state.coverage != fitted.coverage or state.until < fitted.until:
        raise ValueError("it is no continuation of the bundle's")
    return state


def _key(champion: Warm) -> str:
    return champion.key.rpartition("/")[0] + "/calibration.json"
