"""Before anything is learnt, the features' laws are tried on the stored candles."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pytest

from candlecast import features, laws
from candlecast.errors import LawBroken, TooLittleData
from candlecast.features import Feature
from candlecast.lake import Lake
from candlecast.measures import Market
from candlecast.windows import Series
from tests.cloud import lake
from tests.domain.conftest import simulate_market
from training import feature_laws

__all__ = ["lake"]

SYMBOL = "BTC-USDT"
AS_OF = datetime(2025, 2, 20, 0, 1, tzinfo=UTC)


def store(lake: Lake, hours: int) -> None:
    candles = simulate_market(hours)
    for month, part in candles.groupby(candles["open_time"].dt.strftime("%Y-%m")):
        lake.update("candles", SYMBOL, str(month), partial(lambda table, _: table, part))


def next_hour(market: Market) -> Series:
    return market.close.now[::-1].copy()


def test_laws_that_are_kept_let_training_go_on(lake: Lake) -> None:
    store(lake, 1300)

    assert feature_laws.uphold(lake, SYMBOL, AS_OF) == 50 * 24, "those known by then"


def test_a_broken_law_stops_training(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    store(lake, 1300)
    declared = (*features.FEATURES, Feature(next_hour, None, 1))
    check: Callable[[pd.DataFrame, tuple[Feature, ...]], list[laws.Violation]] = laws.check
    monkeypatch.setattr(laws, "check", lambda candles, _: check(candles, declared))

    with pytest.raises(LawBroken, match="next_hour breaks the law 'future'"):
        feature_laws.uphold(lake, SYMBOL, AS_OF)


def test_too_few_candles_are_told_with_the_remedy(lake: Lake) -> None:
    store(lake, 500)

    with pytest.raises(TooLittleData, match=r"BTC-USDT: the laws need .* Backfill its history first"):
        feature_laws.uphold(lake, SYMBOL, AS_OF)
