"""Challenger and champion meet on hours that neither of them was fitted on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from candlecast import hours
from candlecast.bundle import to_bundle
from candlecast.model import Model, fit
from candlecast.promotion import Champion
from candlecast.registry import Registry
from candlecast.settings import ForecastSettings, PromotionSettings
from tests.cloud import BUCKET
from tests.training.conftest import FIRST_AS_OF, HOLDOUT_DAYS, MINIMUM_HOURS, SYMBOL
from training.contest import Opponent, hold, holdout_start
from training.dataset import Dataset

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RULE = PromotionSettings(holdout_days=HOLDOUT_DAYS, minimum_hours=MINIMUM_HOURS, margin=1.005)
PROMISED = ForecastSettings(coverage=0.8, shrinkage=0.5)
FITTED = partial(fit, coverage=0.8, shrinkage=0.5, threads=1)


def champion_of(dataset: Dataset, known_at: datetime) -> Opponent:
    """A champion that was trained at *known_at*."""
    model = FITTED(dataset.before(known_at))
    return Opponent("4", model, hours.parse(model.manifest["training"]["end"]) + 2 * hours.HOUR)


def test_the_candidate_is_fitted_without_the_hold_out_and_an_hour_before_it(dataset: Dataset) -> None:
    fitted_on: list[pd.DataFrame] = []

    def spy(rows: pd.DataFrame) -> Model:
        fitted_on.append(rows)
        return FITTED(rows)

    contest = hold(dataset, None, spy, RULE, PROMISED)
    assert contest.start == datetime(2025, 3, 31, tzinfo=UTC)
    newest_label_known = fitted_on[0]["open_time"].iloc[-1] + pd.Timedelta(hours=2)
    assert newest_label_known == pd.Timestamp(contest.start) - pd.Timedelta(hours=1)
    assert contest.candidate.hours == HOLDOUT_DAYS * 24
    assert contest.end == datetime(2025, 4, 10, tzinfo=UTC)


def test_without_a_champion_only_zero_change_is_compared_with(dataset: Dataset) -> None:
    contest = hold(dataset, None, FITTED, RULE, PROMISED)
    assert (contest.champion, contest.champion_version) == (None, None)
    assert contest.judgement.promote
    judged_at_full_size = contest.judgement.figures["skill"]
    assert isinstance(judged_at_full_size, float)
    assert judged_at_full_size > contest.candidate.skill > 0


def test_an_old_champion_is_scored_on_the_whole_hold_out(dataset: Dataset) -> None:
    contest = hold(dataset, champion_of(dataset, FIRST_AS_OF - timedelta(days=25)), FITTED, RULE, PROMISED)
    assert contest.start == datetime(2025, 3, 31, tzinfo=UTC)
    assert contest.champion
    assert contest.champion.hours == contest.judgement.figures["hours"] == HOLDOUT_DAYS * 24


def test_a_younger_champion_shortens_the_hold_out_to_what_it_has_not_seen(dataset: Dataset) -> None:
    trained = datetime(2025, 4, 5, tzinfo=UTC)
    contest = hold(dataset, champion_of(dataset, trained), FITTED, RULE, PROMISED)
    assert contest.start == trained
    assert contest.champion
    assert contest.champion.hours == contest.candidate.hours == 120
    assert "times the champion's" in contest.judgement.reason


def test_a_champion_trained_a_moment_ago_cannot_be_beaten(dataset: Dataset) -> None:
    contest = hold(dataset, champion_of(dataset, FIRST_AS_OF - timedelta(hours=30)), FITTED, RULE, PROMISED)
    assert contest.candidate.hours == HOLDOUT_DAYS * 24
    assert not contest.judgement.promote
    assert "only 30 hours are unseen by both models, 100 are needed" in contest.judgement.reason


def test_training_again_at_the_same_instant_leaves_nothing_to_compare(dataset: Dataset) -> None:
    contest = hold(dataset, champion_of(dataset, FIRST_AS_OF), FITTED, RULE, PROMISED)
    assert contest.champion is None
    assert not contest.judgement.promote


def test_a_sign_flipped_candidate_is_kept_back(dataset: Dataset) -> None:
    def flipped(rows: pd.DataFrame) -> Model:
        model = FITTED(rows)
        return replace(model, manifest={**model.manifest, "shrinkage": -0.5})

    contest = hold(dataset, champion_of(dataset, FIRST_AS_OF - timedelta(days=25)), flipped, RULE, PROMISED)
    assert not contest.judgement.promote
    assert contest.candidate.skill < 0


def test_the_hold_out_starts_on_the_hour() -> None:
    assert holdout_start(FIRST_AS_OF, None, RULE) == datetime(2025, 3, 31, tzinfo=UTC)


@pytest.fixture
def registry(s3: S3Client) -> Registry:
    return Registry(s3, BUCKET)


def test_before_the_first_promotion_there_is_no_opponent(registry: Registry) -> None:
    assert Opponent.of(registry, SYMBOL) is None


def test_the_opponent_is_the_champion_of_the_registry(dataset: Dataset, registry: Registry, s3: S3Client) -> None:
    import hashlib

    bundle = to_bundle(FITTED(dataset.rows), {"version": "4"})
    s3.put_object(Bucket=BUCKET, Key="bundle", Body=bundle)
    champion = Champion(
        version="4", uri="bundle", sha256=hashlib.sha256(bundle).hexdigest(), promoted_at=FIRST_AS_OF, reason="test"
    )
    registry.promote(SYMBOL, champion, None)
    opponent = Opponent.of(registry, SYMBOL)
    assert opponent
    assert (opponent.version, opponent.fault) == ("4", None)
    assert opponent.seen_until == hours.floor(FIRST_AS_OF)


def test_a_champion_whose_bundle_is_spoilt_does_not_stand_in_the_way(
    dataset: Dataset, registry: Registry, s3: S3Client
) -> None:
    s3.put_object(Bucket=BUCKET, Key="bundle", Body=b"spoilt")
    champion = Champion(version="4", uri="bundle", sha256="0" * 64, promoted_at=FIRST_AS_OF, reason="test")
    registry.promote(SYMBOL, champion, None)
    contest = hold(dataset, Opponent.of(registry, SYMBOL), FITTED, RULE, PROMISED)
    assert contest.judgement.promote
    assert contest.champion_version == "4"
    assert "Version 4 could not be compared with: bundle is not the bundle that was registered" in (
        contest.judgement.reason
    )
