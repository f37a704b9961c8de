"""Evidently's report beside our own, where Evidently is installed: in the container image, not in the zip."""

from __future__ import annotations

import os
from datetime import datetime
from importlib.util import find_spec

import pandas as pd

from candlecast import hours

_COLUMNS = ["predicted_return", "actual_return", "absolute_error", "probability_up"]
_FEWEST_ROWS = 24
"""Evidently's tests say nothing on less."""


def available() -> bool:
    """Whether Evidently can be imported."""
    return find_spec("evidently") is not None


def render(forecasts: pd.DataFrame, now: datetime, window_hours: int) -> str:
    """Evidently's HTML page: the window's forecasts against those before it, and the quality of the forecasts.

    A page that says so where there are too few settled hours.
    """
    settled = forecasts[forecasts["actual_return"].notna()]
    start = pd.Timestamp(hours.floor(now)) - pd.Timedelta(hours=window_hours)
    current = settled.loc[settled["target_hour"] >= start, _COLUMNS].reset_index(drop=True)
    reference = settled.loc[settled["target_hour"] < start, _COLUMNS].reset_index(drop=True)
    if min(len(current), len(reference)) < _FEWEST_ROWS:
        return f"<!doctype html><p>{len(reference)} settled hours before the window are too few to compare with.</p>"
    os.environ["DO_NOT_TRACK"] = "1"  # before the import: it sends usage data otherwise
    from evidently import DataDefinition, Dataset, Regression, Report
    from evidently.presets import DataDriftPreset, RegressionPreset

    definition = DataDefinition(
        numerical_columns=_COLUMNS,
        regression=[Regression(target="actual_return", prediction="predicted_return")],
    )
    report = Report([DataDriftPreset(columns=_COLUMNS), RegressionPreset()])
    snapshot = report.run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )
    return str(snapshot.get_html_str(as_iframe=False))
