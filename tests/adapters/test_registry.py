"""The registry: one pointer decides, it is swapped only from where one thought it stood."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from candlecast.errors import BadBundle, NotFound, WriteConflict
from candlecast.promotion import Champion, TrainingVerdict
from candlecast.registry import Registry
from tests.cloud import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SYMBOL = "BTC-USDT"
BUNDLE = b"a model"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def champion(version: str, previous: str | None = None) -> Champion:
    return Champion(
        version=version,
        uri=f"models/symbol={SYMBOL}/version={version}/model.tar.gz",
        sha256=hashlib.sha256(BUNDLE).hexdigest(),
        promoted_at=NOON + timedelta(hours=int(version)),
        reason="better",
        previous_version=previous,
    )


def test_before_the_first_promotion_there_is_no_champion(registry: Registry) -> None:
    assert registry.champion(SYMBOL) is None
    assert registry.history(SYMBOL) == []


def test_a_promotion_swaps_the_pointer_and_goes_down_in_history(registry: Registry) -> None:
    registry.promote(SYMBOL, champion("1"), expected_version=None)
    registry.promote(SYMBOL, champion("2", previous="1"), expected_version="1")

    assert registry.champion(SYMBOL) == champion("2", previous="1")
    assert registry.history(SYMBOL) == [champion("1"), champion("2", previous="1")]


def test_a_challenger_that_was_compared_with_another_champion_is_not_promoted(registry: Registry) -> None:
    registry.promote(SYMBOL, champion("1"), expected_version=None)

    for expected in (None, "7"):
        with pytest.raises(WriteConflict, match="version 1 serves by now"):
            registry.promote(SYMBOL, champion("2"), expected_version=expected)

    assert registry.champion(SYMBOL) == champion("1")
    assert registry.history(SYMBOL) == [champion("1")]


def test_of_two_promotions_at_once_one_wins(registry: Registry, s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rival, put = Registry(s3, BUCKET), s3.put_object

    def overtaken(**request: object) -> object:
        monkeypatch.setattr(s3, "put_object", put)
        rival.promote(SYMBOL, champion("2"), expected_version=None)
        return put(**request)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(s3, "put_object", overtaken)

    with pytest.raises(WriteConflict, match="another promotion was first"):
        registry.promote(SYMBOL, champion("1"), expected_version=None)

    assert registry.champion(SYMBOL) == champion("2")


def test_repeating_a_promotion_is_harmless(registry: Registry) -> None:
    registry.promote(SYMBOL, champion("1"), expected_version=None)
    registry.promote(SYMBOL, champion("1"), expected_version=None)

    assert registry.history(SYMBOL) == [champion("1")]


def test_a_promotion_interrupted_before_its_history_is_completed_by_the_repeat(
    registry: Registry, s3: S3Client
) -> None:
    registry.promote(SYMBOL, champion("1"), expected_version=None)
    s3.delete_object(Bucket=BUCKET, Key=f"models/symbol={SYMBOL}/history/2026-11-20T13:00:00Z.json")

    registry.promote(SYMBOL, champion("1"), expected_version=None)

    assert registry.history(SYMBOL) == [champion("1")]


def test_an_unchanged_pointer_is_not_sent_again(registry: Registry, s3: S3Client) -> None:
    registry.promote(SYMBOL, champion("1"), expected_version=None)
    registry.champion(SYMBOL)
    statuses: list[int] = []
    s3.meta.events.register(
        "after-call.s3.GetObject", lambda http_response, **_: statuses.append(http_response.status_code)
    )

    assert registry.champion(SYMBOL) == champion("1")
    assert statuses == [304]

    Registry(s3, BUCKET).promote(SYMBOL, champion("2"), expected_version="1")
    assert registry.champion(SYMBOL) == champion("2"), "a swap by someone else is seen at once"


def test_a_pointer_that_is_no_champion_says_which_object_is_broken(registry: Registry, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"models/symbol={SYMBOL}/champion.json", Body=b'{"version": 1}')

    with pytest.raises(BadBundle, match=r"champion\.json"):
        registry.champion(SYMBOL)


def test_a_bundle_is_handed_out_only_if_it_is_the_registered_one(registry: Registry, s3: S3Client) -> None:
    with pytest.raises(BadBundle, match="gone"):
        registry.bundle(champion("1"))

    s3.put_object(Bucket=BUCKET, Key=champion("1").uri, Body=BUNDLE)
    assert registry.bundle(champion("1")) == BUNDLE

    s3.put_object(Bucket=BUCKET, Key=champion("1").uri, Body=b"another model")
    with pytest.raises(BadBundle, match="sha256 differs"):
        registry.bundle(champion("1"))


def test_versions_are_listed_by_number(registry: Registry, s3: S3Client) -> None:
    for version in ("2", "10", "1"):
        s3.put_object(Bucket=BUCKET, Key=f"models/symbol={SYMBOL}/version={version}/model.tar.gz", Body=BUNDLE)

    assert registry.versions(SYMBOL) == ["1", "2", "10"]


def test_a_verdict_is_read_as_it_was_written(registry: Registry, s3: S3Client) -> None:
    verdict = TrainingVerdict(
        symbol=SYMBOL,
        version="3",
        bundle_key=champion("3").uri,
        sha256=champion("3").sha256,
        promote=True,
        reason="first model",
        compared_with=None,
    )
    key = f"models/symbol={SYMBOL}/version=3/verdict.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=verdict.model_dump_json().encode())

    assert registry.verdict(SYMBOL, "3") == verdict
    with pytest.raises(NotFound, match="version=4"):
        registry.verdict(SYMBOL, "4")


def test_the_latest_drift_check_is_none_before_the_first(registry: Registry, s3: S3Client) -> None:
    assert registry.drift_latest(SYMBOL) is None

    s3.put_object(
        Bucket=BUCKET, Key=f"reports/drift/symbol={SYMBOL}/latest.json", Body=json.dumps({"breach": False}).encode()
    )

    assert registry.drift_latest(SYMBOL) == {"breach": False}
