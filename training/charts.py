"""The plots of a training run, as PNG images."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.metrics import Scores

MODEL, ZERO, PLAIN = "#0b6e99", "#b8bec4", "#444b52"
BASIS_POINTS = 1e4
FEATURES_SHOWN = 15


def error_by_month(monthly: Mapping[str, Scores]) -> bytes:
    """Mean absolute error of the model and of zero-change, side by side, basis points."""
    figure, axes = _figure("Mean absolute error by month", "basis points")
    places = range(len(monthly))
    zero = [s.zero_change_mae * BASIS_POINTS for s in monthly.values()]
    own = [s.mae * BASIS_POINTS for s in monthly.values()]
    axes.bar([p - 0.2 for p in places], zero, width=0.4, color=ZERO, label="zero-change")
    axes.bar([p + 0.2 for p in places], own, width=0.4, color=MODEL, label="model")
    for place, scores, height in zip(places, monthly.values(), zero, strict=True):
        axes.annotate(f"{scores.skill:+.1%}", (place, height), (0, 3), textcoords="offset points", ha="center", size=7)
    axes.set_ylim(0, max([*zero, *own]) * 1.25)
    axes.legend(frameon=False, ncols=2, loc="upper right", title="skill above the bars", title_fontsize=8)
    return _months(figure, axes, monthly)


def coverage_by_month(monthly: Mapping[str, Scores], nominal: float) -> bytes:
    """Share of actual returns inside the interval, against what the interval promises."""
    figure, axes = _figure("Coverage of the interval by month", "inside the interval")
    shares = [s.coverage for s in monthly.values()]
    axes.axhline(nominal, color=PLAIN, linewidth=1, linestyle="--", label=f"promised {nominal:.0%}")
    axes.plot(range(len(shares)), shares, "o-", color=MODEL, label="model")
    axes.set_ylim(min([0.6, *shares]) - 0.02, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(frameon=False, ncols=2)
    return _months(figure, axes, monthly)


def reliability(table: pd.DataFrame) -> bytes:
    """How often the price rose against the stated probability that it would."""
    figure, axes = _figure("When it says p, how often did the price rise?", "price rose")
    stated, happened = table["stated"].tolist(), table["happened"].tolist()
    low, high = min([*stated, *happened]) - 0.02, max([*stated, *happened]) + 0.02
    axes.plot([low, high], [low, high], color=PLAIN, linewidth=1, linestyle="--", label="perfect")
    axes.plot(stated, happened, "o-", color=MODEL, label="model")
    axes.set_xlabel("stated probability")
    axes.legend(frameon=False)
    return _png(figure)


def importance(gains: Mapping[str, float]) -> bytes:
    """The features that lower the model's loss most, as shares of the whole gain."""
    figure, axes = _figure("What the model looks at", "")
    total = sum(gains.values()) or 1.0
    top = sorted(gains.items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    axes.barh([name for name, _ in top], [gain / total for _, gain in top], color=MODEL)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the gain")
    return _png(figure)


def _figure(title: str, unit: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 3.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _months(figure: Figure, axes: Axes, monthly: Mapping[str, Scores]) -> bytes:
    axes.set_xticks(range(len(monthly)), list(monthly), rotation=45, ha="right", fontsize=8)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()
