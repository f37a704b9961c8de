"""The ingest function: hourly by an EventBridge rule per shard of symbols, or directly for a range of past hours."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from candlecast import aws, settings
from candlecast.errors import combined
from candlecast.events import Bus
from candlecast.lake import Lake
from candlecast.telemetry import logger, measure, tracer
from lambdas.ingest import first_served
from lambdas.ingest.ingest import Outcome, Platform, ingest
from lambdas.ingest.request import Request

THREADS = 8


@cache
def platform() -> Platform:
    """What this function works with, connected once per container."""
    configured = settings.load()
    return Platform(
        settings=configured,
        lake=Lake(aws.client("s3"), os.environ["CANDLECAST_BUCKET"], configured.exchange.primary),
        bus=Bus(aws.client("events"), os.environ["CANDLECAST_BUS"]),
        fetch=first_served.fetch,
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Ingests every asked symbol; when some failed, raises after the others are done. Raises BadEvent."""
    parts = platform()
    request = Request.parse(event, clock=datetime.now(UTC))
    symbols = request.chosen(parts.settings)
    with ThreadPoolExecutor(min(THREADS, len(symbols))) as pool:
        results = dict(zip(symbols, pool.map(lambda symbol: _attempt(symbol, request, parts), symbols), strict=True))
    failures = {symbol: result for symbol, result in results.items() if isinstance(result, Exception)}
    if failures:
        raise combined(failures, len(symbols))
    return {"symbols": {s: result.record() for s, result in results.items() if isinstance(result, Outcome)}}


def _attempt(symbol: str, request: Request, parts: Platform) -> Outcome | Exception:
    try:
        outcome = ingest(symbol, request.now, request.span, parts)
    except Exception as error:  # noqa: BLE001 (it must not stop the other symbols; the handler raises it at the end)
        logger.exception("ingest failed", extra={"symbol": symbol})
        return error
    logger.info("ingested", extra={"symbol": symbol, **outcome.record()})
    values: dict[str, float] = {"CandlesWritten": outcome.stored, "CandlesQuarantined": outcome.quarantined}
    if request.span is None and outcome.newest:
        values["FreshnessSeconds"] = (request.now - outcome.newest).total_seconds() - 3600
    measure(parts.settings, symbol, values)
    return outcome
