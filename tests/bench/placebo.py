"""Nothing to learn, nothing found: outcomes shuffled in blocks, forecast walk-forward like real ones.

A block keeps what returns do among themselves, calm and storm, but stands beside other hours' features. Its length is
no whole number of days, so that hours of the day lose their outcomes too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
from rich.table import Table

from candlecast import settings as configuration
from candlecast.model import fit
from tests.bench.markets import recordings
from training import candle_file
from training.metrics import Scores, score
from training.validation import Schedule, walk_forward

BLOCK_HOURS = 100
SCHEDULE = Schedule(
    start=datetime(2023, 1, 1, tzinfo=UTC), end=datetime(2024, 1, 1, tzinfo=UTC), refit="quarterly", window_days=365
)
ALLOWED = 0.06
"""Share of the seeds that may show a skill significant at 5 %."""


def shuffled(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """*rows* whose outcomes, in volatilities, come from other hours: whole blocks in random order."""
    blocks = np.array_split(np.arange(len(rows)), max(2, len(rows) // BLOCK_HOURS))
    order = np.random.default_rng(seed).permutation(len(blocks))
    places = np.concatenate([blocks[block] for block in order])
    outcomes = (rows["target_return"] / rows["volatility"]).to_numpy()[places]
    return rows.assign(target_return=outcomes * rows["volatility"].to_numpy())


def significant(scores: Scores) -> bool:
    """Whether the scores claim a skill at the level of 5 %."""
    return scores.skill > 0 and scores.dm_p < 0.05


def measure(seeds: int) -> Table:
    """One row: how many of the seeds show a significant skill."""
    settings = configuration.load()
    rows = candle_file.read(recordings()["BTC-USDT"], "BTC-USDT").rows()
    coverage, shrinkage = settings.forecast.coverage, settings.forecast.shrinkage
    fitted = partial(fit, coverage=coverage, shrinkage=shrinkage, family=settings.training.family)
    true, *found = (
        score(walk_forward(table, SCHEDULE, fitted), coverage)
        for table in (rows, *(shuffled(rows, seed) for seed in range(seeds)))
    )
    count, allowed = sum(map(significant, found)), int(ALLOWED * seeds)
    table = Table("", "hours", "skill", "DM", title="BTC 2023, refitted quarterly on a year")
    table.add_row("as it was", f"{true.hours:,}", f"{true.skill:+.2%}", f"{true.dm:.1f}")
    skills = [scores.skill for scores in found]
    table.add_row(
        f"{seeds} times shuffled",
        "",
        f"{min(skills):+.2%} to {max(skills):+.2%}",
        f"up to {max(s.dm for s in found):.1f}",
    )
    table.caption = f"{count} of {seeds} show a skill significant at 5 %; at most {allowed} may"
    return table
