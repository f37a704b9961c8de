from collections.abc import Callable

import numpy as np
import pandas as pd

from candlecast import features, labels

Simulate = Callable[..., pd.DataFrame]


def test_the_target_is_the_simple_return_of_the_next_hour(simulate: Simulate) -> None:
    market = simulate(5)
    close = market["close"].to_numpy()
    target = labels.target_return(market)
    np.testing.assert_allclose(target[:-1], close[1:] / close[:-1] - 1)
    assert np.isnan(target.iloc[-1]), "the newest hour's target is not known yet"


def test_a_target_never_spans_a_gap(simulate: Simulate) -> None:
    target = labels.target_return(simulate(10).drop(index=5))
    assert np.isnan(target[4])
    assert np.isfinite(target[6])


def test_a_feature_table_has_the_same_targets_as_its_candles(simulate: Simulate) -> None:
    market = simulate(30)
    pd.testing.assert_series_equal(labels.target_return(features.compute(market)), labels.target_return(market))
