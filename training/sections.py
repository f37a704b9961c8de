"""What every report shows of an evaluation: the model beside all others, then its months, regimes and hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training import page
from training.evaluation import Assessment, Evaluation
from training.metrics import Scores
from training.validation import HOUR

POINT_COLUMNS = ("MAE, bp", "skill", "95 % interval", "DM", "p", "RMSE, bp", "R²", "R² of delta",
                 "direction right", "95 % interval")  # fmt: skip
BAND_COLUMNS = ("inside interval", "width, bp", "pinball, bp", "30-day quantiles, bp", "better by", "95 % interval")
_PART_COLUMNS = ("hours", "MAE, bp", "zero-change, bp", "skill", "95 % interval", "R²", "direction right",
                 "inside interval", "width, bp", "pinball better by")  # fmt: skip


def evaluation(found: Evaluation, images: Mapping[str, bytes]) -> str:
    """The whole evaluation; *images*: plots by name as charts.of makes them."""
    own, schedule = found.model, found.schedule
    window = "everything before it" if schedule.window_days is None else f"the {schedule.window_days} days before it"
    embargo = schedule.embargo / HOUR
    compared = {each.refit for each in found.others if each.refit not in (own.refit, "never")}
    others = f" Other families were refitted {', '.join(sorted(compared))} only, to save time." if compared else ""
    first, last = (found.model.forecasts["target_hour"].iloc[place] for place in (0, -1))
    parts = {"month": own.by_month, "regime": own.by_regime, "hour of day": own.by_hour}
    return f"""<h2>Walk-forward: {first:%Y-%m-%d} to {last:%Y-%m-%d}, {own.refits} {own.refit} refits</h2>
<p>Each of {own.total.hours:,} hours was forecast by a model fitted on {window}, {embargo:g} h left out
between, which had seen nothing of it.{others}</p>
{page.table(("", *POINT_COLUMNS), [(each.name, point_cells(each.total)) for each in found.assessments], own=own.name)}
<p class="note">Skill is 1 - MAE / MAE of zero-change; intervals are bootstraps over weeks. DM is the statistic of
Diebold and Mariano against zero-change (above 0: better; p two-sided, Newey-West over 48 h). R² is about the mean.
Skill in MAE is not profit: fees and spread are many times the edge.</p>
{_image("gain", images)}
<h2>The {found.coverage:.0%} interval</h2>
{page.table(("", *BAND_COLUMNS), _bands(found.assessments), own=own.name)}
<p class="note">Pinball loss is the mean of both bounds; it is compared with the quantiles of the last 30 days.</p>
{_image("coverage", images)}{_image("error", images)}{_image("hours", images)}{_image("regimes", images)}
{_image("reliability", images)}{_image("importance", images)}
{"".join(_part(name, part) for name, part in parts.items())}
"""


def point_cells(scores: Scores) -> list[str]:
    """The cells of POINT_COLUMNS."""
    return [
        page.points(scores.mae),
        page.number(scores.skill, "+.2%"),
        page.interval(scores.skill_low, scores.skill_high, "+.2%"),
        page.number(scores.dm, "+.1f"),
        "< 0.001" if scores.dm_p < 0.001 else page.number(scores.dm_p, ".3f"),
        page.points(scores.rmse),
        page.number(scores.r2, "+.2%"),
        page.number(scores.r2_delta, "+.2%"),
        page.number(scores.directional_accuracy, ".1%"),
        page.interval(scores.directional_accuracy_low, scores.directional_accuracy_high, ".1%"),
    ]


def band_cells(scores: Scores) -> list[str]:
    """The cells of BAND_COLUMNS."""
    return [
        page.number(scores.coverage, ".1%"),
        page.points(scores.width),
        page.points(scores.pinball),
        page.points(scores.pinball_reference),
        page.number(scores.pinball_skill, "+.1%"),
        page.interval(scores.pinball_skill_low, scores.pinball_skill_high, "+.1%"),
    ]


def _bands(assessments: Sequence[Assessment]) -> list[tuple[str, list[str]]]:
    return [(each.name, band_cells(each.total)) for each in assessments if each.total.coverage == each.total.coverage]


def _part(name: str, scores: Mapping[str, Scores]) -> str:
    rows = page.table(("", *_PART_COLUMNS), [(key, _part_cells(each)) for key, each in scores.items()])
    return f"<details><summary>By {name}</summary>{rows}</details>"


def _part_cells(scores: Scores) -> list[str]:
    return [
        f"{scores.hours:,}",
        page.points(scores.mae),
        page.points(scores.zero_change_mae),
        page.number(scores.skill, "+.2%"),
        page.interval(scores.skill_low, scores.skill_high, "+.2%"),
        page.number(scores.r2, "+.2%"),
        page.number(scores.directional_accuracy, ".1%"),
        page.number(scores.coverage, ".1%"),
        page.points(scores.width),
        page.number(scores.pinball_skill, "+.1%"),
    ]


def _image(name: str, images: Mapping[str, bytes]) -> str:
    return page.image(name, images[name]) if name in images else ""
