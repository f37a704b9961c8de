"""`candlecast backtest`: the walk-forward evaluation of a training run on anyone's own candles. No network, no AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from candlecast import features, hours
from candlecast.errors import BadRequest
from candlecast.families import FAMILIES, Family
from candlecast.model import Model, fit
from candlecast.settings import LeakSettings, Refit
from training import candle_file, charts, contenders, leak, page, sections
from training.candle_file import CandleFile
from training.evaluation import Contender, Evaluation, Tell, evaluate
from training.validation import Schedule, window_days

IMPORTANCE_ROWS = 500
"""Hours that feature importance is measured on: the newest scored ones."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to backtest, and how."""

    candles: Path
    symbol: str
    pool: tuple[Path, ...] = ()
    """Files of other symbols to learn from as well, each named after its symbol, like ETH-USDT.parquet."""
    train_until: datetime
    """The first model learns nothing that became known later (aware)."""
    score_from: datetime
    """Start of the first hour to score (aware)."""
    score_until: datetime | None = None
    """Hours from here on are not scored; None: all that the file holds."""
    refit: Refit
    window: str
    """See validation.window_days."""
    embargo_hours: int
    family: Family
    compared_refit: Refit | None = None
    """How often the other families are fitted anew; None leaves them out."""
    coverage: float
    shrinkage: float
    leak: LeakSettings
    """What is too good to be true."""

    @property
    def schedule(self) -> Schedule:
        """Raises BadRequest where the times or the window make no sense."""
        return Schedule(
            start=self.score_from,
            end=self.score_until,
            refit=self.refit,
            window_days=window_days(self.window),
            embargo=timedelta(hours=self.embargo_hours),
            train_until=self.train_until,
        )


@dataclass(frozen=True)
class Backtest:
    """What came out."""

    request: Request
    files: tuple[CandleFile, ...]
    """The symbol's own first."""
    evaluation: Evaluation
    importance: Mapping[str, float]
    """By feature: mean absolute contribution to the last model's forecasts."""

    @property
    def suspicions(self) -> list[str]:
        """Why the scores are too good to be true; empty where they are not."""
        return leak.suspicions({"walk-forward": self.evaluation.model.total}, self.request.leak)

    def record(self) -> dict[str, Any]:
        """Everything as plain JSON values; the model's scores stand at the top, every contender's under `models`."""
        request = self.request
        return {
            "symbol": request.symbol,
            "family": request.family,
            "shrinkage": request.shrinkage,
            "score_from": hours.text(request.score_from),
            **self.evaluation.record(),
            "suspicions": self.suspicions,
            "importance": dict(sorted(self.importance.items(), key=lambda item: -item[1])),
            "candles": {
                file.symbol: {
                    "candles": len(file.candles),
                    "missing_hours": file.missing_hours,
                    "set_aside": file.set_aside,
                }
                for file in self.files
            },
        }

    def forecasts(self) -> pd.DataFrame:
        """target_hour (UTC), predicted_return, lower, upper and actual_return (simple returns), in order of time."""
        renamed = {"lower_return": "lower", "upper_return": "upper"}
        columns = ["target_hour", "predicted_return", "lower", "upper", "actual_return"]
        return self.evaluation.model.forecasts.rename(columns=renamed)[columns]

    def page(self) -> str:
        """The report: one HTML page that needs nothing else."""
        request, own = self.request, self.files[0]
        told = {
            "Candles": f"{len(own.candles):,}, {own.candles['open_time'].iloc[0]:%Y-%m-%d} to"
            f" {own.candles['open_time'].iloc[-1]:%Y-%m-%d}; {own.missing_hours:,} hours missing",
            "Set aside": ", ".join(f"{count} rows: {reason}" for reason, count in own.set_aside.items()) or "nothing",
            "Learnt from": ", ".join(file.symbol for file in self.files),
            "First model knew": f"what was known at {hours.text(request.train_until)}",
            "Family": contenders.title(request.family),
            "Shrinkage": f"{request.shrinkage:g} of the point forecast is served",
        }
        images = charts.of(self.evaluation, self.importance)
        warning = page.warning(f"Too good to be true: {'; '.join(self.suspicions)}.") if self.suspicions else ""
        body = f"{warning}{page.particulars(told)}\n{sections.evaluation(self.evaluation, images)}"
        return page.document(f"Backtest of {request.symbol}", body)


def run(request: Request, tell: Tell | None = None) -> Backtest:
    """Reads, evaluates, scores. *tell* is told of every fit.

    Raises BadRequest for files or times that make no sense, TooLittleData where there is too little to learn or score.
    """
    schedule = request.schedule
    files = (candle_file.read(request.candles, request.symbol), *map(_pooled, request.pool))
    names = [file.symbol for file in files]
    if len(set(names)) < len(names):
        raise BadRequest(f"the pool names a symbol twice: {', '.join(names)}; give each symbol's candles once.")
    rows = files[0].rows()
    if len(files) > 1:
        rows = pd.concat([file.rows().assign(symbol=file.symbol) for file in files])
        rows = rows.sort_values(["open_time", "symbol"], ignore_index=True)
    symbol = request.symbol if len(files) > 1 else None
    fitted = partial(fit, coverage=request.coverage, shrinkage=request.shrinkage, symbol=symbol)
    newest: list[Model] = []

    def fit_model(known: pd.DataFrame) -> Model:
        newest[:] = [fitted(known, family=request.family)]
        return newest[0]

    others = contenders.baselines(symbol)
    if request.compared_refit:
        others += contenders.other_families(
            request.family, request.compared_refit, lambda known, family: fitted(known, family=family)
        )
    model = Contender(contenders.title(request.family), fit_model)
    evaluation = evaluate(rows, schedule, model, others, request.coverage, symbol=symbol, tell=tell)
    scored = rows[rows["symbol"] == symbol] if symbol else rows
    return Backtest(request, files, evaluation, importance(newest[0], scored.tail(IMPORTANCE_ROWS)))


def family(name: str | None) -> Family:
    """The family of this name; None: the default. Raises BadRequest for a name that no family has."""
    for known in FAMILIES:
        if name in (known, contenders.title(known)):
            return known
    if name is None:
        return FAMILIES[0]
    raise BadRequest(f"there is no family {name!r}; choose from {', '.join(FAMILIES)}.")


def importance(model: Model, rows: pd.DataFrame) -> dict[str, float]:
    """Mean absolute contribution of each feature to the point forecasts of *rows*, in volatilities."""
    shares = abs(model.point.contributions(rows[list(features.NAMES)].to_numpy("float64"))).mean(axis=0)
    return dict(zip(features.NAMES, shares.tolist(), strict=False))  # the last share is that of no feature


def _pooled(path: Path) -> CandleFile:
    return candle_file.read(path, path.stem)
