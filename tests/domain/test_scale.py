import numpy as np
import pandas as pd
import pytest

from candlecast.features import NAMES
from candlecast.scale import Design, Scale


@pytest.fixture(scope="module")
def known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.dropna()


def design(rows: pd.DataFrame) -> Design:
    return Design.of(rows[list(NAMES)].to_numpy(), rows["volatility"].to_numpy())


def relative(rows: pd.DataFrame) -> np.ndarray:
    return (rows["target_return"] / rows["volatility"]).to_numpy()


def test_it_knows_the_markets_daily_wave(known: pd.DataFrame) -> None:
    scale = Scale.fit(design(known), relative(known))
    levels = np.array(scale.levels[:24])
    assert levels[:12].mean() > levels[12:].mean() + 0.2, "the simulated market is wilder before noon"


def test_on_unseen_hours_sizes_are_as_large_as_it_said(known: pd.DataFrame) -> None:
    scale = Scale.fit(design(known.head(3000)), relative(known.head(3000)))
    unseen = known.iloc[3000:]
    said = scale.relative_to_volatility(design(unseen))
    sizes = np.abs(relative(unseen))
    for part in (said > np.median(said), said <= np.median(said)):
        assert sizes[part].mean() == pytest.approx(said[part].mean(), rel=0.12)


def test_a_short_history_stays_near_the_volatility(known: pd.DataFrame) -> None:
    scale = Scale.fit(design(known.head(800)), relative(known.head(800)))
    said = scale.relative_to_volatility(design(known.iloc[800:2800]))
    assert 0.3 < np.quantile(said, 0.01) < np.quantile(said, 0.99) < 3.0


def test_nothing_beyond_what_was_met_in_fitting_is_believed(known: pd.DataFrame) -> None:
    scale = Scale.fit(design(known), relative(known))
    absurd = known.tail(2).copy()
    absurd[["mean_range_1", "scaled_return_0", "momentum_6"]] = 1e6
    said = scale.relative_to_volatility(design(absurd))
    assert (np.exp(scale.lowest) <= said).all()
    assert (said <= np.exp(scale.highest)).all()


def test_hours_in_which_nothing_moved_do_not_break_the_fit(known: pd.DataFrame) -> None:
    still = relative(known) * (np.arange(len(known)) % 3 > 0)
    said = Scale.fit(design(known), still).relative_to_volatility(design(known))
    assert said.mean() == pytest.approx(np.abs(still).mean(), rel=0.1)


def test_what_is_not_a_scale_is_refused(known: pd.DataFrame) -> None:
    record = Scale.fit(design(known), relative(known)).record()
    with pytest.raises(ValueError, match="48 levels, not 3"):
        Scale.from_record(record | {"levels": [0.0, 0.0, 0.0]})
