"""One logger, one tracer and one form of metrics for all functions.

The service name, level and whether to trace come from Powertools' own environment variables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from candlecast.settings import Settings

NAMESPACE = "candlecast"

logger = Logger()
tracer = Tracer()


def measure(settings: Settings, symbol: str | None, values: Mapping[str, float], *, source: str | None = None) -> None:
    """Prints metrics in the embedded metric format, with the dimensions environment, symbol and source if given.

    Alarms and the dashboard name exactly these dimensions, so Powertools' own `service` is left out.

    With more symbols than settings.telemetry.symbols_apart the symbol is left out too, because each set of dimensions
    is billed: then sums, maxima and counts over all symbols tell.
    Names ending in `Seconds` are durations, all others plain counts.
    """
    metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
    metrics.add_dimension(name="environment", value=settings.environment)
    if symbol is not None and settings.symbols_apart:
        metrics.add_dimension(name="symbol", value=symbol)
    if source is not None:
        metrics.add_dimension(name="source", value=source)
    for name, value in values.items():
        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        metrics.add_metric(name=name, unit=unit, value=value)
    print(json.dumps(metrics.serialize_metric_set()) + "\n", end="")  # in one piece: symbols run beside each other
