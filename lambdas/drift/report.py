"""The drift report: one HTML page that holds everything it needs, and says first what was found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

import pandas as pd

from candlecast import hours
from candlecast.drift import Figure, Verdict
from lambdas.drift import svg

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
svg { width: 100%; height: auto; display: block; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left }
.verdict { border-left: .4rem solid #0b6e99; padding: .6rem 1rem; background: #8881 }
.verdict.breach { border-color: #b3261e } .note { color: #777 }
"""
WORST_HOURS = 10


def render(symbol: str, now: datetime, verdict: Verdict, forecasts: pd.DataFrame) -> str:
    """The page of a check at *now*; *forecasts*: records as of Forecast.record, those of the window among them."""
    window = _window(forecasts, now, int(verdict.figures["window_hours"] or 0))
    title = f"{symbol}, drift check of {now:%Y-%m-%d %H:%M} UTC"
    state = "Breach" if verdict.breach else "No verdict" if verdict.cause == "data fault" else "No breach"
    action = "A retraining was started." if verdict.retrain else "No retraining was started."
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p class="verdict{" breach" if verdict.breach else ""}"><strong>{state}.</strong> {escape(verdict.reason)} {action}</p>
<h2>The rule (mode: {escape(str(verdict.figures["mode"]))})</h2>
{_rule_table(verdict.figures)}
<h2>Error over time</h2>
{_error_charts(verdict)}
<h2>Forecast and actual</h2>
{_scatter(window)}
<h2>Coverage of the interval</h2>
{_coverage(window)}
<h2>Worst hours</h2>
{_worst(window)}
<p class="note">Returns are simple returns of one hour; bp is 0.01 %. "No change" is the forecast 0.
Each point of the first two plots looks back over {verdict.figures["window_hours"]} hours.
Hours without a settled forecast are left out.</p>
</body></html>
"""


def _window(forecasts: pd.DataFrame, now: datetime, length: int) -> pd.DataFrame:
    end = pd.Timestamp(hours.floor(now))
    inside = (forecasts["target_hour"] >= end - pd.Timedelta(hours=length)) & (forecasts["target_hour"] < end)
    return forecasts[inside & forecasts["actual_return"].notna()].sort_values("target_hour")


def _rule_table(figures: dict[str, Figure]) -> str:
    rows = [
        (
            "Mean absolute error",
            _points(figures["mae"]),
            _points(figures["absolute_threshold"]),
            figures["absolute_breach"],
        ),
        ("Error of no change", _points(figures["zero_change_mae"]), "", None),
        ("Error over that of no change", _ratio(figures["relative"]), _ratio(figures["relative_threshold"]), None),
        (
            "Hourly checks over that threshold, in a row",
            str(figures["checks_over_threshold"]),
            str(figures["consecutive_checks"]),
            figures["relative_breach"],
        ),
        ("Settled hours in the window", str(figures["settled_hours"]), f"at least {figures['minimum_hours']}", None),
        ("Actual inside the interval", _share(figures["coverage"]), "", None),
    ]
    body = (
        (name, value, threshold, "" if broken is None else "broken" if broken else "holds")
        for name, value, threshold, broken in rows
    )
    return _table(("", "now", "threshold", "rule"), body)


def _error_charts(verdict: Verdict) -> str:
    checks, figures = verdict.checks, verdict.figures
    times = [moment.to_pydatetime() for moment in checks["hour"]]
    errors = [
        svg.Line("forecast", (checks["mae"] * 1e4).tolist()),
        svg.Line("no change", (checks["zero_change_mae"] * 1e4).tolist()),
    ]
    ratios = [
        svg.Line("ratio", checks["relative"].tolist()),
        svg.Line("threshold", [float(figures["relative_threshold"] or math.nan)] * len(checks)),
    ]
    return svg.lines("Mean absolute error, bp", times, errors, lambda value: f"{value:.1f}") + svg.lines(
        "Error over that of no change", times, ratios, lambda value: f"{value:.3f}"
    )


def _scatter(window: pd.DataFrame) -> str:
    forecast, actual = (window["predicted_return"] * 1e4).tolist(), (window["actual_return"] * 1e4).tolist()
    return svg.scatter("Across: forecast return; up: actual return", forecast, actual, "bp")


def _coverage(window: pd.DataFrame) -> str:
    if window.empty:
        return svg.bars("Actual inside the interval, by day", [], [], 0)
    days = window["inside_interval"].astype("float64").groupby(window["target_hour"].dt.date).mean()
    labels = [f"{day:%d %b}" for day in days.index]
    return svg.bars("Actual inside the interval, by day", labels, days.tolist(), float(window["coverage"].mean()))


def _worst(window: pd.DataFrame) -> str:
    worst = window.nlargest(WORST_HOURS, "absolute_error")
    columns = ("target_hour", "predicted_return", "actual_return", "absolute_error", "inside_interval", "model_version")
    rows = (
        (
            f"{hour:%Y-%m-%d %H:%M}",
            _points(forecast),
            _points(actual),
            _points(error),
            "inside" if inside else "outside",
            version,
        )
        for hour, forecast, actual, error, inside, version in zip(*(worst[name] for name in columns), strict=True)
    )
    return _table(("Target hour, UTC", "forecast", "actual", "error", "interval", "model"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _points(value: Figure) -> str:
    return "-" if value is None else f"{float(value) * 1e4:.1f} bp"


def _ratio(value: Figure) -> str:
    return "-" if value is None else f"{float(value):.3f}"


def _share(value: Figure) -> str:
    return "-" if value is None else f"{float(value):.1%}"
