"""The model registry in the bucket: versions, their bundles and verdicts, and which of them is the champion.

models/symbol=S/champion.json is the one pointer that decides what serves. It is swapped only while it still names the
version that the new one was compared with. Everything else is written once and never again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError
from pydantic import BaseModel, ValidationError

from candlecast import hours
from candlecast.errors import BadBundle, NotFound, WriteConflict
from candlecast.promotion import Champion, TrainingVerdict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Document = TypeVar("Document", bound=BaseModel)

_ABSENT = {"NoSuchKey", "404"}
_UNCHANGED = {"304", "NotModified"}
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409", *_ABSENT}


@dataclass(frozen=True)
class _Pointer:
    champion: Champion
    etag: str


class Registry:
    """The models of one bucket. A champion read before is re-read only when its ETag has changed."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client, self._bucket = client, bucket
        self._pointers: dict[str, _Pointer] = {}

    def champion(self, symbol: str) -> Champion | None:
        """The version that serves a symbol; None before the first promotion. Raises BadBundle when it is no pointer."""
        pointer = self._pointer(symbol)
        return pointer.champion if pointer else None

    def promote(self, symbol: str, champion: Champion, expected_version: str | None) -> None:
        """Makes *champion* the one that serves, if *expected_version* (None: no version) still serves.

        Repeating a promotion that succeeded is harmless. Raises WriteConflict when another version serves by now.
        """
        pointer = self._pointer(symbol)
        serving = pointer.champion if pointer else None
        if serving != champion:
            if (serving.version if serving else None) != expected_version:
                raise WriteConflict(
                    f"{symbol}: version {champion.version} was compared with version {expected_version}, but version "
                    f"{serving.version if serving else None} serves by now; judge it against that one."
                )
            condition = {"IfMatch": pointer.etag} if pointer else {"IfNoneMatch": "*"}
            if not self._put(_champion_key(symbol), champion, condition):
                raise WriteConflict(f"{symbol}: another promotion was first; judge version {champion.version} again.")
        # After the swap, so that history tells only of what happened; a repeat after a crash in between completes it.
        self._put(f"{_models(symbol)}history/{hours.text(champion.promoted_at)}.json", champion, {"IfNoneMatch": "*"})

    def history(self, symbol: str) -> list[Champion]:
        """Every promotion of a symbol, oldest first."""
        keys = self._keys(f"{_models(symbol)}history/")
        return [self._document(Champion, key) for key in sorted(keys)]

    def bundle(self, champion: Champion) -> bytes:
        """The model bundle of a champion. Raises BadBundle when it is missing or not the one that was registered."""
        try:
            bundle = self._read(champion.uri)
        except NotFound as error:
            raise BadBundle(f"The bundle of version {champion.version} is gone: {error}") from None
        if hashlib.sha256(bundle).hexdigest() != champion.sha256:
            raise BadBundle(
                f"{champion.uri} is not the bundle that was registered (its sha256 differs); promote a version whose "
                "bundle is intact, or train again."
            )
        return bundle

    def versions(self, symbol: str) -> list[str]:
        """The registered versions of a symbol, oldest first."""
        prefix = f"{_models(symbol)}version="
        versions = {key.removeprefix(prefix).split("/")[0] for key in self._keys(prefix)}
        return sorted((version for version in versions if version.isdecimal()), key=int)

    def verdict(self, symbol: str, version: str) -> TrainingVerdict:
        """What the training run that made a version concluded. Raises NotFound, or BadBundle when it cannot be read."""
        return self._document(TrainingVerdict, f"{_models(symbol)}version={version}/verdict.json")

    def drift_latest(self, symbol: str) -> dict[str, Any] | None:
        """The newest drift check's metrics.json; None before the first check."""
        try:
            latest: dict[str, Any] = json.loads(self._read(f"reports/drift/symbol={symbol}/latest.json"))
        except NotFound:
            return None
        return latest

    def _pointer(self, symbol: str) -> _Pointer | None:
        known = self._pointers.get(symbol)
        condition: dict[str, Any] = {"IfNoneMatch": known.etag} if known else {}
        key = _champion_key(symbol)
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **condition)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _UNCHANGED:
                return known
            if code in _ABSENT:
                self._pointers.pop(symbol, None)
                return None
            raise
        pointer = _Pointer(_parsed(Champion, key, answer["Body"].read()), answer["ETag"])
        self._pointers[symbol] = pointer
        return pointer

    def _document(self, kind: type[Document], key: str) -> Document:
        return _parsed(kind, key, self._read(key))

    def _read(self, key: str) -> bytes:
        try:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                raise NotFound(f"s3://{self._bucket}/{key} does not exist.") from None
            raise

    def _put(self, key: str, document: BaseModel, condition: dict[str, Any]) -> bool:
        body = document.model_dump_json(indent=2).encode()
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", **condition
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_THE_RACE:
                return False
            raise
        return True

    def _keys(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _models(symbol: str) -> str:
    return f"models/symbol={symbol}/"


def _champion_key(symbol: str) -> str:
    return f"{_models(symbol)}champion.json"


def _parsed(kind: type[Document], key: str, body: bytes) -> Document:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise BadBundle(f"{key} is no valid {kind.__name__}: {error}") from None
