"""The plots of a training run or a backtest, as PNG images."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.evaluation import Evaluation
from training.metrics import Scores
from training.slices import cumulative_gain

MODEL, WORSE, ZERO, PLAIN = "#0b6e99", "#b06000", "#b8bec4", "#444b52"
OTHERS = ("#8c564b", "#2ca02c", "#9467bd", "#e377c2", "#bcbd22", "#17becf", "#7f7f7f", "#d62728")
BASIS_POINTS = 1e4
FEATURES_SHOWN = 15
_TOLERATED = 0.03
"""Months in which the interval's coverage is further off than this deserve a look."""


def of(evaluation: Evaluation, gains: Mapping[str, float]) -> dict[str, bytes]:
    """Every plot by name. *gains*: how much each feature matters to the model, in any unit."""
    model = evaluation.model
    return {
        "gain": cumulative({each.name: each.forecasts for each in evaluation.assessments if each.total.skill != 0}),
        "error": error_by_month(model.by_month),
        "coverage": coverage_by_month(model.by_month, evaluation.coverage),
        "hours": by_hour(model.by_hour, evaluation.coverage),
        "regimes": by_regime(model.by_regime),
        "reliability": reliability(evaluation.reliability),
        "importance": importance(gains),
    }


def cumulative(forecasts: Mapping[str, pd.DataFrame]) -> bytes:
    """Error saved against zero-change since the first hour, a line per contender; the first one is the model."""
    figure, (axes,) = _figure("Error saved against zero-change, from the first hour on", 3.6)
    for place, (name, table) in enumerate(forecasts.items()):
        gain = cumulative_gain(table)
        color, width = (MODEL, 2.2) if place == 0 else (OTHERS[(place - 1) % len(OTHERS)], 1.1)
        days = pd.DatetimeIndex(gain.index).tz_localize(None)
        axes.plot(days, gain.to_numpy(), label=name, color=color, linewidth=width, zorder=3 if place == 0 else 2)
    axes.axhline(0, color=PLAIN, linewidth=1, linestyle="--")
    axes.set_ylabel("share of all its error")
    _percent(axes, 1)
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return _png(figure)


def error_by_month(monthly: Mapping[str, Scores]) -> bytes:
    """Mean absolute error of zero-change, which is the market's own, and the model's skill over it."""
    figure, (size, skill) = _figure("Mean absolute error and skill by month", 4.2, panels=2)
    places = range(len(monthly))
    size.bar(places, [s.zero_change_mae * BASIS_POINTS for s in monthly.values()], color=ZERO, label="zero-change")
    size.plot(places, [s.mae * BASIS_POINTS for s in monthly.values()], "_", markersize=14, color=MODEL, label="model")
    size.margins(y=0.25)
    size.set_ylabel("error, basis points")
    size.legend(frameon=False, ncols=2, fontsize=8, loc="upper right")
    _bars(skill, [s.skill for s in monthly.values()])
    skill.set_ylabel("skill")
    _ticks(skill, list(monthly))
    return _png(figure)


def coverage_by_month(monthly: Mapping[str, Scores], nominal: float) -> bytes:
    """Share of actual returns inside the interval, against what the interval promises."""
    figure, (axes,) = _figure("Coverage of the interval by month", 3)
    _coverage(axes, [s.coverage for s in monthly.values()], nominal)
    _ticks(axes, list(monthly))
    return _png(figure)


def by_hour(hourly: Mapping[str, Scores], nominal: float) -> bytes:
    """Skill and coverage by UTC hour of day."""
    figure, (skill, coverage) = _figure("Skill and coverage by hour of day, UTC", 4.2, panels=2)
    _bars(skill, [s.skill for s in hourly.values()])
    skill.set_ylabel("skill")
    _coverage(coverage, [s.coverage for s in hourly.values()], nominal)
    coverage.set_xticks(range(len(hourly)), list(hourly), fontsize=8)
    return _png(figure)


def by_regime(regimes: Mapping[str, Scores]) -> bytes:
    """Skill with its interval in calm, usual and lively markets."""
    figure, (axes,) = _figure("Skill by how lively the market was before the hour", 2.6)
    for place, scores in enumerate(regimes.values()):
        if not math.isnan(scores.skill_low):
            axes.plot([scores.skill_low, scores.skill_high], [place, place], color=MODEL, linewidth=3, alpha=0.4)
        axes.plot([scores.skill], [place], "o", color=MODEL)
    names = [f"{name}\n(moves of {s.zero_change_mae * BASIS_POINTS:.0f} bp)" for name, s in regimes.items()]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.axvline(0, color=PLAIN, linewidth=1, linestyle="--")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    axes.set_xlabel("skill, with its 95 % interval")
    return _png(figure)


def reliability(table: pd.DataFrame) -> bytes:
    """How often the price rose against the stated probability that it would."""
    figure, (axes,) = _figure("When it says p, how often did the price rise?", 3.4)
    stated, happened = table["stated"].tolist(), table["happened"].tolist()
    low, high = min([*stated, *happened]) - 0.02, max([*stated, *happened]) + 0.02
    axes.plot([low, high], [low, high], color=PLAIN, linewidth=1, linestyle="--", label="perfect")
    axes.plot(stated, happened, "o-", color=MODEL, label="model")
    axes.set_xlabel("stated probability")
    axes.set_ylabel("price rose")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    _percent(axes, 0)
    axes.legend(frameon=False)
    return _png(figure)


def importance(gains: Mapping[str, float]) -> bytes:
    """The features that matter most to the model, as shares of all."""
    figure, (axes,) = _figure("What the model looks at", 3.6)
    total = sum(gains.values()) or 1.0
    top = sorted(gains.items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    axes.barh([name for name, _ in top], [gain / total for _, gain in top], color=MODEL)
    axes.tick_params(axis="y", labelsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of what all features contribute")
    return _png(figure)


def _bars(axes: Axes, skills: Sequence[float]) -> None:
    axes.bar(range(len(skills)), skills, color=[MODEL if skill >= 0 else WORSE for skill in skills])
    axes.axhline(0, color=PLAIN, linewidth=1)
    _percent(axes, 2)


def _coverage(axes: Axes, shares: Sequence[float], nominal: float) -> None:
    axes.axhspan(nominal - _TOLERATED, nominal + _TOLERATED, color=ZERO, alpha=0.35, linewidth=0)
    axes.axhline(nominal, color=PLAIN, linewidth=1, linestyle="--", label=f"promised {nominal:.0%}")
    axes.plot(range(len(shares)), shares, "o-", color=MODEL, markersize=4, label="model")
    known = [share for share in shares if not math.isnan(share)]
    axes.set_ylim(min([nominal - 0.1, *known]) - 0.02, min(1.0, max([nominal + 0.1, *known]) + 0.02))
    axes.set_ylabel("inside the interval")
    _percent(axes, 0)
    axes.legend(frameon=False, ncols=2, fontsize=8)


def _percent(axes: Axes, digits: int) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.{digits}%}")


def _ticks(axes: Axes, months: Sequence[str]) -> None:
    axes.set_xticks(range(len(months)), months, rotation=0 if len(months) < 9 else 90, fontsize=8)


def _figure(title: str, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of the reports' width with *panels* plots above each other that share their x axis."""
    figure = Figure(figsize=(8, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    plots = [figure.add_subplot(panels, 1, 1)]
    plots += [figure.add_subplot(panels, 1, place, sharex=plots[0]) for place in range(2, panels + 1)]
    for axes in plots:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in plots[:-1]:
        axes.tick_params(axis="x", labelbottom=False)
    plots[0].set_title(title, loc="left", fontsize=11)
    return figure, plots


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()
