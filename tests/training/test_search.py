"""A search is bounded, repeatable, and sees nothing but the training window."""

from __future__ import annotations

import pandas as pd
import pytest
from optuna import Trial

from candlecast.errors import TooLittleData
from training import search as searching
from training.dataset import Dataset
from training.search import Found, search

TRIALS = 3


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that forecast a month."""
    monkeypatch.setattr(searching, "SCORED_DAYS", 30)


@pytest.fixture(scope="module")
def window(dataset: Dataset) -> pd.DataFrame:
    return dataset.rows.head(1900)


def test_equal_rows_and_seed_find_the_same(window: pd.DataFrame) -> None:
    assert search(window, TRIALS, family="linear") == search(window, TRIALS, family="linear")


def test_trials_are_counted_and_told(window: pd.DataFrame) -> None:
    found = search(window, TRIALS, family="lightgbm")
    assert found.record().keys() == {"trials", "own_skill", "best_skill", "parameters"}
    assert found.trials == TRIALS
    assert found.own_skill > 0.02  # something can be learnt there


def test_the_familys_own_settings_stay_where_no_trial_beats_them(
    window: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    useless = {"num_leaves": 2, "learning_rate": 0.0001}
    monkeypatch.setitem(searching._SPACES, "lightgbm", lambda trial: useless)
    found = search(window, TRIALS, family="lightgbm")
    assert found == Found(TRIALS, found.own_skill, found.best_skill, {})
    assert found.best_skill < found.own_skill


def test_a_better_setting_is_taken(window: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    def from_nothing_to_much(trial: Trial) -> dict[str, float | int]:
        return {"num_iterations": trial.suggest_int("num_iterations", 149, 150)}

    monkeypatch.setitem(searching._SPACES, "lightgbm", from_nothing_to_much)
    monkeypatch.setattr("candlecast.families.trees.BOOSTED", {"num_iterations": 1, "learning_rate": 0.05})
    found = search(window, TRIALS, family="lightgbm")
    assert found.parameters["num_iterations"] >= 149
    assert found.best_skill > found.own_skill


def test_a_window_too_short_to_hold_out_its_end_is_refused(window: pd.DataFrame) -> None:
    with pytest.raises(TooLittleData, match="backfill"):
        search(window.head(1000), TRIALS, family="linear")
