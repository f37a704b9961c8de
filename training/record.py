"""Everything a training run found out, before its version has a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from candlecast.gate import Figure
from training.contest import Contest
from training.contract import Job
from training.dataset import Dataset
from training.evaluation import Evaluation
from training.search import Found


@dataclass(frozen=True)
class Record:
    """One training run: on what the model was fitted, how well it does, and against whom."""

    job: Job
    dataset: Dataset
    search: Found | None
    """None where the family's own settings were taken as they are."""
    evaluation: Evaluation
    """Walk-forward, on the hours before the contest's hold-out."""
    contest: Contest

    @property
    def first_hour(self) -> datetime:
        """Open of the oldest candle fitted on."""
        first: datetime = self.dataset.rows["open_time"].iloc[0].to_pydatetime()
        return first

    @property
    def last_hour(self) -> datetime:
        """Open of the newest candle fitted on."""
        last: datetime = self.dataset.rows["open_time"].iloc[-1].to_pydatetime()
        return last

    @property
    def figures(self) -> dict[str, Figure]:
        """The walk-forward scores, and those of the gate with the prefix `holdout_`."""
        return {
            **self.evaluation.model.total.record(),
            **{f"holdout_{k}": v for k, v in self.contest.judgement.figures.items()},
        }

    @property
    def measured(self) -> dict[str, float]:
        """The figures that are numbers."""
        return {name: float(value) for name, value in self.figures.items() if isinstance(value, int | float)}
