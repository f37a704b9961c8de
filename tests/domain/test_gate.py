"""The promotion gate as tables."""

import numpy as np
import pytest

from candlecast.gate import judge
from candlecast.settings import PromotionSettings

RULE = PromotionSettings(holdout_days=30, minimum_hours=300, margin=1.005)
HOURS = 720
ZERO = 0.003 * np.random.default_rng(0).uniform(0.5, 1.5, HOURS)
VOLATILITY = np.full(HOURS, 0.003)
FORECASTS = VOLATILITY * np.random.default_rng(1).normal(0, 0.1, HOURS)


def verdict(challenger: float, champion: float | None) -> bool:
    """The decision on errors that are these multiples of zero-change's."""
    return judge(
        challenger * ZERO,
        None if champion is None else champion * ZERO,
        ZERO,
        RULE,
        forecasts=FORECASTS,
        volatility=VOLATILITY,
    ).promote


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
    assert verdict(challenger, champion) is promoted


def test_hours_that_the_champion_has_no_honest_forecast_of_are_left_out() -> None:
    champion = np.where(np.arange(HOURS) < 400, np.nan, 0.9 * ZERO)
    challenger = np.where(np.arange(HOURS) < 400, 0.1, 0.9) * ZERO
    judgement = judge(challenger, champion, ZERO, RULE, forecasts=FORECASTS, volatility=VOLATILITY)
    assert judgement.figures["hours"] == 320
    assert judgement.figures["gain"] == pytest.approx(0.0)


def test_too_few_common_unseen_hours_keep_the_champion() -> None:
    champion = np.where(np.arange(HOURS) < 421, np.nan, ZERO)
    judgement = judge(0.5 * ZERO, champion, ZERO, RULE, forecasts=FORECASTS, volatility=VOLATILITY)
    assert not judgement.promote
    assert "only 299 hours are unseen by both models, 300 are needed" in judgement.reason


@pytest.mark.parametrize(
    ("forecasts", "fault"),
    [
        (np.zeros(HOURS), "its forecasts are all alike"),
        (0.1 * VOLATILITY, "its forecasts are all alike"),
        (np.where(np.arange(HOURS) == 5, np.nan, FORECASTS), "1 of its 720 forecasts are not finite numbers"),
        (np.where(np.arange(HOURS) == 5, -0.01, FORECASTS), "a forecast is 3.3 volatilities large"),
        (np.array([]), "there is no hold-out hour"),
    ],
    ids=["zero", "constant", "no number", "wild", "none"],
)
def test_unsound_forecasts_are_kept_back_however_small_their_error(forecasts: np.ndarray, fault: str) -> None:
    size = len(forecasts)
    judgement = judge(0.5 * ZERO[:size], None, ZERO[:size], RULE, forecasts=forecasts, volatility=VOLATILITY[:size])
    assert not judgement.promote
    assert fault in judgement.reason


def test_the_figures_carry_skill_and_gain_with_their_uncertainty() -> None:
    random = np.random.default_rng(2)
    challenger, champion = (share * ZERO * random.uniform(0.8, 1.2, HOURS) for share in (0.97, 0.99))
    judgement = judge(challenger, champion, ZERO, RULE, forecasts=FORECASTS, volatility=VOLATILITY)
    figures = judgement.figures
    assert figures["skill"] == pytest.approx(1 - challenger.mean() / ZERO.mean())
    assert figures["gain"] == pytest.approx(1 - challenger.mean() / champion.mean())
    for name in ("skill", "gain"):
        low, value, high = (figures[key] for key in (f"{name}_low", name, f"{name}_high"))
        assert np.all(np.diff(np.array([low, value, high], "float64")) > 0)
    assert judgement.reason.startswith("Promoted: over 720 unseen hours its error was 0.97")
    again = judge(challenger, champion, ZERO, RULE, forecasts=FORECASTS, volatility=VOLATILITY)
    assert again == judgement, "the same figures every time"
