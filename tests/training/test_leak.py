"""A training run that scores better than anything honest refuses to register and says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from candlecast.errors import SuspectedLeak
from candlecast.registry import Registry
from candlecast.settings import LeakSettings
from tests.training.conftest import BUCKET, FIRST_AS_OF, RunTraining, store
from tests.training.test_metrics import table
from training.leak import refuse
from training.metrics import Scores, score

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RULE = LeakSettings(directional_accuracy=0.58, r2=0.02, minimum_hours=8000)


@pytest.fixture(scope="module")
def honest() -> Scores:
    """The best year that an honest model had."""
    scores = score(table([0.01, -0.01], [0.001, -0.001]), 0.8)
    return replace(scores, hours=8700, directional_accuracy=0.567, r2=0.0099)


def test_the_best_honest_year_passes(honest: Scores) -> None:
    refuse({"walk-forward": honest}, RULE)


def test_a_direction_right_too_often_over_a_year_is_refused(honest: Scores) -> None:
    with pytest.raises(SuspectedLeak, match=r"walk-forward, the direction was right in 58.1% of 8,700 hours"):
        refuse({"walk-forward": replace(honest, directional_accuracy=0.581)}, RULE)


def test_a_direction_right_often_in_a_short_time_may_be_luck(honest: Scores) -> None:
    refuse({"hold-out": replace(honest, hours=720, directional_accuracy=0.6)}, RULE)


def test_an_r2_beyond_belief_is_refused_and_the_remedy_told(honest: Scores) -> None:
    with pytest.raises(SuspectedLeak, match=r"hold-out, R2 was 0.021 over 720 hours.*raise evaluation.leak"):
        refuse({"walk-forward": honest, "hold-out": replace(honest, hours=720, r2=0.021)}, RULE)
    refuse({"hold-out": replace(honest, hours=100, r2=0.5)}, RULE)  # one wild hour can do that


def test_scores_that_cannot_be_told_are_no_alarm(honest: Scores) -> None:
    refuse({"walk-forward": replace(honest, directional_accuracy=np.nan, r2=np.nan)}, RULE)


def test_a_feature_that_holds_the_future_is_caught_by_the_training_run(
    rows: pd.DataFrame, bucket: S3Client, run_training: RunTraining, tmp_path: Path
) -> None:
    leaky = rows.assign(momentum_24=rows["target_return"] / rows["volatility"])
    ended = run_training(FIRST_AS_OF, store(leaky, tmp_path), symbol="ETH-USDT")
    assert ended.code == 1
    assert "too good to be true: walk-forward, R2 was" in (ended.failure or "")
    assert Registry(bucket, BUCKET).versions("ETH-USDT") == []
    assert not ended.model.exists() or not list(ended.model.iterdir())
