"""MLflow's registry without a server: its SQLite database kept as one object in the bucket.

A training run takes a copy, works on it, and gives it back only if the object is still the one it took. A run that
lost the race starts again from the fresh copy. Artifacts lie in the bucket beside it and are never rewritten.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from candlecast.errors import NotFound, WriteConflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "mlflow/registry.db"
ARTIFACTS = "mlflow/artifacts"
ATTEMPTS = 5
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409", "NoSuchKey", "404"}
_ABSENT = {"NoSuchKey", "404"}


class BucketRegistry:
    """The registry object of one bucket; *folder* holds the private copies."""

    def __init__(self, s3: S3Client, bucket: str, folder: Path) -> None:
        self._s3, self._bucket, self._folder = s3, bucket, folder

    @property
    def artifacts(self) -> str:
        """Where runs put their artifacts."""
        return f"s3://{self._bucket}/{ARTIFACTS}"

    def copies(self, attempts: int = ATTEMPTS, pause: float = 0.5) -> Iterator[Copy]:
        """A fresh copy for each attempt, with a growing, jittered pause (seconds) before each further one.

        Raises WriteConflict when all were used up.
        """
        for attempt in range(attempts):
            if attempt:
                time.sleep(pause * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311 (jitter, no secret)
            yield self._take(self._folder / f"registry-{attempt + 1}.db")
        raise WriteConflict(
            f"s3://{self._bucket}/{KEY} was changed by another training run in each of {attempts} attempts; "
            "train fewer symbols at once, or set training.mlflow_tracking_uri to a server."
        )

    def read(self) -> Copy:
        """A copy to look at. Raises NotFound before the first training run."""
        copy = self._take(self._folder / "registry.db")
        if copy.etag is None:
            raise NotFound(f"s3://{self._bucket}/{KEY} does not exist: nothing is registered yet; train a model.")
        return copy

    def replace(self, copy: Copy) -> bool:
        """Puts *copy* in the object's place; False when another run was first."""
        condition: dict[str, Any] = {"IfMatch": copy.etag} if copy.etag else {"IfNoneMatch": "*"}
        try:
            self._s3.put_object(Bucket=self._bucket, Key=KEY, Body=_compact(copy.path), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] in _LOST_THE_RACE:
                return False
            raise
        return True

    def _take(self, path: Path) -> Copy:
        path.unlink(missing_ok=True)
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=KEY)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return Copy(self, path, None)
            raise
        path.write_bytes(answer["Body"].read())
        return Copy(self, path, answer["ETag"])


@dataclass(frozen=True, slots=True)
class Copy:
    """A private copy of the registry."""

    registry: BucketRegistry
    path: Path
    etag: str | None
    """Of the object it was taken from; None where there was none yet."""

    @property
    def uri(self) -> str:
        """As MLflow's tracking URI."""
        return f"sqlite:///{self.path}"

    def give_back(self) -> bool:
        """Makes this copy the registry; False when another run was first."""
        return self.registry.replace(self)


def _compact(database: Path) -> bytes:
    """The database as one file, whatever journal its connections still keep."""
    compacted = database.with_suffix(".compact")
    compacted.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(compacted),))
    return compacted.read_bytes()
