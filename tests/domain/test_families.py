"""Every family forecasts medians, says what they are made of, and comes back from its files bit by bit."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from candlecast import families
from candlecast.families import FAMILIES, Family, Matrix, Mean, Parameters, Point, linear, xgboost_trees
from candlecast.features import NAMES
from candlecast.windows import Series

LEARNT = 3000


@pytest.fixture(scope="module")
def known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.dropna()


@pytest.fixture(scope="module")
def matrix(known: pd.DataFrame) -> Matrix:
    return known[list(NAMES)].to_numpy("float64")


@pytest.fixture(scope="module")
def target(known: pd.DataFrame) -> Series:
    return (known["target_return"] / known["volatility"]).clip(-8, 8).to_numpy("float64")


def fit(
    family: Family,
    matrix: Matrix,
    target: Series,
    seed: int = 7,
    threads: int = 1,
    parameters: Parameters | None = None,
) -> Point:
    return families.fit(family, matrix[:LEARNT], target[:LEARNT], seed=seed, threads=threads, parameters=parameters)


@pytest.fixture(scope="module")
def points(matrix: Matrix, target: Series) -> dict[Family, Point]:
    return {family: fit(family, matrix, target) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_it_beats_no_change_on_unseen_hours_of_a_market_with_a_habit(
    family: Family, points: dict[Family, Point], matrix: Matrix, target: Series
) -> None:
    unseen = target[LEARNT:]
    error = np.abs(unseen - points[family].predict(matrix[LEARNT:])).mean()
    assert 1 - error / np.abs(unseen).mean() > 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_contributions_add_up_to_the_forecast(family: Family, points: dict[Family, Point], matrix: Matrix) -> None:
    some = matrix[LEARNT : LEARNT + 50]
    shares = points[family].contributions(some)
    assert shares.shape == (50, len(NAMES) + 1)
    np.testing.assert_allclose(shares.sum(axis=1), points[family].predict(some), atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_comes_back_from_its_files_bit_by_bit(family: Family, points: dict[Family, Point], matrix: Matrix) -> None:
    again = families.read(family, points[family].parts())
    assert again.family == family
    assert again.parts() == points[family].parts()
    assert (again.predict(matrix[LEARNT:]) == points[family].predict(matrix[LEARNT:])).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_data_and_seed_give_the_same_bytes_on_any_number_of_threads(
    family: Family, threads: int, points: dict[Family, Point], matrix: Matrix, target: Series
) -> None:
    assert fit(family, matrix, target, threads=threads).parts() == points[family].parts()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_gets_the_same_forecast_alone_and_among_others(
    family: Family, points: dict[Family, Point], matrix: Matrix
) -> None:
    assert points[family].predict(matrix[-1:])[0] == points[family].predict(matrix[-60:])[-1]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_median_does_not_ask_how_terrible_an_hour_was(family: Family, matrix: Matrix, target: Series) -> None:
    """Squared loss would: the error of 50 volatilities would weigh as much as those of 2500 usual hours."""

    def struck(size: float) -> Series:
        targets = target.copy()
        targets[LEARNT // 2] = size
        return fit(family, matrix, targets).predict(matrix[LEARNT:])

    assert np.abs(struck(50.0) - struck(5.0)).mean() < 0.01


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {"num_leaves": 3}),
        ("xgboost", {"max_depth": 2}),
        ("random_forest", {"num_leaves": 3}),
        ("linear", {"ridge": 10.0}),
    ],
)
def test_parameters_are_laid_over_the_familys_own(
    family: Family, parameters: Parameters, points: dict[Family, Point], matrix: Matrix, target: Series
) -> None:
    other = fit(family, matrix, target, parameters=parameters)
    assert parameters.items() <= other.parameters.items()
    assert other.parts() != points[family].parts()


def test_xgboosts_own_library_forecasts_the_same_also_on_a_threshold(matrix: Matrix, target: Series) -> None:
    import xgboost

    train = xgboost.DMatrix(matrix[:LEARNT], target[:LEARNT], nthread=1)
    given = {**xgboost_trees.DEFAULTS, "min_child_weight": 40, "seed": 7, "nthread": 1, "verbosity": 0}
    trees = given.pop("num_iterations")
    own = xgboost.train(given, train, num_boost_round=trees)
    text = xgboost_trees.as_lightgbm(json.loads(own.save_raw("json")))
    converted = families.read("xgboost", {"model.txt": text.encode()})

    asked = matrix[LEARNT:].copy()
    places = np.random.default_rng(0)
    for tree in json.loads(own.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]:
        splits = np.array(tree["left_children"]) >= 0
        for feature, threshold in zip(
            np.array(tree["split_indices"])[splits], np.array(tree["split_conditions"])[splits], strict=True
        ):
            asked[places.integers(len(asked)), feature] = threshold + places.choice([-1e-12, 0.0, 1e-12])
    np.testing.assert_allclose(converted.predict(asked), own.predict(xgboost.DMatrix(asked)), atol=2e-6)
    np.testing.assert_allclose(
        converted.contributions(asked), own.predict(xgboost.DMatrix(asked), pred_contribs=True), atol=2e-6
    )


def test_a_line_finds_the_median_where_the_mean_is_pulled_away() -> None:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(4000, len(NAMES)))
    noise = np.where(random.random(4000) < 0.1, 7.0, random.normal(0, 0.3, 4000))
    point = linear.fit(matrix, 0.5 * matrix[:, 0] + noise, {"ridge": 0.0})
    median = point.predict(np.zeros((1, len(NAMES))))[0]
    assert median == pytest.approx(0.04, abs=0.03)  # of 90 % around 0 and 10 % at 7; their mean is 0.7
    assert point.coefficients[0] == pytest.approx(0.5, abs=0.03)


def test_a_pooled_point_is_the_mean_of_both_fits_and_comes_back_with_both(
    points: dict[Family, Point], matrix: Matrix, target: Series
) -> None:
    other = fit("lightgbm", matrix, target, seed=8)
    mean = Mean(points["lightgbm"], other)
    some = matrix[LEARNT:]
    np.testing.assert_allclose(mean.predict(some), (points["lightgbm"].predict(some) + other.predict(some)) / 2)
    assert set(mean.parts()) == {"own/model.txt", "common/model.txt"}
    again = families.read("lightgbm", mean.parts())
    assert (again.predict(some) == mean.predict(some)).all()
    np.testing.assert_allclose(mean.contributions(some).sum(axis=1), mean.predict(some))


@pytest.mark.parametrize(
    ("family", "parts", "message"),
    [
        ("prophet", {}, "none of the families lightgbm, xgboost, random_forest, linear"),
        ("lightgbm", {"model.txt": b"tree\n"}, "model.txt"),
        ("lightgbm", {"own/model.txt": b"", "foreign/model.txt": b""}, "folders own and common, not foreign, own"),
        ("linear", {"model.json": b'{"constant": 0, "features": {"rsi": {}}}'}, "other features"),
        ("linear", {"model.json": b"pickle"}, "Expecting value"),
    ],
)
def test_files_of_no_such_point_are_refused(family: str, parts: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        families.read(family, parts)


@pytest.mark.parametrize("family", FAMILIES)
def test_missing_files_are_refused(family: Family) -> None:
    with pytest.raises(KeyError):
        families.read(family, {})
