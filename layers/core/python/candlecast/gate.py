"""Whether a challenger may serve: judged on hours that neither it nor the champion has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from candlecast.settings import PromotionSettings
from candlecast.windows import Series

Figure = float | int | str | bool | None

WILD = 3.0
"""No sound forecast of one hour is as large as so many volatilities."""
LEANING = 0.15
"""Mean full-size forecast, in volatilities, beyond which it leans: sound ones stay below 0.07, if young below 0.12."""
DEPARTURE = 0.1
"""Mean distance from the champion's full-size forecasts, in volatilities, that takes proof: sound ones keep to 0.01."""
_BLOCK_HOURS = 24
_DRAWS = 1000
_FLAT = 1e-9  # spread of the forecasts, in volatilities, below which they say nothing


@dataclass(frozen=True)
class Judgement:
    """The gate's decision."""

    promote: bool
    reason: str
    """One sentence, with the numbers."""
    figures: dict[str, Figure]
    """Hours, errors (returns), skill over zero-change and gain over the champion with 95 % intervals (fractions)."""


def judge(
    actual: ArrayLike,
    challenger: ArrayLike,
    champion: ArrayLike | None,
    volatility: ArrayLike,
    rule: PromotionSettings,
    *,
    shrinkage: float,
) -> Judgement:
    """The decision from one value per hold-out hour, in order of time.

    *actual*: returns; *challenger*, *champion*: their forecasts as served (None: there is no champion; nan: it made
    none of that hour); *volatility*: the scale. Forecasts are compared at full size, 1 / *shrinkage* of what is served:
    what is served of a bad model errs too little to be told from a good one within weeks.
    Promotes if its error does not exceed the rule's margin over the champion's and over zero-change's on enough paired
    hours, gives no other sign of being broken, and goes another way than the champion only where it proves it wrong.
    """
    happened, served, scale = (np.asarray(values, "float64") for values in (actual, challenger, volatility))
    theirs = np.full_like(happened, np.nan) if champion is None else np.asarray(champion, "float64")
    scored = np.isfinite(happened)
    paired = scored & np.isfinite(served)
    if champion is not None:
        paired &= np.isfinite(theirs)
    count = int(paired.sum())
    figures: dict[str, Figure] = {"hours": count, "minimum_hours": rule.minimum_hours, "margin": rule.margin}
    if fault := _unsound(served[scored], scale[scored]):
        return Judgement(False, f"Kept back: {fault}.", figures)
    if count < rule.minimum_hours:
        few = f"only {count} hours are unseen by both models, {rule.minimum_hours} are needed; wait or backfill"
        return Judgement(False, f"Kept back: {few}.", figures)
    returns, ours, others = happened[paired], served[paired] / shrinkage, theirs[paired] / shrinkage
    figures["lean"] = lean = float(np.mean(ours / scale[paired]))
    error = np.abs(returns - ours)
    against_zero = _Comparison(error, np.abs(returns))
    figures |= {"challenger_mae": against_zero.mae, "zero_change_mae": against_zero.reference_mae}
    figures |= against_zero.figures("skill")
    passed = against_zero.ratio <= rule.margin
    told = f"{against_zero.ratio:.4f} times that of no change"
    unproven = None
    if champion is not None:
        against_champion = _Comparison(error, np.abs(returns - others))
        agreement, departure = _correlation(ours, others), float(np.mean((ours - others) / scale[paired]))
        figures |= {"champion_mae": against_champion.reference_mae, "agreement": agreement, "departure": departure}
        figures |= against_champion.figures("gain")
        passed &= against_champion.ratio <= rule.margin
        told += f" and {against_champion.ratio:.4f} times the champion's"
        if agreement < 0:
            unproven = f"contradict the champion's (correlation {agreement:.2f})"
        elif abs(departure) > DEPARTURE:
            unproven = f"lie {departure:+.2f} volatilities from the champion's on average"
        if (proof := figures["gain_low"]) is not None and float(proof) > 0:
            unproven = None
    told = f"over {count} unseen hours its error was {told}"
    if not passed:
        return Judgement(False, f"Kept back: {told}; at most {rule.margin:g} is allowed.", figures)
    if abs(lean) > LEANING:
        leans = f"its forecasts lean to one side, by {lean:+.2f} volatilities; at most {LEANING:g} is allowed"
        return Judgement(False, f"Kept back: {leans}.", figures)
    if unproven:
        return Judgement(
            False, f"Kept back: its forecasts {unproven}, and it is not better beyond doubt; {told}.", figures
        )
    return Judgement(True, f"Promoted: {told}, within the margin of {rule.margin:g}.", figures)


def _correlation(ours: Series, others: Series) -> float:
    """Pearson's, 0 where the champion always says the same."""
    return float(np.corrcoef(ours, others)[0, 1]) if np.ptp(others) > 0 else 0.0


def _unsound(forecasts: Series, volatility: Series) -> str | None:
    """What is wrong with the forecasts in themselves, as a clause."""
    if not len(forecasts):
        return "there is no hold-out hour to judge it on"
    if not np.isfinite(forecasts).all():
        return f"{(~np.isfinite(forecasts)).sum()} of its {len(forecasts)} forecasts are not finite numbers"
    scaled = forecasts / volatility
    if np.ptp(scaled) < _FLAT or np.ptp(forecasts) == 0:
        return "its forecasts are all alike"
    if np.abs(scaled).max() >= WILD:
        return f"a forecast is {np.abs(scaled).max():.1f} volatilities large, and {WILD:g} is beyond belief"
    return None


class _Comparison:
    """Paired errors against a reference's."""

    def __init__(self, errors: Series, reference: Series) -> None:
        self._errors, self._reference = errors, reference
        self.mae, self.reference_mae = float(errors.mean()), float(reference.mean())
        self.ratio = self.mae / self.reference_mae if self.reference_mae > 0 else math.inf

    def figures(self, name: str) -> dict[str, Figure]:
        """1 - ratio, with its 95 % interval: bootstrap over whole days, since errors of near hours are alike."""
        low, high = self._interval()
        return {name: 1 - self.ratio, f"{name}_low": low, f"{name}_high": high}

    def _interval(self) -> Sequence[float | None]:
        days = len(self._errors) // _BLOCK_HOURS
        if days < 2 or not math.isfinite(self.ratio):
            return None, None
        errors, reference = (
            values[-days * _BLOCK_HOURS :].reshape(days, _BLOCK_HOURS).sum(axis=1)
            for values in (self._errors, self._reference)
        )
        drawn = np.random.default_rng(0).integers(0, days, (_DRAWS, days))
        skills = 1 - errors[drawn].sum(axis=1) / reference[drawn].sum(axis=1)
        low, high = np.quantile(skills, (0.025, 0.975)).tolist()
        return low, high
