"""The laws of features: kept by every declared one on simulated and recorded markets, and able to fail."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from candlecast import features, laws, measures
from candlecast.errors import LawBroken, TooLittleData
from candlecast.features import Feature
from candlecast.measures import Market
from candlecast.windows import Series

Simulate = Callable[..., pd.DataFrame]
Recorded = Callable[..., pd.DataFrame]

COLUMNS = ("volatility", *features.NAMES)
RECORDED = ("BTC-USDT", "ETH-USDT", "SOL-USDT")


@pytest.fixture(scope="session")
def broken(simulate: Simulate, recorded: Recorded) -> Callable[[str], list[laws.Violation]]:
    """The laws broken on a market, each tried once."""

    @cache
    def check(market: str) -> list[laws.Violation]:
        if market in RECORDED:
            return laws.check(recorded(market, "2020-01-01T00:00Z", "2024-04-01T00:00Z"))
        whole = simulate(3000, seed=1)
        gone = {*np.random.default_rng(2).integers(1, 2999, 90).tolist(), *range(1700, 1706)}
        return laws.check(whole if market == "simulated" else whole.drop(index=list(gone)).reset_index(drop=True))

    return check


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("market", ["simulated", "simulated with gaps", *RECORDED])
def test_every_feature_keeps_every_law(name: str, market: str, broken: Callable[[str], list[laws.Violation]]) -> None:
    assert [str(each) for each in broken(market) if each.feature == name] == []


def next_return(market: Market) -> Series:
    """Looks ahead."""
    close = market.close.now
    return np.append(close[1:] - close[:-1], 0.0)


def standardised(market: Market) -> Series:
    """Knows the mean of the whole history, as one does who scales before cutting."""
    return market.close.now - np.nanmean(market.close.now)


def smoothed(market: Market) -> Series:
    """A recursive average: what was once known is never forgotten."""
    average, averages = 0.0, []
    for value in np.nan_to_num(np.abs(market.returns.values)):
        average = 0.999 * average + 0.001 * value
        averages.append(average)
    return np.array(averages)[-market.returns.span :] / market.volatility


def since_the_last_candle(market: Market) -> Series:
    """Takes the candle before for the hour before."""
    close = np.asarray(pd.Series(market.close.values).ffill(), np.float64)
    return (market.close.now - market.past(close).ago(1)) / market.volatility


def filled(market: Market) -> Series:
    """The same, but for single hours only."""
    close = np.asarray(pd.Series(market.close.values).ffill(limit=1), np.float64)
    return market.close.now - market.past(close).ago(1)


def mean_of_candles(market: Market, hours: int) -> Series:
    """Counts candles where it should count hours."""
    values = pd.Series(market.volume.values)
    known = values.dropna()
    mean = np.asarray(known.rolling(hours).mean().reindex(values.index), np.float64)
    return market.volume.now / market.past(mean).now


def log_price(market: Market) -> Series:
    """A price level."""
    return market.close.now + 0.0


def nothing(market: Market) -> Series:
    """Is never known."""
    return np.full(market.close.span, np.nan)


@pytest.mark.parametrize(
    ("law", "planted"),
    [
        ("future", Feature(next_return, None, 1)),
        ("future", Feature(standardised, None, 1)),
        ("memory", Feature(smoothed, None, features.VOLATILITY_WARM_UP)),
        ("memory", Feature(measures.momentum, 7, 100)),  # its scale needs more than it declares
        ("incremental", Feature(smoothed, None, features.VOLATILITY_WARM_UP)),
        ("gap", Feature(since_the_last_candle, None, features.VOLATILITY_WARM_UP)),
        ("gap", Feature(filled, None, 2)),
        ("gap", Feature(mean_of_candles, 24, 24)),
        ("too little", Feature(mean_of_candles, 24, 24)),
        ("unit", Feature(log_price, None, 1)),
        ("known", Feature(nothing, None, 1)),
    ],
)
def test_a_bad_feature_is_named_with_the_law_it_breaks(law: laws.Law, planted: Feature, simulate: Simulate) -> None:
    found = laws.check(simulate(1300, seed=3), (features.FEATURES[0], planted, features.FEATURES[-1]))

    assert law in {each.law for each in found}
    assert {each.feature for each in found} == {planted.name}, "its neighbours are not blamed"
    assert planted.name in str(found[0])


def test_where_laws_are_broken_training_stops(simulate: Simulate) -> None:
    market = simulate(1200)
    laws.uphold(market)
    with pytest.raises(LawBroken, match=r"next_return breaks the law 'future' at .* it is 0 instead of"):
        laws.uphold(market, (Feature(next_return, None, 1),))


def test_too_few_candles_prove_nothing(simulate: Simulate) -> None:
    with pytest.raises(TooLittleData, match="the laws need 1122 candles, there are 1121"):
        laws.check(simulate(1121))
    assert laws.check(simulate(1122)) == []


def test_stored_features_are_those_of_the_stored_candles(simulate: Simulate) -> None:
    market = simulate(800)
    rows = features.compute(market)
    assert laws.check_stored(market, rows) == []

    rows["momentum_24"] += np.where(rows.index == 700, 1e-9, 0.0)
    [violation] = laws.check_stored(market, rows.drop(index=range(100)))
    assert (violation.law, violation.feature) == ("stored", "momentum_24")
    assert violation.hour == market["open_time"][700]


def test_a_candle_without_stored_features_is_found(simulate: Simulate) -> None:
    market = simulate(800)
    missing = laws.check_stored(market, features.compute(market).drop(index=650))
    assert {each.feature for each in missing} == set(COLUMNS)
    assert {each.hour for each in missing} == {market["open_time"][650]}
