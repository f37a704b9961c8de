"""The model and what it is compared with meet on the same hours, and every figure finds its way into the record."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from tests.training.test_validation import FITTED, Echo
from training import charts, sections
from training.dataset import Dataset
from training.evaluation import Contender, Evaluation, evaluate
from training.validation import Schedule

START = datetime(2025, 3, 11, tzinfo=UTC)


class Still(Echo):
    """Forecasts no change and no interval."""

    def forecast(self, features: pd.DataFrame) -> pd.DataFrame:
        made = super().forecast(features)
        return made.assign(predicted_return=0.0, lower_return=float("nan"), upper_return=float("nan"))


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def evaluation(dataset: Dataset, told: list[tuple[str, int, int]]) -> Evaluation:
    others = [Contender("echo", lambda _: Echo(), "weekly"), Contender("zero-change", lambda _: Still(), "never")]
    tell = lambda *fit: told.append(fit)  # noqa: E731
    return evaluate(dataset.rows, Schedule(START), Contender("lightgbm", FITTED), others, 0.8, tell=tell)


def test_all_are_scored_on_the_same_hours(evaluation: Evaluation) -> None:
    assert {each.total.hours for each in evaluation.assessments} == {30 * 24}
    assert [each.name for each in evaluation.assessments] == ["lightgbm", "echo", "zero-change"]
    assert evaluation.model.total.skill > 0
    assert evaluation.others[1].total.skill == 0


def test_each_is_fitted_as_often_as_it_says_and_every_fit_is_told(
    evaluation: Evaluation, told: list[tuple[str, int, int]]
) -> None:
    assert [(each.refit, each.refits) for each in evaluation.assessments] == [
        ("monthly", 2), ("weekly", 5), ("never", 1),
    ]  # fmt: skip
    expected = [("lightgbm", 1, 2), ("lightgbm", 2, 2), *(("echo", n, 5) for n in range(1, 6)), ("zero-change", 1, 1)]
    assert told == expected


def test_the_record_holds_the_models_figures_at_the_top_and_everyones_by_name(evaluation: Evaluation) -> None:
    record = json.loads(json.dumps(evaluation.record(), allow_nan=False))
    top = {"mae", "zero_change_mae", "skill", "rmse", "r2", "r2_delta", "directional_accuracy", "dm", "dm_p", "pinball",
           "pinball_reference", "coverage", "width", "hours", "refits", "by_month", "by_regime", "by_hour"}  # fmt: skip
    assert top <= set(record)
    assert set(record["models"]) == {"lightgbm", "echo", "zero-change"}
    assert record["models"]["lightgbm"]["mae"] == record["mae"]
    assert set(record["by_month"]) == {"2025-03", "2025-04"}
    assert set(record["by_regime"]) == {"calm", "usual", "lively"}
    assert len(record["by_hour"]) == 24
    assert "coverage" not in record["models"]["zero-change"]
    assert (record["first_target_hour"], record["model"]) == ("2025-03-11T00:00:00Z", "lightgbm")


def test_the_sections_show_every_contender_and_every_plot(evaluation: Evaluation) -> None:
    images = charts.of(evaluation, {"momentum_24": 2.0, "hour_of_day": 1.0})
    page = sections.evaluation(evaluation, images)
    assert all(image.startswith(b"\x89PNG") for image in images.values())
    assert page.count("data:image/png;base64,") == len(images) == 7
    for text in ("<td>lightgbm</td>", "<td>echo</td>", "<td>zero-change</td>", "2025-04", "By hour of day", "lively"):
        assert text in page
    assert "nan" not in page.split("data:image")[0]


def test_equal_data_give_equal_figures(evaluation: Evaluation, dataset: Dataset) -> None:
    again = evaluate(dataset.rows, Schedule(START), Contender("lightgbm", FITTED), (), 0.8)
    assert again.model.record() == evaluation.model.record()
