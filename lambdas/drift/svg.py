"""Plots as inline SVG: enough for a report that must open anywhere, without a plotting library in the function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

WIDTH, HEIGHT = 760, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 24, 26, 30
_COLOURS = ("#0b6e99", "#b06000", "#777")
_DASHES = ("", "6 4", "2 4")
"""Lines differ in pattern as well as in colour."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; nan leaves a gap."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels, with ticks at round values."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, math.floor(self.high / step) + 1)]


def lines(title: str, times: Sequence[datetime], drawn: Sequence[Line], form: Callable[[float], str]) -> str:
    """Lines over time; *form* writes the values of the vertical axis."""
    known = [value for line in drawn for value in line.values if math.isfinite(value)]
    if not known:
        return _empty(title)
    down = _vertical(known)
    across = _Scale(0, max(len(times) - 1, 1), _LEFT, WIDTH - _RIGHT)
    marks = [
        _path(line.values, across, down, _COLOURS[number % 3], _DASHES[number % 3]) for number, line in enumerate(drawn)
    ]
    return _figure(title, [_grid(down, form), _dates(times, across), *marks], [line.name for line in drawn])


def scatter(title: str, horizontal: Sequence[float], vertical: Sequence[float], unit: str) -> str:
    """Points of two numbers of the same unit, with the lines through zero."""
    points = [(x, y) for x, y in zip(horizontal, vertical, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if not points:
        return _empty(title)
    down = _vertical([y for _, y in points] + [0.0])
    widest = max(abs(x) for x, _ in points) * 1.1 or 1.0
    across = _Scale(-widest, widest, _LEFT, WIDTH - _RIGHT)
    axes = _rule(_LEFT, down(0), WIDTH - _RIGHT, down(0), 0.6)
    axes += _rule(across(0), _TOP, across(0), HEIGHT - _BOTTOM, 0.6)
    dots = "".join(
        f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="2.5" fill="{_COLOURS[0]}" fill-opacity=".55"/>'
        for x, y in points
    )
    below = "".join(_text(across(x), HEIGHT - 10, f"{x:g}", "middle") for x in across.ticks())
    return _figure(f"{title}, {unit}", [_grid(down, lambda y: f"{y:g}"), axes, below, dots], [])


def bars(title: str, labels: Sequence[str], shares: Sequence[float], promised: float) -> str:
    """Shares of one as bars, each with its number, and a line at the *promised* share."""
    if not labels:
        return _empty(title)
    down = _Scale(0, 1, HEIGHT - _BOTTOM, _TOP)
    step = (WIDTH - _LEFT - _RIGHT) / len(labels)
    drawn = []
    for number, (label, share) in enumerate(zip(labels, shares, strict=True)):
        left, top = _LEFT + number * step, down(share)
        box = f'x="{left + step * 0.15:.1f}" y="{top:.1f}" width="{step * 0.7:.1f}" height="{down(0) - top:.1f}"'
        drawn.append(f'<rect {box} fill="{_COLOURS[0]}" fill-opacity=".75"/>')
        drawn.append(_text(left + step / 2, top - 4, f"{share:.0%}", "middle"))
        drawn.append(_text(left + step / 2, HEIGHT - 10, label, "middle"))
    line = _path([promised, promised], _Scale(0, 1, _LEFT, WIDTH - _RIGHT), down, _COLOURS[1], _DASHES[1])
    return _figure(title, [_grid(down, lambda y: f"{y:.0%}"), *drawn, line], ["", f"promised {promised:.0%}"])


def _vertical(values: Sequence[float]) -> _Scale:
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return _Scale(low - room, high + room, HEIGHT - _BOTTOM, _TOP)


def _path(values: Sequence[float], across: _Scale, down: _Scale, colour: str, dashes: str) -> str:
    steps, pen_down = [], False
    for place, value in enumerate(values):
        known = math.isfinite(value)
        if known:
            steps.append(f"{'L' if pen_down else 'M'}{across(place):.1f} {down(value):.1f}")
        pen_down = known
    return f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'


def _grid(down: _Scale, form: Callable[[float], str]) -> str:
    return "".join(
        _rule(_LEFT, down(tick), WIDTH - _RIGHT, down(tick), 0.15) + _text(_LEFT - 6, down(tick) + 4, form(tick), "end")
        for tick in down.ticks()
    )


def _dates(times: Sequence[datetime], across: _Scale) -> str:
    """The dates at their midnights, thinned out where they are many."""
    midnights = [place for place, time in enumerate(times) if time.hour == 0]
    shown = midnights[:: len(midnights) // 12 + 1]
    return "".join(_text(across(place), HEIGHT - 10, f"{times[place]:%d %b}", "middle") for place in shown)


def _rule(x1: float, y1: float, x2: float, y2: float, strength: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="currentColor" stroke-opacity="{strength}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="11" fill="currentColor">{escape(text)}</text>'


def _figure(title: str, parts: Sequence[str], names: Sequence[str]) -> str:
    legend, left = [], WIDTH - _RIGHT - sum(_room(name) for name in names)
    for number, name in enumerate(names):
        if name:
            ends = f'x1="{left}" y1="10" x2="{left + 26}" y2="10" stroke-width="2"'
            style = f'stroke="{_COLOURS[number % 3]}" stroke-dasharray="{_DASHES[number % 3]}"'
            legend.append(f"<line {ends} {style}/>" + _text(left + 31, 14, name, "start"))
        left += _room(name)
    inner = "".join([_text(_LEFT, 14, title, "start"), *legend, *parts])
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{inner}</svg>'


def _room(name: str) -> int:
    """Width of a name and its sample in the legend."""
    return 46 + 7 * len(name) if name else 0


def _empty(title: str) -> str:
    return f"<p class='note'>{escape(title)}: nothing is settled yet.</p>"


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough)
