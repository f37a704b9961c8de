"""The leak alarm: scores that no honest forecast of an hour reaches mean that a model has seen what it forecasts.

Over six years of nine markets honest models were right about the direction in at most 57 % of a year's hours, and their
R2 stayed below 0.01. A feature shifted by one hour, a shuffled split or a target among the inputs goes far beyond both.
"""

from __future__ import annotations

from collections.abc import Mapping

from candlecast.errors import SuspectedLeak
from candlecast.settings import LeakSettings
from training.metrics import Scores

MINIMUM_HOURS_FOR_R2 = 336
"""Of fewer hours one wild one can decide."""


def refuse(scores: Mapping[str, Scores], rule: LeakSettings) -> None:
    """Raises SuspectedLeak, saying why, where one of *scores* (by the name of its hours) is too good to be true."""
    if reasons := suspicions(scores, rule):
        raise SuspectedLeak(
            f"Not registered, this is too good to be true: {'; '.join(reasons)}. Look for a feature or a candle that"
            " knows the future; if the market really is that predictable, raise evaluation.leak in settings.yaml."
        )


def suspicions(scores: Mapping[str, Scores], rule: LeakSettings) -> list[str]:
    """What in *scores* (by the name of its hours) is too good to be true, each as a clause."""
    return [f"{where}, {reason}" for where, found in scores.items() for reason in _reasons(found, rule)]


def _reasons(scores: Scores, rule: LeakSettings) -> list[str]:
    found = []
    if scores.hours >= rule.minimum_hours and scores.directional_accuracy > rule.directional_accuracy:
        found.append(
            f"the direction was right in {scores.directional_accuracy:.1%} of {scores.hours:,} hours"
            f" (honest forecasts stay below {rule.directional_accuracy:.0%})"
        )
    if scores.hours >= MINIMUM_HOURS_FOR_R2 and scores.r2 > rule.r2:
        found.append(f"R2 was {scores.r2:.3f} over {scores.hours:,} hours (honest forecasts stay below {rule.r2:g})")
    return found
