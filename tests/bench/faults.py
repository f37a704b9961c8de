"""Every fault flow on a stack of its own, and the sum of their books: what was lost or invented of recorded candles."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from tests.flows.market import recordings
from tests.flows.scene import RECORDED, ROOT

FIGURES = ("hours", "wrong", "lost", "duplicate", "gaps", "features_off")
LEAST_HOURS = 2000


def measure() -> Table:
    """Runs the flows; a row for each, and their sum."""
    flows = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "flows").glob("test_faults_*.py"))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        written = ["-o", "junit_family=xunit1", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *written, *flows]
        passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0
        rows = list(_rows(report))
    seconds = time.monotonic() - began
    kind = "recorded candles" if recordings() else "SIMULATED candles: no recordings are at hand"
    table = Table(title=f"Faults, over {kind} ({seconds:.0f} s with the deployment)", show_footer=True)
    total = {figure: sum(row[figure] for _, _, row in rows) for figure in FIGURES}
    met = passed and total["hours"] >= LEAST_HOURS and not any(total[name] for name in FIGURES[1:])
    table.add_column("after", footer=f"{len(rows)} flows, {'all passed' if passed else 'NOT ALL PASSED'}")
    table.add_column("candles of", footer="bar met" if met else "BAR MISSED")
    for figure in FIGURES:
        table.add_column(figure.replace("_", " "), footer=f"{total[figure]:,}", justify="right")
    for name, symbol, row in rows:
        table.add_row(name, RECORDED[symbol], *(f"{row[figure]:,}" for figure in FIGURES))
    return table


def _rows(report: Path) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Each flow that closed its books: its name, its symbol and the figures."""
    for case in ET.parse(report).iter("testcase"):
        told = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        if "hours" in told:
            name = case.attrib["name"].removeprefix("test_").replace("_", " ")
            yield name, told["symbol"], {figure: int(told[figure]) for figure in FIGURES}
