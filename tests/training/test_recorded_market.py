"""On a real market the shipped forecast beats zero-change a little, and its interval keeps its promise."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from candlecast.model import fit
from tests.domain.conftest import Recorded, recorded
from tests.training.conftest import feature_rows
from training.metrics import Scores, score
from training.validation import Schedule, walk_forward

__all__ = ["recorded"]


@pytest.fixture(scope="module")
def scores(recorded: Recorded) -> Scores:
    """Three months of hourly BTC, refitted each month on the two years before."""
    rows = feature_rows(recorded("BTC-USDT", "2021-09-01T00:00Z", "2023-12-01T00:00Z"))
    fitted = partial(fit, coverage=0.8, shrinkage=0.5, threads=1)
    return score(walk_forward(rows.dropna(), Schedule(datetime(2023, 9, 1, tzinfo=UTC)), fitted), 0.8)


def test_the_forecast_has_a_small_skill(scores: Scores) -> None:
    assert 0 < scores.skill_low < scores.skill < scores.skill_high < 0.03


def test_it_is_not_too_good_to_be_true(scores: Scores) -> None:
    assert scores.directional_accuracy < 0.62
    assert scores.r2 < 0.02


def test_the_interval_keeps_its_promise(scores: Scores) -> None:
    assert 0.76 < scores.coverage < 0.84
