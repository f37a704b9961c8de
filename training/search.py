"""A bounded search for better settings of a family, on the training window alone.

Each trial is scored by a short walk-forward inside that window, so the hours that an evaluation or the gate looks at
play no part in the choice. What was found is used only if it beats the family's own settings there. Small skills make
the best of many trials look better than it is: the number of trials is kept with the result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from candlecast.families import Family, Parameters
from candlecast.features import NAMES
from candlecast.model import fit_point
from training.dataset import known_at
from training.validation import EMBARGO, HOUR

if TYPE_CHECKING:
    from optuna import Trial

SCORED_DAYS = 270
"""The newest days of the window, which the trials forecast ..."""
FOLDS = 3
"""... in so many equal parts, each by a fit on everything before it."""

Space = Callable[["Trial"], dict[str, float | int]]


def _lightgbm(trial: Trial) -> dict[str, float | int]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 31, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 100, 2000, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 0.8),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.3, 0.9),
        "lambda_l2": trial.suggest_float("lambda_l2", 1.0, 100.0, log=True),
    }


def _xgboost(trial: Trial) -> dict[str, float | int]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 5),
        "min_child_weight": trial.suggest_int("min_child_weight", 100, 2000, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 0.8),
        "subsample": trial.suggest_float("subsample", 0.3, 0.9),
        "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 100.0, log=True),
    }


def _random_forest(trial: Trial) -> dict[str, float | int]:
    return {
        "num_leaves": trial.suggest_int("num_leaves", 15, 63, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 50, 1000, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 0.9),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.2, 0.6),
    }


def _linear(trial: Trial) -> dict[str, float | int]:
    return {"ridge": trial.suggest_float("ridge", 0.001, 0.3, log=True)}


_SPACES: dict[Family, Space] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "random_forest": _random_forest,
    "linear": _linear,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    trials: int
    own_skill: float
    """Skill over zero-change, in volatilities, of the family's own settings inside the window."""
    best_skill: float
    """Of the best trial."""
    parameters: dict[str, float | int]
    """To lay over the family's own; empty where no trial beat those."""

    def record(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def search(rows: pd.DataFrame, trials: int, *, family: Family, seed: int = 7) -> Found:
    """Tries *trials* settings of *family* on *rows* (as model.fit takes them). Equal rows and seed, equal result.

    Raises TooLittleData where the oldest part leaves too little to fit on.
    """
    import optuna

    optuna.logging.set_verbosity(logging.WARNING)
    folds = list(_folds(rows))

    def skill(parameters: Parameters) -> float:
        error = change = 0.0
        for known, asked in folds:
            point = fit_point(known, family=family, seed=seed, parameters=parameters)
            outcome = (asked["target_return"] / asked["volatility"]).to_numpy("float64")
            error += float(np.abs(outcome - point.predict(asked[list(NAMES)].to_numpy("float64"))).sum())
            change += float(np.abs(outcome).sum())
        return 1 - error / change

    own = skill({})
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: skill(_SPACES[family](trial)), n_trials=trials)
    best = study.best_value
    return Found(trials, own, best, dict(study.best_params) if best > own else {})


def _folds(rows: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Rows known an hour before each of the scored parts, and the part."""
    origins = rows["open_time"] + HOUR
    end = origins.iloc[-1] + HOUR
    step = pd.Timedelta(days=SCORED_DAYS) / FOLDS
    for begin in (end - (FOLDS - place) * step for place in range(FOLDS)):
        yield known_at(rows, begin - EMBARGO), rows[(origins >= begin) & (origins < begin + step)].dropna()
