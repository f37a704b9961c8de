from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from candlecast import features, labels, model
from candlecast.errors import BadRequest, TooLittleData
from candlecast.model import Model

Recorded = Callable[..., pd.DataFrame]
Simulate = Callable[..., pd.DataFrame]


def fit(rows: pd.DataFrame, *, shrinkage: float = 0.5, seed: int = 7, threads: int = 1) -> Model:
    return model.fit(rows, coverage=0.8, shrinkage=shrinkage, seed=seed, threads=threads)


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> Model:
    return fit(rows.head(4000))


def skill(forecast: pd.DataFrame, target: pd.Series) -> float:
    known = target.notna()
    error = (target - forecast["predicted_return"])[known].abs().mean()
    return float(1 - error / target[known].abs().mean())


def test_it_learns_a_habit_and_keeps_it_on_unseen_hours(fitted: Model, rows: pd.DataFrame) -> None:
    unseen = rows.tail(700)
    assert skill(fitted.forecast(unseen), unseen["target_return"]) > 0.02


def test_it_finds_nothing_where_there_is_nothing(simulate: Simulate) -> None:
    table = features.compute(simulate(4000, seed=9, reversal=0.0))
    table = table.assign(target_return=labels.target_return(table))
    forecast = fit(table.head(3200)).forecast(table.tail(799))
    assert -0.02 < skill(forecast, table["target_return"].tail(799)) < 0.01


def test_a_forecast_is_sound(fitted: Model, rows: pd.DataFrame) -> None:
    unseen = rows.tail(700)
    forecast = fitted.forecast(unseen)
    assert [*forecast.columns] == ["open_time", "predicted_return", "lower_return", "upper_return", "probability_up"]
    pd.testing.assert_series_equal(forecast["open_time"], unseen["open_time"])
    assert (forecast["lower_return"] <= forecast["predicted_return"]).all()
    assert (forecast["predicted_return"] <= forecast["upper_return"]).all()
    assert forecast["probability_up"].between(0, 1, inclusive="neither").all()
    rises = forecast["predicted_return"] > 0
    assert (rises == (forecast["probability_up"] > 0.5)).all()
    assert (forecast["predicted_return"].abs() < 3 * unseen["volatility"]).all()


def test_one_row_alone_gets_the_forecast_it_has_among_others(fitted: Model, rows: pd.DataFrame) -> None:
    unsettled = rows.drop(columns="target_return")
    together = fitted.forecast(unsettled.tail(50))
    alone = fitted.forecast(unsettled.tail(1))
    pd.testing.assert_frame_equal(alone, together.tail(1), check_exact=True)


def test_columns_are_taken_by_name_not_by_place(fitted: Model, rows: pd.DataFrame) -> None:
    turned = rows.tail(5)[rows.columns[::-1]]
    pd.testing.assert_frame_equal(fitted.forecast(turned), fitted.forecast(rows.tail(5)), check_exact=True)


def test_shrinkage_scales_the_point_and_leaves_the_probability(rows: pd.DataFrame) -> None:
    served, full = (fit(rows.head(2000), shrinkage=share) for share in (0.5, 1.0))
    some = rows.iloc[2000:2100]
    half, whole = served.forecast(some), full.forecast(some)
    np.testing.assert_allclose(half["predicted_return"], whole["predicted_return"] / 2)
    pd.testing.assert_series_equal(half["probability_up"], whole["probability_up"])


def test_a_row_with_an_unknown_feature_gets_no_forecast_and_spoils_no_other(fitted: Model, rows: pd.DataFrame) -> None:
    some = rows.tail(3)
    broken = some.assign(momentum_24=[1.0, np.nan, 1.0], volatility=[0.004, 0.004, np.nan])
    assert fitted.forecast(broken).drop(columns="open_time").isna().all(axis=1).tolist() == [False, True, True]
    assert fitted.forecast(some.head(0)).empty


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_data_and_seed_give_equal_bytes_on_any_number_of_threads(rows: pd.DataFrame, threads: int) -> None:
    some = rows.head(2500)
    one, other = fit(some), fit(some, threads=threads)
    assert one.point.parts() == other.point.parts()
    assert one.intervals == other.intervals


def test_another_seed_gives_another_model(rows: pd.DataFrame) -> None:
    one, other = (fit(rows.head(2500), seed=seed) for seed in (1, 2))
    assert one.point.parts() != other.point.parts()


def test_the_future_of_the_training_window_plays_no_part(rows: pd.DataFrame) -> None:
    some = rows.head(2500)
    unknown = some.assign(target_return=some["target_return"].where(some.index < 2000))
    cut = fit(some.head(2000))
    assert fit(unknown).point.parts() == cut.point.parts()


def test_too_short_a_history_is_refused_with_the_remedy(rows: pd.DataFrame) -> None:
    with pytest.raises(TooLittleData, match=r"88 of 600 hours have every feature and a target.*backfill"):
        fit(rows.head(600))


def test_the_manifest_says_what_the_model_is(fitted: Model) -> None:
    manifest = fitted.manifest
    assert [feature["name"] for feature in manifest["features"]] == list(features.NAMES)
    assert manifest["training"] == {"start": "2025-01-22T08:00:00Z", "end": "2025-06-16T15:00:00Z", "hours": 3488}
    assert (manifest["coverage"], manifest["shrinkage"]) == (0.8, 0.5)
    assert fitted.version == "unregistered"


def test_skill_on_a_recorded_market(recorded: Recorded) -> None:
    """Half a year of BTC, refitted every two months: the full walk-forward is a benchmark, not a test."""
    table = features.compute(recorded("BTC-USDT", "2021-06-01T00:00Z", "2023-09-01T00:00Z"))
    table = table.assign(target_return=labels.target_return(table)).dropna().reset_index(drop=True)
    made = []
    for start in pd.date_range("2023-03-01T00:00Z", "2023-07-01T00:00Z", freq="2MS"):
        test = table[(table["open_time"] >= start) & (table["open_time"] < start + pd.DateOffset(months=2))]
        fitted = fit(table[table["open_time"] < start - pd.Timedelta(hours=2)])
        made.append(fitted.forecast(test).assign(target_return=test["target_return"]))
    walk = pd.concat(made)
    assert skill(walk, walk["target_return"]) > 0.004


@pytest.fixture(scope="module")
def two_symbols(rows: pd.DataFrame) -> pd.DataFrame:
    """The market, and the same one upside down under another name."""
    turned = rows.assign(target_return=-rows["target_return"], symbol="ETH-USDT")
    return pd.concat([rows.assign(symbol="BTC-USDT"), turned]).sort_values(["open_time", "symbol"], ignore_index=True)


def test_a_pooled_model_is_half_the_symbols_own_and_half_everyones(
    rows: pd.DataFrame, two_symbols: pd.DataFrame
) -> None:
    known = two_symbols[two_symbols["open_time"] < rows["open_time"].iloc[2500]]
    pooled = model.fit(known, symbol="BTC-USDT", coverage=0.8, shrinkage=1.0)
    alone, common = fit(rows.head(2500), shrinkage=1.0), model.fit_point(known)
    asked = rows.tail(100)
    matrix = asked[list(features.NAMES)].to_numpy("float64")
    medians = (alone.point.predict(matrix) + common.predict(matrix)) / 2
    np.testing.assert_allclose(pooled.forecast(asked)["predicted_return"], medians * asked["volatility"])
    assert pooled.manifest["pooled"] == ["BTC-USDT", "ETH-USDT"]
    assert pooled.manifest["training"] == alone.manifest["training"]
    assert pooled.intervals == alone.intervals


def test_a_common_point_may_be_given(two_symbols: pd.DataFrame) -> None:
    common = model.fit_point(two_symbols)
    given = model.fit(two_symbols, symbol="BTC-USDT", coverage=0.8, shrinkage=0.5, common=common)
    made = model.fit(two_symbols, symbol="BTC-USDT", coverage=0.8, shrinkage=0.5)
    assert given.point.parts() == made.point.parts()


def test_rows_of_several_symbols_need_the_one_to_forecast(two_symbols: pd.DataFrame) -> None:
    with pytest.raises(BadRequest, match="need the symbol"):
        model.fit(two_symbols, coverage=0.8, shrinkage=0.5)


def test_contributions_are_shares_of_what_is_served(fitted: Model, rows: pd.DataFrame) -> None:
    some = rows.tail(20)
    matrix, volatility = some[list(features.NAMES)].to_numpy("float64"), some["volatility"].to_numpy("float64")
    shares = fitted.contributions(matrix, volatility)
    np.testing.assert_allclose(shares.sum(axis=1), fitted.forecast(some)["predicted_return"], atol=1e-12)


def test_arrays_and_tables_get_the_same_forecast(fitted: Model, rows: pd.DataFrame) -> None:
    some = rows.tail(20)
    arrays = fitted.forecast_matrix(some[list(features.NAMES)].to_numpy("float64"), some["volatility"].to_numpy())
    for name, values in arrays._asdict().items():
        np.testing.assert_array_equal(values, fitted.forecast(some.drop(columns="target_return"))[name])


def test_the_largest_contributions_come_first_and_all_of_them_make_the_forecast(
    fitted: Model, rows: pd.DataFrame
) -> None:
    newest = rows.tail(3)
    matrix, volatility = newest[list(features.NAMES)].to_numpy(), newest["volatility"].to_numpy()
    every = fitted.explain(matrix, volatility, len(features.NAMES))
    few = fitted.explain(matrix, volatility, 4)
    rest = fitted.contributions(matrix, volatility)[:, -1]
    for row in range(3):
        sizes = [abs(contribution.predicted_return) for contribution in every[row]]
        assert sizes == sorted(sizes, reverse=True)
        assert few[row] == every[row][:4]
        assert few[row][0].value == newest[few[row][0].feature].iloc[row]
    told = [sum(contribution.predicted_return for contribution in row) for row in every]
    np.testing.assert_allclose(np.array(told) + rest, fitted.forecast_matrix(matrix, volatility).predicted_return)


def test_each_hours_interval_has_learnt_from_the_hours_before_it_and_from_none_after(
    fitted: Model, rows: pd.DataFrame
) -> None:
    unseen = rows.tail(100)
    changed = unseen.copy()
    changed.loc[changed.index[60:], "target_return"] = 0.2
    before, after = fitted.forecast(unseen), fitted.forecast(changed)
    pd.testing.assert_frame_equal(after.head(61), before.head(61), check_exact=True)
    pd.testing.assert_series_equal(after["predicted_return"], before["predicted_return"], check_exact=True)
    assert (after["upper_return"] > before["upper_return"]).iloc[61:].all()


def test_a_model_that_settled_hours_goes_on_as_one_that_walked_through_them(fitted: Model, rows: pd.DataFrame) -> None:
    unseen = rows.tail(50)
    walked = fitted.forecast(unseen).tail(10)
    carried = fitted.settled(unseen.head(40)).forecast(unseen.tail(10))
    pd.testing.assert_frame_equal(carried, walked, check_exact=True)


def test_rows_to_learn_from_that_are_out_of_order_are_refused(fitted: Model, rows: pd.DataFrame) -> None:
    with pytest.raises(BadRequest, match="order of time"):
        fitted.forecast(rows.tail(5).iloc[::-1])
