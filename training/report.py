"""The report of one training run: a single self-contained HTML page."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from candlecast import hours
from training.metrics import Scores
from training.record import Record

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #8884 }
.verdict { border-left: .4rem solid #0b6e99; padding: .6rem 1rem; background: #8881 }
.verdict.kept { border-color: #b06000 }
th:first-child, td:first-child, td.text { text-align: left }
td.text { overflow-wrap: anywhere } img { max-width: 100% } .note { color: #777 }
"""
_NONE = "\N{EN DASH}"
_COLUMNS = ("", "hours", "MAE, bp", "skill", "95 % interval", "RMSE, bp", "R²", "direction right", "inside interval",
            "width, bp", "pinball, bp")  # fmt: skip


def render(record: Record, manifest: Mapping[str, Any], images: Mapping[str, bytes]) -> str:
    """The page of the version that *manifest* describes; *images*: PNG plots by name."""
    contest, promote = record.contest, record.contest.judgement.promote
    version, promised = manifest["version"], manifest["coverage"]
    title = f"{record.job.symbol}, model version {version}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p class="verdict{"" if promote else " kept"}">{escape(contest.judgement.reason)}</p>
<h2>On hours that neither model was fitted on</h2>
<p>{hours.text(contest.start)} to {hours.text(contest.end)}. For this comparison the challenger was fitted without
these hours; what is registered as version {escape(version)} was then fitted on everything.</p>
{_table(_contestants(record))}
<h2>Walk-forward, refitted every month</h2>
{_table([("model", _cells(record.evaluation)), ("zero-change", _zero(record.evaluation))])}
<p class="note">Every hour was forecast by a model that had seen nothing of it. Skill is 1 - MAE / MAE of zero-change,
its interval a bootstrap over weeks. The interval of a forecast promises {promised:.0%}.
Skill in MAE is not profit: fees and spread are many times the edge.</p>
{"".join(_image(name, image) for name, image in images.items())}
<h2>By month</h2>
{_table((month, _cells(scores)) for month, scores in record.monthly.items())}
<h2>Particulars</h2>
<table>{"".join(_particular(name, value) for name, value in _particulars(record, manifest).items())}</table>
</body></html>
"""


def _particulars(record: Record, manifest: Mapping[str, Any]) -> dict[str, str]:
    training = manifest["training"]
    return {
        "Known at": hours.text(record.job.as_of),
        "Fitted on": f"{training['hours']:,} candles, {training['start']} to {training['end']}",
        "Data": f"sha256 {record.dataset.fingerprint}",
        "Bundle": f"sha256 {manifest['bundle_sha256']}",
        "Shrinkage": f"{manifest['shrinkage']:g} of the point forecast is served",
        "Parameters": ", ".join(f"{name} {value}" for name, value in manifest["parameters"].items()),
        "Libraries": ", ".join(f"{name} {value}" for name, value in manifest["libraries"].items()),
        "Features": ", ".join(feature["name"] for feature in manifest["features"]),
    }


def _particular(name: str, value: str) -> str:
    return f"<tr><td>{escape(name)}</td><td class='text'>{escape(value)}</td></tr>"


def _contestants(record: Record) -> Iterable[tuple[str, list[str]]]:
    contest = record.contest
    yield "challenger", _cells(contest.candidate)
    if contest.champion:
        yield f"champion, version {contest.champion_version}", _cells(contest.champion)
    yield "zero-change", _zero(contest.candidate)


def _cells(scores: Scores) -> list[str]:
    return [
        f"{scores.hours:,}",
        _points(scores.mae),
        _percent(scores.skill, "+.2%"),
        _NONE if math.isnan(scores.skill_low) else f"{scores.skill_low:+.2%} to {scores.skill_high:+.2%}",
        _points(scores.rmse),
        _percent(scores.r2, "+.2%"),
        _percent(scores.directional_accuracy, ".1%"),
        _percent(scores.coverage, ".1%"),
        _points(scores.width),
        _points(scores.pinball),
    ]


def _zero(scores: Scores) -> list[str]:
    known = [f"{scores.hours:,}", _points(scores.zero_change_mae), "0", _NONE, _points(scores.zero_change_rmse), "0"]
    return known + [_NONE] * (len(_COLUMNS) - 1 - len(known))


def _points(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value * 1e4:.2f}"


def _percent(value: float, form: str) -> str:
    return _NONE if math.isnan(value) else format(value, form)


def _table(rows: Iterable[tuple[str, list[str]]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in _COLUMNS)
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, cells in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _image(name: str, image: bytes) -> str:
    data = base64.b64encode(image).decode()
    return f'<p><img alt="{escape(name)}" src="data:image/png;base64,{data}"></p>'
