"""The promotion gate as tables."""

import numpy as np
import pytest
from numpy.typing import NDArray

from candlecast.gate import LEANING, Judgement, judge
from candlecast.settings import PromotionSettings

RULE = PromotionSettings(holdout_days=30, minimum_hours=300, margin=1.005)
SHRINKAGE = 0.5
HOURS = 720
VOLATILITY = np.full(HOURS, 0.003)
ACTUAL = VOLATILITY * np.random.default_rng(0).laplace(0, 1, HOURS)
WORDLESS = VOLATILITY * np.random.default_rng(1).normal(0, 0.1, HOURS)
"""Forecasts that know nothing."""

Values = NDArray[np.float64]


def erring(multiple: float) -> Values:
    """Served forecasts whose full size errs by this multiple of zero-change's error in every hour."""
    return SHRINKAGE * (1 - multiple) * ACTUAL


def knowing(share: float) -> Values:
    """Full-size forecasts that know a share of what will happen."""
    return WORDLESS + share * ACTUAL


def judged(challenger: Values, champion: Values | None) -> Judgement:
    size = len(challenger)
    return judge(ACTUAL[:size], challenger, champion, VOLATILITY[:size], RULE, shrinkage=SHRINKAGE)


@pytest.mark.parametrize(
    ("challenger", "champion", "promoted"),
    [
        (0.99, None, True),
        (1.004, None, True),
        (1.006, None, False),
        (0.98, 0.99, True),
        (0.99, 0.99, True),
        (0.994, 0.99, True),
        (0.996, 0.99, False),
        (1.006, 1.02, False),
        (1.004, 1.02, True),
    ],
    ids=[
        "first and better than no change",
        "first and as good within the margin",
        "first and worse than no change",
        "better than the champion",
        "a clone of the champion",
        "worse within the margin",
        "worse than the champion",
        "better than a champion that lost to no change, and losing to it too",
        "as good as no change after a champion that lost to it",
    ],
)
def test_a_challenger_needs_to_hold_its_own_against_the_champion_and_no_change(
    challenger: float, champion: float | None, promoted: bool
) -> None:
    assert judged(erring(challenger), None if champion is None else erring(champion)).promote is promoted


def test_hours_that_the_champion_has_no_honest_forecast_of_are_left_out() -> None:
    early = np.arange(HOURS) < 400
    judgement = judged(np.where(early, erring(0.7), erring(0.9)), np.where(early, np.nan, erring(0.9)))
    assert judgement.figures["hours"] == 320
    assert judgement.figures["gain"] == pytest.approx(0.0)


def test_too_few_common_unseen_hours_keep_the_champion() -> None:
    judgement = judged(erring(0.9), np.where(np.arange(HOURS) < 421, np.nan, erring(0.95)))
    assert not judgement.promote
    assert "only 299 hours are unseen by both models, 300 are needed" in judgement.reason


@pytest.mark.parametrize(
    ("forecasts", "fault"),
    [
        (np.zeros(HOURS), "its forecasts are all alike"),
        (0.1 * VOLATILITY, "its forecasts are all alike"),
        (np.where(np.arange(HOURS) == 5, np.nan, WORDLESS), "1 of its 720 forecasts are not finite numbers"),
        (np.where(np.arange(HOURS) == 5, -0.01, WORDLESS), "a forecast is 3.3 volatilities large"),
        (np.array([]), "there is no hold-out hour"),
    ],
    ids=["zero", "constant", "no number", "wild", "none"],
)
def test_unsound_forecasts_are_kept_back_however_small_their_error(forecasts: Values, fault: str) -> None:
    judgement = judged(forecasts, None)
    assert not judgement.promote
    assert fault in judgement.reason


def test_forecasts_that_lean_to_one_side_are_kept_back_though_their_error_is_small() -> None:
    upright = SHRINKAGE * knowing(0.2)
    upright -= VOLATILITY * np.mean(upright / VOLATILITY)
    leaning = upright + SHRINKAGE * (LEANING + 0.01) * VOLATILITY
    assert judged(upright, upright).promote
    assert not judged(leaning, None).promote
    assert "its forecasts lean to one side, by +0.16 volatilities" in judged(leaning, None).reason


def test_contradicting_a_good_champion_takes_proof() -> None:
    champion = SHRINKAGE * WORDLESS
    challenger = -champion + SHRINKAGE * 0.01 * ACTUAL
    judgement = judged(challenger, champion)
    assert float(judgement.figures["gain"] or 0) > -0.005, "its error alone would have passed"
    assert not judgement.promote
    assert "contradict the champion's (correlation -" in judgement.reason


def test_an_offset_from_the_champion_takes_proof_though_its_error_is_small() -> None:
    champion = SHRINKAGE * (knowing(0.2) - np.mean(knowing(0.2) / VOLATILITY) * VOLATILITY - 0.02 * VOLATILITY)
    judgement = judged(champion + SHRINKAGE * 0.11 * VOLATILITY, champion)
    assert not judgement.promote
    assert "lie +0.11 volatilities from the champion's on average" in judgement.reason


def test_a_broken_champion_is_replaced_by_a_model_that_contradicts_it_and_is_right() -> None:
    good = SHRINKAGE * knowing(0.2)
    assert judged(good, -good).promote
    assert not judged(-good, good).promote


def test_the_figures_carry_skill_and_gain_with_their_uncertainty() -> None:
    random = np.random.default_rng(2)
    challenger, champion = (erring(share) * random.uniform(0.8, 1.2, HOURS) for share in (0.97, 0.99))
    judgement = judged(challenger, champion)
    figures = judgement.figures
    errors, others, zero = (np.abs(ACTUAL - made / SHRINKAGE).mean() for made in (challenger, champion, 0 * ACTUAL))
    assert figures["skill"] == pytest.approx(1 - errors / zero)
    assert figures["gain"] == pytest.approx(1 - errors / others)
    for name in ("skill", "gain"):
        low, value, high = (figures[key] for key in (f"{name}_low", name, f"{name}_high"))
        assert np.all(np.diff(np.array([low, value, high], "float64")) > 0)
    assert judgement.reason.startswith("Promoted: over 720 unseen hours its error was 0.97")
    assert judged(challenger, champion) == judgement, "the same figures every time"
