"""Whom the model is compared with: the baselines, and the other families at a pace that costs little."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from candlecast.families import FAMILIES, Family
from candlecast.model import Model
from candlecast.settings import Refit
from training.baselines import BASELINES
from training.evaluation import Contender
from training.validation import Fit

FitFamily = Callable[[pd.DataFrame, Family], Model]


def title(family: Family) -> str:
    """The family's name in reports."""
    return family.replace("_", " ")


def baselines(symbol: str | None = None) -> list[Contender]:
    """Every baseline; *symbol*: the one to forecast, where rows are those of several."""

    def own(fit: Fit) -> Fit:
        return fit if symbol is None else lambda rows: fit(rows[rows["symbol"] == symbol])

    return [Contender(name, own(fit)) for name, fit in BASELINES.items()]


def other_families(chosen: Family, refit: Refit, fit: FitFamily) -> list[Contender]:
    """Every family but the chosen one, fitted anew as often as *refit* says."""

    def contender(family: Family) -> Contender:
        return Contender(title(family), lambda rows: fit(rows, family), refit)

    return [contender(family) for family in FAMILIES if family != chosen]
