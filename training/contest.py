"""Challenger against champion on the hold-out: the newest hours, which neither of them was fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from candlecast import gate, hours
from candlecast.bundle import from_bundle
from candlecast.errors import BadBundle
from candlecast.model import Model
from candlecast.registry import Registry
from candlecast.settings import ForecastSettings, PromotionSettings
from training.dataset import LABEL_DELAY, Dataset
from training.metrics import Scores, score
from training.validation import EMBARGO, HOUR, outcomes

Fit = Callable[[pd.DataFrame], Model]


@dataclass(frozen=True)
class Opponent:
    """The champion as the contest finds it."""

    version: str
    model: Model | None
    """None where its bundle cannot be used any more."""
    seen_until: datetime | None
    """When the newest label that it was fitted on became known."""
    fault: str | None = None

    @classmethod
    def of(cls, registry: Registry, symbol: str) -> Opponent | None:
        """The present champion of *symbol*; None before the first promotion."""
        champion = registry.champion(symbol)
        if champion is None:
            return None
        try:
            model = from_bundle(registry.bundle(champion), champion.sha256)
        except BadBundle as error:
            return cls(champion.version, None, None, str(error))
        newest_fitted_on = hours.parse(model.manifest["training"]["end"])
        return cls(champion.version, model, newest_fitted_on + LABEL_DELAY.to_pytimedelta())


@dataclass(frozen=True)
class Contest:
    """How the candidate did on the hold-out, and what follows from it."""

    start: datetime
    """First origin of the hold-out."""
    end: datetime
    candidate: Scores
    champion: Scores | None
    """On the hours of the hold-out that the champion has not seen."""
    champion_version: str | None
    judgement: gate.Judgement


def hold(
    dataset: Dataset, opponent: Opponent | None, fit: Fit, rule: PromotionSettings, promised: ForecastSettings
) -> Contest:
    """Fits a candidate without the hold-out and judges it there beside *opponent* and zero-change."""
    start = holdout_start(dataset.as_of, opponent, rule)
    candidate = fit(dataset.before(start - EMBARGO))
    held = dataset.rows[dataset.rows["open_time"] + HOUR >= pd.Timestamp(start)]
    made = outcomes(candidate, held)
    champion_forecasts, champion_scores = None, None
    if opponent and opponent.model and opponent.seen_until:
        theirs = outcomes(opponent.model, held)
        unseen = theirs["target_hour"] >= pd.Timestamp(opponent.seen_until)
        champion_forecasts = theirs["predicted_return"].where(unseen)
        champion_scores = score(theirs[unseen], promised.coverage) if unseen.any() else None
    judgement = gate.judge(
        made["actual_return"],
        made["predicted_return"],
        champion_forecasts,
        made["volatility"],
        rule,
        shrinkage=promised.shrinkage,
    )
    if opponent and opponent.fault:
        reason = f"{judgement.reason} Version {opponent.version} could not be compared with: {opponent.fault}"
        judgement = gate.Judgement(judgement.promote, reason, judgement.figures)
    end = held["open_time"].iloc[-1].to_pydatetime() + timedelta(hours=2)
    scores = score(made, promised.coverage)
    return Contest(start, end, scores, champion_scores, opponent.version if opponent else None, judgement)


def holdout_start(as_of: datetime, opponent: Opponent | None, rule: PromotionSettings) -> datetime:
    """The first origin of the hold-out: `holdout_days` ago, or later where a younger champion leaves enough hours.

    A champion that was fitted a short while ago leaves fewer hours; the candidate may then learn from as much as it.
    """
    start = hours.floor(as_of) - timedelta(days=rule.holdout_days)
    if opponent and opponent.seen_until and as_of - opponent.seen_until >= timedelta(hours=rule.minimum_hours + 1):
        start = max(start, hours.floor(opponent.seen_until))
    return start
