"""The registry object is taken, changed and given back without losing anyone's work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from candlecast.errors import NotFound, WriteConflict
from tests.cloud import BUCKET
from training.bucket_registry import KEY, BucketRegistry, Copy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def registry(s3: S3Client, tmp_path: Path) -> BucketRegistry:
    return BucketRegistry(s3, BUCKET, tmp_path)


def add(copy: Copy, word: str) -> None:
    with closing(sqlite3.connect(copy.path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
        database.execute("INSERT INTO words VALUES (?)", (word,))


def words(copy: Copy) -> list[str]:
    with closing(sqlite3.connect(copy.path)) as database:
        return [word for (word,) in database.execute("SELECT word FROM words ORDER BY rowid")]


def test_before_the_first_run_there_is_nothing_to_read(registry: BucketRegistry) -> None:
    with pytest.raises(NotFound, match="train a model"):
        registry.read()


def test_what_one_run_gives_back_the_next_one_takes(registry: BucketRegistry) -> None:
    copy = next(registry.copies())
    assert copy.etag is None
    add(copy, "first")
    assert copy.give_back()
    again = next(registry.copies())
    add(again, "second")
    assert again.give_back()
    assert words(registry.read()) == ["first", "second"]


def test_of_two_first_runs_one_is_told_that_it_lost(s3: S3Client, registry: BucketRegistry, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    mine, theirs = (next(r.copies()) for r in (registry, BucketRegistry(s3, BUCKET, tmp_path / "other")))
    add(mine, "mine")
    add(theirs, "theirs")
    assert theirs.give_back()
    assert not mine.give_back()
    assert words(registry.read()) == ["theirs"]


def test_a_run_that_lost_starts_again_from_the_fresh_copy(
    s3: S3Client, registry: BucketRegistry, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = BucketRegistry(s3, BUCKET, tmp_path / "other")
    attempts = 0
    for copy in registry.copies(pause=0):
        attempts += 1
        add(copy, "mine")
        if attempts == 1:
            theirs = next(other.copies())
            add(theirs, "theirs")
            assert theirs.give_back()
        if copy.give_back():
            break
    assert attempts == 2
    assert words(registry.read()) == ["theirs", "mine"]


def test_a_run_that_always_loses_gives_up_with_the_remedy(s3: S3Client, registry: BucketRegistry) -> None:
    def lose_always() -> None:
        for number, copy in enumerate(registry.copies(attempts=3, pause=0)):
            add(copy, "mine")
            s3.put_object(Bucket=BUCKET, Key=KEY, Body=copy.path.read_bytes() + bytes([number]))
            assert not copy.give_back()

    with pytest.raises(WriteConflict, match="in each of 3 attempts; train fewer symbols at once"):
        lose_always()


def test_what_a_connection_still_holds_in_its_journal_is_given_back_too(registry: BucketRegistry) -> None:
    copy = next(registry.copies())
    with closing(sqlite3.connect(copy.path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        with database:
            database.execute("CREATE TABLE words (word TEXT)")
            database.execute("INSERT INTO words VALUES ('logged')")
        assert copy.give_back()
    assert words(registry.read()) == ["logged"]
