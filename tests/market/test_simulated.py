"""The simulated market: what holds for every candle, of every hour, whoever asks in whatever order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstack.market.candles import Candles
from localstack.market.regimes import RegimeOrder
from localstack.market.shocks import BLOCK
from localstack.market.simulated import FIRST, LAST, SYMBOLS, Simulated

HOUR_2026 = 490_896  # 2026-01-01T00:00Z
MARKET = Simulated(seed=7)

hours = st.integers(FIRST, LAST - 200)
symbols = st.sampled_from(SYMBOLS)


def some(market: Simulated, symbol: str, start: int, count: int) -> Candles:
    return market.select(symbol, start, start + count - 1, count, newest=False)


def same(left: Candles, right: Candles) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(left.values, right.values, strict=True))


@settings(max_examples=40, deadline=None)
@given(symbols, hours)
def test_every_candle_of_every_year_is_consistent(symbol: str, start: int) -> None:
    candles = some(MARKET, symbol, start, 200)
    assert np.array_equal(candles.hour, np.arange(start, start + 200))
    assert np.all(candles.low > 0)
    assert np.all(candles.low <= np.minimum(candles.open, candles.close))
    assert np.all(candles.high >= np.maximum(candles.open, candles.close))
    assert np.all(candles.volume > 0)
    assert np.all(np.isfinite(candles.volume))
    tick = 10.0 ** -MARKET.decimals(symbol)
    gap = np.abs(candles.open[1:] - candles.close[:-1])
    assert np.all(gap <= 0.001 * candles.close[:-1] + tick)


@settings(max_examples=25, deadline=None)
@given(symbols, hours, st.integers(1, 150), st.integers(1, 49))
def test_an_hour_does_not_depend_on_the_question_it_answers(symbol: str, start: int, skip: int, count: int) -> None:
    whole = some(MARKET, symbol, start, 200)
    fresh = Simulated(seed=7)
    assert same(some(fresh, symbol, start + skip, count), whole.part(slice(skip, skip + count)))


def test_the_order_of_questions_changes_nothing_even_when_blocks_were_forgotten() -> None:
    forward, backward = Simulated(3), Simulated(3)
    starts = [block * BLOCK + 17 for block in range(40, 68)]  # more blocks than are kept
    there = [some(forward, "ETH-USDT", start, 5) for start in starts]
    back = [some(backward, "ETH-USDT", start, 5) for start in reversed(starts)]
    assert all(same(a, b) for a, b in zip(there, reversed(back), strict=True))
    assert all(same(a, some(forward, "ETH-USDT", start, 5)) for a, start in zip(there, starts, strict=True))


def test_seeds_and_symbols_differ_but_symbols_move_with_the_market() -> None:
    btc, eth = some(MARKET, "BTC-USDT", HOUR_2026, 5000), some(MARKET, "ETH-USDT", HOUR_2026, 5000)
    other = some(Simulated(seed=8), "BTC-USDT", HOUR_2026, 5000)
    moves = [np.diff(np.log(each.close)) for each in (btc, eth, other)]
    assert 0.4 < np.corrcoef(moves[0], moves[1])[0, 1] < 0.95
    assert abs(np.corrcoef(moves[0], moves[2])[0, 1]) < 0.1


def test_any_symbol_can_be_added() -> None:
    market = Simulated(seed=7, symbols=(*SYMBOLS, "QQQ-USDT"))
    assert "QQQ-USDT" in market.symbols
    assert len(some(market, "QQQ-USDT", HOUR_2026, 24)) == 24
    assert same(some(market, "BTC-USDT", HOUR_2026, 24), some(MARKET, "BTC-USDT", HOUR_2026, 24))


@pytest.mark.parametrize("symbol", ["BTC-USDT", "DOGE-USDT"])
def test_prices_stay_within_reach_of_their_middle_for_a_century(symbol: str) -> None:
    closes = np.concatenate([some(MARKET, symbol, start, 24).close for start in range(FIRST, FIRST + 876_000, 24_000)])
    assert closes.max() / closes.min() < 60


def test_the_price_passes_from_block_to_block_without_a_jump() -> None:
    for block in range(50, 60):
        candles = some(MARKET, "BTC-USDT", block * BLOCK - 100, 200)
        moves = np.abs(np.diff(np.log(candles.close)))
        assert moves[99] < 12 * moves.mean()
        assert candles.open[100] == pytest.approx(candles.close[99], rel=1e-3)


def test_a_selection_takes_the_newest_or_the_oldest_of_a_range() -> None:
    newest = MARKET.select("BTC-USDT", 1000, 2000, 3, newest=True)
    oldest = MARKET.select("BTC-USDT", 1000, 2000, 3, newest=False)
    assert newest.hour.tolist() == [1998, 1999, 2000]
    assert oldest.hour.tolist() == [1000, 1001, 1002]
    assert len(MARKET.select("BTC-USDT", 2000, 1000, 3, newest=True)) == 0
    assert len(MARKET.select("BTC-USDT", -5, -1, 3, newest=False)) == 0


def ordered(market: Simulated, hour: int, **order: object) -> None:
    market.regimes.command(RegimeOrder.model_validate({"from": hour * 3600, **order}))


def test_a_commanded_regime_leaves_the_past_alone_and_scales_what_follows() -> None:
    market, turn = Simulated(7), HOUR_2026 + 500
    calm = some(market, "BTC-USDT", HOUR_2026, 1000)
    ordered(market, turn, volatility=2.5)
    wild = some(market, "BTC-USDT", HOUR_2026, 1000)
    assert same(calm.part(slice(0, 500)), wild.part(slice(0, 500)))
    assert wild.open[500] == pytest.approx(wild.close[499], rel=1e-3)
    before, after = (np.diff(np.log(each.close))[499:] for each in (calm, wild))
    assert after == pytest.approx(2.5 * before, abs=1e-5)
    assert wild.volume[500:].mean() > 1.5 * calm.volume[500:].mean()


def test_a_later_regime_takes_over_at_its_hour_and_an_earlier_one_replaces_all_after_it() -> None:
    market = Simulated(7)
    ordered(market, HOUR_2026 + 100, volatility=3)
    first = some(market, "BTC-USDT", HOUR_2026, 400)
    ordered(market, HOUR_2026 + 200, volatility=0.5)
    both = some(market, "BTC-USDT", HOUR_2026, 400)
    assert same(first.part(slice(0, 200)), both.part(slice(0, 200)))
    plain = some(Simulated(7), "BTC-USDT", HOUR_2026, 400)
    moves = [np.abs(np.diff(np.log(each.close))) for each in (plain, both)]
    assert moves[1][200:] == pytest.approx(0.5 * moves[0][200:], abs=1e-5)
    ordered(market, HOUR_2026 + 50, volatility=1)
    assert same(some(market, "BTC-USDT", HOUR_2026, 400), plain)


def test_a_regime_may_name_its_symbols_and_is_lifted_by_clearing() -> None:
    market = Simulated(7)
    ordered(market, HOUR_2026, volatility=4, symbols=["ETH-USDT"])
    assert same(some(market, "BTC-USDT", HOUR_2026, 50), some(MARKET, "BTC-USDT", HOUR_2026, 50))
    assert not same(some(market, "ETH-USDT", HOUR_2026, 50), some(MARKET, "ETH-USDT", HOUR_2026, 50))
    market.regimes.clear()
    assert same(some(market, "ETH-USDT", HOUR_2026, 50), some(MARKET, "ETH-USDT", HOUR_2026, 50))


@settings(max_examples=20, deadline=None)
@given(hours, st.floats(0.1, 20), st.floats(-5, 5), st.integers(0, 199))
def test_candles_stay_consistent_in_any_regime(start: int, volatility: float, reversal: float, turn: int) -> None:
    market = Simulated(7)
    ordered(market, start + turn, volatility=volatility, reversal=reversal)
    candles = some(market, "DOGE-USDT", start, 200)
    assert np.all(candles.low > 0)
    assert np.all(candles.low <= np.minimum(candles.open, candles.close))
    assert np.all(candles.high >= np.maximum(candles.open, candles.close))
    assert np.all(np.isfinite(candles.high))
    assert np.all(candles.volume > 0)
