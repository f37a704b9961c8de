"""The parts of a report: one HTML page that holds everything it shows and opens without a network."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
th, td { padding: .22rem .5rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap }
th { vertical-align: bottom; white-space: normal; min-width: 3.2rem; font-weight: 600 }
tr.own td { font-weight: 600; background: #0b6e9922 }
.verdict { border-left: .4rem solid #0b6e99; padding: .6rem 1rem; background: #8881 }
.verdict.kept { border-color: #b06000 }
th:first-child, td:first-child, td.text { text-align: left }
td.text { overflow-wrap: anywhere; white-space: normal }
img { max-width: 100%; border-radius: .4rem } .note { color: #777; max-width: 60rem }
details { margin: .8rem 0 } summary { cursor: pointer; font-weight: 600 }
"""
NONE = "\N{EN DASH}"


def document(title: str, body: str) -> str:
    """A whole page."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
{body}
</body></html>
"""


def warning(text: str) -> str:
    """A sentence that stands out."""
    return f'<p class="verdict kept">{escape(text)}</p>'


def table(headings: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, own: str | None = None) -> str:
    """A table of figures, each row with a name; that of *own* stands out."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(_row(name, cells, "own" if name == own else "") for name, cells in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _row(name: str, cells: Sequence[str], kind: str) -> str:
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr class="{kind}"><td>{escape(name)}</td>{told}</tr>'


def particulars(values: Mapping[str, str]) -> str:
    """A table of names and texts."""
    rows = (f"<tr><td>{escape(name)}</td><td class='text'>{escape(text)}</td></tr>" for name, text in values.items())
    return f"<table>{''.join(rows)}</table>"


def image(name: str, content: bytes) -> str:
    """A PNG image."""
    data = base64.b64encode(content).decode()
    return f'<p><img alt="{escape(name)}" src="data:image/png;base64,{data}"></p>'


def points(value: float) -> str:
    """A return in basis points."""
    return NONE if math.isnan(value) else f"{value * 1e4:.2f}"


def number(value: float, form: str) -> str:
    """A number in Python's format *form*."""
    return NONE if math.isnan(value) else format(value, form)


def interval(low: float, high: float, form: str) -> str:
    """Both ends of an interval."""
    return NONE if math.isnan(low) else f"{low:{form}} to {high:{form}}"
