"""The report of one training run: a single self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from candlecast import hours
from training import page, sections
from training.record import Record


def render(record: Record, manifest: Mapping[str, Any], images: Mapping[str, bytes]) -> str:
    """The page of the version that *manifest* describes; *images*: PNG plots by name."""
    contest, promote = record.contest, record.contest.judgement.promote
    version = manifest["version"]
    body = f"""<p class="verdict{"" if promote else " kept"}">{escape(contest.judgement.reason)}</p>
<h2>On hours that neither model was fitted on</h2>
<p>{hours.text(contest.start)} to {hours.text(contest.end)}. For this comparison the challenger was fitted without
these hours; what is registered as version {escape(version)} was then fitted on everything.</p>
{page.table(("", "hours", *sections.POINT_COLUMNS, *sections.BAND_COLUMNS[:3]), _contestants(record), own="challenger")}
{sections.evaluation(record.evaluation, images)}
<h2>Particulars</h2>
{page.particulars(_particulars(record, manifest))}"""
    return page.document(f"{record.job.symbol}, model version {version}", body)


def _contestants(record: Record) -> Iterable[tuple[str, list[str]]]:
    contest = record.contest
    named = [("challenger", contest.candidate)]
    if contest.champion:
        named.append((f"champion, version {contest.champion_version}", contest.champion))
    for name, scores in named:
        yield name, [f"{scores.hours:,}", *sections.point_cells(scores), *sections.band_cells(scores)[:3]]
    cells = [page.NONE] * (len(sections.POINT_COLUMNS) + 4)
    cells[:3] = [f"{contest.candidate.hours:,}", page.points(contest.candidate.zero_change_mae), "0"]
    yield "zero-change", cells


def _particulars(record: Record, manifest: Mapping[str, Any]) -> dict[str, str]:
    training = manifest["training"]
    return {
        "Known at": hours.text(record.job.as_of),
        "Fitted on": f"{training['hours']:,} candles, {training['start']} to {training['end']}",
        "Data": f"sha256 {record.dataset.fingerprint}",
        "Bundle": f"sha256 {manifest['bundle_sha256']}",
        "Shrinkage": f"{manifest['shrinkage']:g} of the point forecast is served",
        "Family": manifest["family"].replace("_", " "),
        "Learnt from": ", ".join(manifest["pooled"] or [record.job.symbol]),
        "Search": _search(record),
        "Parameters": ", ".join(f"{name} {value}" for name, value in manifest["parameters"].items()),
        "Libraries": ", ".join(f"{name} {value}" for name, value in manifest["libraries"].items()),
        "Features": ", ".join(feature["name"] for feature in manifest["features"]),
    }


def _search(record: Record) -> str:
    found = record.search
    if found is None:
        return "none: the family's own settings"
    taken = "the best was taken" if found.parameters else "none beat the family's own, which were kept"
    return (
        f"{found.trials} trials on the hours before the evaluation; {taken}: skill there {found.best_skill:+.2%},"
        f" the family's own {found.own_skill:+.2%}"
    )
