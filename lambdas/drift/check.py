"""The daily check of one symbol: assess, report, and start a retraining where the rule says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from candlecast import drift, hours
from candlecast.events import DriftDetected
from candlecast.telemetry import logger, measure
from lambdas.drift import evidently_report, report
from lambdas.drift.platform import Platform


def check(symbol: str, now: datetime, platform: Platform) -> dict[str, Any]:
    """The check of a symbol as of *now*: its metrics document, as stored in metrics.json.

    A check that was made before, as a repeated event asks for it, is answered from what is stored. A retraining is
    started before latest.json tells of it: a check that died in between starts it again by the same name, in vain.
    """
    latest = platform.archive.latest(symbol)
    if latest.checked_at == now:
        return dict(latest.metrics)
    rule = platform.settings.drift
    since = now - drift.history_hours(rule) * hours.HOUR
    forecasts = platform.lake.read("forecasts", symbol, since, now)
    last_retrain = latest.last_retrain
    if last_retrain is not None and last_retrain > now:  # a replay of the past, after later checks
        last_retrain = None
    verdict = drift.assess(forecasts, now, rule, last_retrain)
    execution = _retrain(symbol, now, verdict.reason, platform) if verdict.retrain else None
    metrics = {
        "symbol": symbol,
        "checked_at": hours.text(now),
        "breach": verdict.breach,
        "retrain": verdict.retrain,
        "cause": verdict.cause,
        "reason": verdict.reason,
        "figures": verdict.figures,
        "execution": execution,
        "last_retrain": hours.text(now) if execution else hours.text(last_retrain) if last_retrain else None,
        "report": platform.archive.page_key(symbol, now),
    }
    platform.archive.keep(symbol, now, report.render(symbol, now, verdict, forecasts), metrics)
    platform.archive.advance(symbol, latest, metrics)
    _measure(symbol, verdict, platform)
    logger.info("checked", extra={"symbol": symbol, "breach": verdict.breach, "reason": verdict.reason})
    if evidently_report.available():  # last: its failure must not cost the verdict
        platform.archive.add(symbol, now, "evidently.html", evidently_report.render(forecasts, now, rule.window_hours))
    return metrics


def _retrain(symbol: str, now: datetime, reason: str, platform: Platform) -> str:
    """Starts the retraining and tells the bus; the execution's ARN."""
    execution = platform.retraining.start(symbol, now, reason)
    event = DriftDetected(
        symbol=symbol,
        timeframe=platform.settings.timeframe,
        hour=hours.last_closed(now),
        reason=reason,
        execution_arn=execution,
    )
    platform.bus.publish(event, now)
    return execution


def _measure(symbol: str, verdict: drift.Verdict, platform: Platform) -> None:
    """The metrics that the alarms look at; what is unknown is left out."""
    values = {
        "WindowMae": verdict.figures["mae"],
        "RelativeMae": verdict.figures["relative"],
        "SettledHours": verdict.figures["settled_hours"],
        "DriftBreach": float(verdict.breach),
    }
    known = {name: float(value) for name, value in values.items() if value is not None}
    measure(platform.settings, symbol, known)
