"""A bucket in memory whose every request waits for its turn: any interleaving of runs, any death between two requests.

The bucket answers conditional reads and writes as S3 does (tests/adapters hold the lake to moto's).
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError


class Killed(BaseException):
    """The function's end, as Lambda brings it: nothing catches it."""


def _error(operation: str, code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]  # enough of it


class MemoryBucket:
    """boto3's S3 client, as far as the lake and the gap records use it."""

    def __init__(self, bodies: Mapping[str, bytes] | None = None) -> None:
        self.bodies = dict(bodies or {})
        self.before_each: Callable[[], None] = lambda: None
        self.after_each: Callable[[], None] = lambda: None
        self.refuses_writes = False
        self.requests: list[tuple[str, str]] = []

    def etags(self) -> dict[str, str]:
        return {key: _etag(body) for key, body in sorted(self.bodies.items())}

    def get_object(self, **request: Any) -> dict[str, Any]:
        key = request["Key"]
        with self._turn("GetObject", key):
            if key not in self.bodies:
                raise _error("GetObject", "NoSuchKey", 404)
            body = self.bodies[key]
            if _etag(body) == request.get("IfNoneMatch"):
                raise _error("GetObject", "304", 304)
            return {"Body": io.BytesIO(body), "ETag": _etag(body)}

    def put_object(self, **request: Any) -> dict[str, Any]:
        key, expected = request["Key"], request.get("IfMatch")
        with self._turn("PutObject", key):
            if self.refuses_writes:
                raise _error("PutObject", "SlowDown", 503)
            stored = _etag(self.bodies[key]) if key in self.bodies else None
            if expected and stored is None:
                raise _error("PutObject", "NoSuchKey", 404)
            if (expected and stored != expected) or ("IfNoneMatch" in request and stored):
                raise _error("PutObject", "PreconditionFailed", 412)
            self.bodies[key] = bytes(request["Body"])
            return {"ETag": _etag(self.bodies[key])}

    @contextmanager
    def _turn(self, operation: str, key: str) -> Iterator[None]:
        self.before_each()
        self.requests.append((operation, key))
        yield
        self.after_each()


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


@dataclass
class Actor:
    """A run, and at which of its moments (twice as many as it makes requests) it dies, if it does."""

    run: Callable[[], object]
    dies_at: int | None = None
    moments: int = 0
    failure: BaseException | None = None

    def moment(self) -> None:
        self.moments += 1
        if self.moments - 1 == self.dies_at:
            raise Killed

    @property
    def died(self) -> bool:
        return isinstance(self.failure, Killed)


class Stage:
    """Runs actors on one bucket, one request at a time, in the order that a script gives."""

    def __init__(self, bucket: MemoryBucket) -> None:
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._next: str | None = None
        self._actors: dict[str, Actor] = {}
        bucket.before_each, bucket.after_each = self._before, self._after

    def play(self, actors: Iterable[Actor], script: Iterator[int]) -> None:
        """Plays until every actor has ended. At each step the script's number picks one of those that wait."""
        self._actors = {f"actor {position}": actor for position, actor in enumerate(actors)}
        threads = [threading.Thread(target=self._live, name=name) for name in self._actors]
        alive = len(threads)
        for thread in threads:
            thread.start()
        while alive:
            with self._changed:
                self._changed.wait_for(lambda: len(self._waiting) == sum(t.is_alive() for t in threads), timeout=0.02)
                alive = sum(thread.is_alive() for thread in threads)
                if self._waiting and len(self._waiting) == alive:
                    self._next = sorted(self._waiting)[next(script, 0) % alive]
                    self._waiting.remove(self._next)
                    self._changed.notify_all()
        for actor in self._actors.values():
            if actor.failure and not actor.died:
                raise actor.failure

    def _live(self) -> None:
        actor = self._actors[threading.current_thread().name]
        try:
            actor.run()
        except BaseException as failure:  # noqa: BLE001 (told by play)
            actor.failure = failure

    def _before(self) -> None:
        name = threading.current_thread().name
        if name in self._actors:
            with self._changed:
                self._waiting.append(name)
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._next == name)
                self._next = None
            self._actors[name].moment()

    def _after(self) -> None:
        name = threading.current_thread().name
        if name in self._actors:
            self._actors[name].moment()
