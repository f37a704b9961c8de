"""The report page: says first what was found, opens offline, draws inside its frame."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from candlecast import drift
from lambdas.drift import report, svg
from tests.functions.drift.scene import NOW, SYMBOL, configured, forecasts

TABLES = {
    "quiet": forecasts(),
    "wild": forecasts(0.006),
    "few": forecasts(settled=3),
    "one hour": forecasts(count=1),
    "none": forecasts(settled=0),
}


def page(table: pd.DataFrame) -> str:
    return report.render(SYMBOL, NOW, drift.assess(table, NOW, configured().drift, None), table)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_page_is_self_contained(table: pd.DataFrame) -> None:
    html = page(table)

    assert not re.search(r"(src|href)=|url\(|@import|<script|https?://", html)
    assert html.startswith("<!doctype html>")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_plot_is_drawn_inside_its_frame(table: pd.DataFrame) -> None:
    for drawing in re.findall(r"<svg.*?</svg>", page(table), re.DOTALL):
        plot = ElementTree.fromstring(drawing)
        for element in plot.iter():
            across = [float(element.attrib[name]) for name in ("x", "x1", "x2", "cx") if name in element.attrib]
            down = [float(element.attrib[name]) for name in ("y", "y1", "y2", "cy") if name in element.attrib]
            points = [float(number) for number in re.findall(r"[\d.]+", element.attrib.get("d", ""))]
            assert all(0 <= value <= svg.WIDTH for value in across + points[::2])
            assert all(0 <= value <= svg.HEIGHT for value in down + points[1::2])


def test_the_verdict_and_the_rules_numbers_stand_first() -> None:
    html = page(TABLES["wild"])

    assert re.search(r"<strong>Breach\.</strong> .* A retraining was started\.", html)
    assert html.index("Breach.") < html.index("60.0 bp") < html.index("45.0 bp") < html.index("<svg")


def test_the_worst_hours_come_worst_first() -> None:
    table = forecasts()
    worst = table.nlargest(2, "absolute_error")["target_hour"]

    html = page(table.tail(168))
    rows = re.findall(r"<td>(\d{4}-\d\d-\d\d \d\d:00)</td>", html)
    assert len(rows) == report.WORST_HOURS
    shown = table.set_index("target_hour").loc[pd.to_datetime(rows, utc=True), "absolute_error"]
    assert shown.is_monotonic_decreasing
    assert len(worst) == 2


def test_a_gap_breaks_a_line() -> None:
    times = [NOW, NOW, NOW, NOW]

    drawing = svg.lines("x", times, [svg.Line("a", [1.0, 2.0, float("nan"), 3.0])], str)

    assert re.search(r'd="M[^ML]+L[^ML]+M[^ML]+"', drawing)
