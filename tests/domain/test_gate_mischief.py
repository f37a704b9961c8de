"""The gate against challengers that are a sound model turned bad, on hold-outs like real ones.

A sound model's full-size forecasts spread over 0.17 volatilities and take about 1 % off the error of no change, as
measured on recorded markets; thirty days of hours are judged.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from candlecast import gate
from candlecast.settings import PromotionSettings

Values = NDArray[np.float64]
Spoil = Callable[[Values], Values]

HOURS = 720
SHRINKAGE = 0.45
RULE = PromotionSettings(holdout_days=30, minimum_hours=300, margin=1.005)
SEEDS = range(50)


def hold_out(seed: int, learnable: float = 1.0) -> tuple[Values, Values, Values]:
    """Returns, volatilities and a sound model's full-size forecasts in volatilities, of which *learnable* is true."""
    random = np.random.default_rng(seed)
    volatility = 0.004 * np.exp(random.normal(0, 0.3, HOURS))
    forecast = random.normal(0, 0.17, HOURS)
    median = learnable * (0.9 * forecast + random.normal(0, 0.1, HOURS))
    return volatility * (median + random.laplace(0, 1, HOURS)), volatility, forecast


def promoted(seed: int, spoil: Spoil, *, against_the_sound_one: bool, learnable: float = 1.0) -> bool:
    returns, volatility, sound = hold_out(seed, learnable)
    served = SHRINKAGE * volatility
    champion = served * sound if against_the_sound_one else None
    return gate.judge(returns, served * spoil(sound), champion, volatility, RULE, shrinkage=SHRINKAGE).promote


def share(spoil: Spoil, *, against_the_sound_one: bool, learnable: float = 1.0) -> float:
    found = [promoted(seed, spoil, against_the_sound_one=against_the_sound_one, learnable=learnable) for seed in SEEDS]
    return float(np.mean(found))


def flipped(forecast: Values) -> Values:
    return -forecast


def lifted(forecast: Values) -> Values:
    return forecast + 0.25


@pytest.mark.parametrize("against_the_sound_one", [True, False], ids=["against the sound one", "as first model"])
def test_a_sound_model_is_nearly_always_promoted(against_the_sound_one: bool) -> None:
    assert share(lambda forecast: forecast, against_the_sound_one=against_the_sound_one) >= 0.9


@pytest.mark.parametrize("spoil", [flipped, lifted])
def test_a_flipped_or_lifted_model_never_takes_the_sound_ones_place(spoil: Spoil) -> None:
    assert share(spoil, against_the_sound_one=True) == 0


def test_where_nothing_can_be_learnt_contradicting_the_champion_needs_the_luck_of_one_in_forty() -> None:
    """Both are noise then; the flipped one gets through where it is better beyond a 95 % interval."""
    assert share(flipped, against_the_sound_one=True, learnable=0.0) <= 2 / len(SEEDS)


@pytest.mark.parametrize("spoil", [flipped, lifted])
def test_a_flipped_or_lifted_model_is_no_first_model_either(spoil: Spoil) -> None:
    assert share(spoil, against_the_sound_one=False) == 0


def test_an_offset_without_anything_to_learn_is_no_first_model() -> None:
    assert share(lifted, against_the_sound_one=False, learnable=0.0) == 0
