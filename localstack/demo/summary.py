"""What the demo ends with: the models, how they did live, the drift verdicts, and where everything is."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from candlecast import hours
from candlecast.forecast import Forecast
from localstack.demo.stages import Demo
from training.metrics import Scores, score


def show(console: Console, demo: Demo) -> None:
    """Prints the closing summary and saves the newest reports beside the local state."""
    forecasts = [f for f in _replayed(demo) if f.settlement is not None]
    console.print(f"[bold]{demo.scenario.symbol}[/], {demo.scenario.label}: {len(forecasts)} forecast hours settled\n")
    console.print(_models(demo, forecasts))
    console.print(_drift(demo))
    console.print(_answers(demo))
    for line in _places(demo):
        console.print(line, soft_wrap=True)


def _replayed(demo: Demo) -> list[Forecast]:
    found: list[Forecast] = []
    cursor: str | None = None
    span = (demo.scenario.replay_start, demo.scenario.end + hours.HOUR)
    while True:
        page = demo.stack.forecasts.range(demo.scenario.symbol, *span, cursor=cursor)
        found += [f for f in page.forecasts if f.kind == "live"]
        if (cursor := page.cursor) is None:
            return found


def _live_scores(forecasts: list[Forecast]) -> Scores:
    """Scores of settled forecasts, beside zero-change."""
    return score(pd.DataFrame([f.record() for f in forecasts]), forecasts[0].coverage)


def _models(demo: Demo, forecasts: list[Forecast]) -> Table:
    symbol, registry = demo.scenario.symbol, demo.stack.registry
    champion = registry.champion(symbol)
    table = Table(title="Model versions (zero-change is the forecast of no change)", title_justify="left")
    for heading in (
        "version",
        "skill over zero-change, walk-forward",
        "live hours",
        "live MAE / zero-change",
        "coverage",
        "",
    ):
        table.add_column(heading)
    for version in registry.versions(symbol):
        verdict = registry.verdict(symbol, version)
        served = [f for f in forecasts if f.model_version == version]
        live = ("0", "-", "-")
        if served:
            scores = _live_scores(served)
            live = (str(scores.hours), _errors(scores), f"{scores.coverage:.1%}")
        mark = "[green]champion[/]" if champion and champion.version == version else ""
        table.add_row(version, _skill(verdict.figures), *live, mark or ("served before" if served else "not promoted"))
    if forecasts:
        scores = _live_scores(forecasts)
        table.add_section()
        table.add_row("all", _interval(scores.skill, scores.skill_low, scores.skill_high) + " live", str(scores.hours),
                      _errors(scores), f"{scores.coverage:.1%}", "")  # fmt: skip
    return table


def _skill(figures: dict[str, float | int | str | bool | None]) -> str:
    values = [figures.get(name) for name in ("skill", "skill_low", "skill_high")]
    return _interval(*(float(v) if isinstance(v, int | float) else math.nan for v in values))


def _interval(skill: float, low: float, high: float) -> str:
    shown = "-" if math.isnan(skill) else f"{skill:+.2%}"
    return shown if math.isnan(low) else f"{shown} [{low:+.2%}, {high:+.2%}]"


def _errors(scores: Scores) -> str:
    return f"{scores.mae * 1e4:.1f} / {scores.zero_change_mae * 1e4:.1f} bp"


def _drift(demo: Demo) -> Table:
    table = Table(title="Drift, checked daily", title_justify="left")
    for heading in ("day", "7-day MAE", "times zero-change", "cause", "retraining"):
        table.add_column(heading)
    checks = demo.played.checks
    quiet = [c for c in checks if not c[1]["breach"]]
    for when, verdict in [c for c in checks if c[1]["breach"] or c in quiet[-2:]]:
        figures = verdict["figures"]
        shown = [f"{figures['mae'] * 1e4:.1f} bp", f"{figures['relative']:.3f}"] if figures.get("mae") else ["-", "-"]
        started = "started" if verdict["execution"] else "in cooldown" if verdict["breach"] else ""
        table.add_row(f"{when:%Y-%m-%d}", *shown, verdict["cause"], started)
    table.caption = f"{len(quiet)} quiet days, {len(checks) - len(quiet)} in breach"
    return table


def _answers(demo: Demo) -> Table:
    table = Table(title="The API over HTTP", title_justify="left")
    for heading in ("request", "status", "answer"):
        table.add_column(heading)
    for request, answer in demo.played.answers:
        body = answer.body if isinstance(answer.body, dict) else {}
        if "predicted_delta" in body:
            band = body["interval"]
            said = (
                f"{body['target_hour']}: {body['predicted_delta']:+.2f} "
                f"[{band['lower_delta']:+.2f}, {band['upper_delta']:+.2f}], model {body['model_version']}"
            )
        elif "versions" in body:
            said = f"versions {', '.join(body['versions'])}; champion {body['champion']['version']}"
        elif "report_url" in body:
            said = f"{body['checked_at']}: {body['cause']}; report by a link that expires"
        else:
            said = str(body.get("detail") or body.get("message") or "")[:90]
        table.add_row(request, str(answer.status), said)
    return table


def _places(demo: Demo) -> list[str]:
    stack, symbol = demo.stack, demo.scenario.symbol
    past = demo.scenario.change or demo.scenario.replay_start
    query = f"date={past:%Y-%m-%d}&hour=9&symbol={symbol}"
    lines = [
        "",
        f"[bold]Try it[/]      curl -H 'x-api-key: {stack.api_key}' '{stack.outputs['api_url']}/predict?{query}'",
    ]
    lines += [f"            .venv/bin/candlecast predict --date {past:%Y-%m-%d} --hour 9 --symbol {symbol}"]
    for name, report in _saved_reports(demo).items():
        lines.append(f"[bold]{name:<12}[/]{report}")
    return [
        *lines,
        f"[bold]MLflow      [/]make mlflow   (experiment and registered versions in s3://{stack.outputs['bucket']}/mlflow/)",
        f"[bold]Dashboard   [/]CloudWatch: {stack.outputs['dashboard']}",
        f"[bold]AWS         [/]{stack.settings.endpoint}   (keys test/test, region {stack.settings.region})",
        "[bold]It stays up [/]hourly from here on; `make status` looks, `make down` stops it, data is kept.",
    ]


def _saved_reports(demo: Demo) -> dict[str, Path]:
    """Copies the newest drift and training report out of the bucket, to be opened in a browser."""
    s3, bucket, symbol = demo.stack.client("s3"), demo.stack.outputs["bucket"], demo.scenario.symbol
    folder = Path(demo.stack.settings.state).resolve() / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    saved = {}
    for name, prefix in (("Drift report", "drift"), ("Training", "training")):
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"reports/{prefix}/symbol={symbol}/").get("Contents", [])
        pages = sorted((o for o in listed if o["Key"].endswith("report.html")), key=lambda o: o["LastModified"])
        if pages:
            saved[name] = folder / f"{prefix}.html"
            s3.download_file(bucket, pages[-1]["Key"], str(saved[name]))
    return saved
