"""Where there is nothing to learn no skill is found: a small version of `make bench ROW=placebo`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pytest

from candlecast.families import FAMILIES, Family
from candlecast.model import fit
from tests.bench.placebo import shuffled, significant
from training.dataset import Dataset
from training.metrics import Scores, score
from training.validation import Schedule, walk_forward

SCHEDULE = Schedule(start=datetime(2025, 3, 11, tzinfo=UTC))
SEEDS = 6


def scores(rows: pd.DataFrame, family: Family) -> Scores:
    fitted = partial(fit, coverage=0.8, shrinkage=0.45, family=family)
    return score(walk_forward(rows, SCHEDULE, fitted), 0.8)


def test_shuffling_keeps_the_outcomes_and_takes_them_from_their_hours(dataset: Dataset) -> None:
    rows = dataset.rows
    other = shuffled(rows, 1)
    scaled, moved = ((table["target_return"] / table["volatility"]) for table in (rows, other))
    assert moved.sort_values().to_numpy() == pytest.approx(scaled.sort_values().to_numpy())
    assert abs(scaled.corr(moved)) < 0.1
    pd.testing.assert_frame_equal(other.drop(columns="target_return"), rows.drop(columns="target_return"))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_skill_is_found_in_shuffled_outcomes_where_it_is_in_true_ones(family: Family, dataset: Dataset) -> None:
    assert significant(scores(dataset.rows, family))
    found = [significant(scores(shuffled(dataset.rows, seed), family)) for seed in range(SEEDS)]
    assert sum(found) <= 1
