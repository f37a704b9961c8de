"""What alarms and the dashboard know of ingest: one set of metrics for each symbol that a run brought up to date."""

from __future__ import annotations

from datetime import datetime

from candlecast.hours import HOUR
from candlecast.settings import Settings
from candlecast.telemetry import measure
from lambdas.ingest.ingest import Outcome


def measure_run(settings: Settings, symbol: str, outcome: Outcome, now: datetime, *, hourly: bool) -> None:
    """Prints the metrics of a run that ended. One that failed prints none: its silence is what the alarm hears.

    FreshnessSeconds is the age of the newest candle's close at *now*; a backfill of the past does not tell it.
    """
    values: dict[str, float] = {
        "CandlesWritten": outcome.stored,
        "CandlesCorrected": outcome.corrected,
        "CandlesQuarantined": outcome.quarantined,
        "GapsOpen": outcome.gap_hours,
        "FetchRequests": outcome.requests,
    }
    if outcome.requests:
        values["FetchSeconds"] = outcome.seconds
    if hourly and outcome.newest:
        values["FreshnessSeconds"] = (now - outcome.newest - HOUR).total_seconds()
    measure(settings, symbol, values)
    for source, count in outcome.taken.items():
        measure(settings, symbol, {"SourceUsed": count}, source=source)
