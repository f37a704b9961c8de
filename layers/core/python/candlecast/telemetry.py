"""One logger, one tracer and one form of metrics for all functions.

The service name, level and whether to trace come from Powertools' own environment variables.
"""

from __future__ import annotations

import json

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "candlecast"

logger = Logger()
tracer = Tracer()


def measure(environment: str, symbol: str | None, **values: float) -> None:
    """Prints metrics in the embedded metric format, dimensions {environment, symbol}; {environment} without a symbol.

    Alarms name exactly these dimensions, so Powertools' own `service` dimension is left out.
    Names ending in `Seconds` are durations, all others plain counts.
    """
    metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
    metrics.add_dimension(name="environment", value=environment)
    if symbol is not None:
        metrics.add_dimension(name="symbol", value=symbol)
    for name, value in values.items():
        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        metrics.add_metric(name=name, unit=unit, value=value)
    print(json.dumps(metrics.serialize_metric_set()))
