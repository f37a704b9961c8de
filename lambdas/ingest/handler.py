"""The ingest function: hourly by an EventBridge rule per shard of symbols; a month of a backfill; a backfill's plan."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from candlecast import aws, exchange, hours, settings
from candlecast.errors import combined
from candlecast.events import Bus, CandlesStored
from candlecast.gaps import GapStore
from candlecast.lake import Lake
from candlecast.telemetry import logger, tracer
from lambdas.ingest.ingest import Outcome, Platform, ingest
from lambdas.ingest.measures import measure_run
from lambdas.ingest.own_function import OwnFunction
from lambdas.ingest.plan import Plan
from lambdas.ingest.request import Request

THREADS = 8


@cache
def platform() -> Platform:
    """What this function works with, connected once per container."""
    configured, s3, bucket = settings.load(), aws.client("s3"), os.environ["CANDLECAST_BUCKET"]
    return Platform(
        settings=configured,
        lake=Lake(s3, bucket, configured.exchange.primary),
        bus=Bus(aws.client("events"), os.environ["CANDLECAST_BUS"]),
        fetch=exchange.fetch,
        gaps=GapStore(s3, bucket),
    )


@cache
def own_function(name: str) -> OwnFunction:
    """This function, to call it again."""
    return OwnFunction(aws.client("lambda"), name)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Ingests every asked symbol, all beside each other, or answers for the plan of a backfill. Raises BadEvent.

    What fails in a scheduled run gets a run of its own, symbol by symbol, with retries and a dead letter of its own.
    Any other call raises, after the other symbols are done.
    """
    parts = platform()
    if isinstance(event, dict) and "plan" in event:
        return Plan.parse(event["plan"]).answer(parts.settings, parts.gaps)
    request = Request.parse(event, clock=datetime.now(UTC))
    symbols = request.chosen(parts.settings)
    with ThreadPoolExecutor(min(THREADS, len(symbols))) as pool:
        results = dict(zip(symbols, pool.map(lambda symbol: _attempt(symbol, request, parts), symbols), strict=True))
    failures = {symbol: result for symbol, result in results.items() if isinstance(result, Exception)}
    if failures and not request.scheduled:
        if request.retry:
            _tell_of_no_candle(next(iter(failures)), request.now, parts)
        raise combined(failures, len(symbols))
    for symbol in failures:
        own_function(context.function_name).invoke_later(request.alone(symbol))
    done = {symbol: result.record() for symbol, result in results.items() if isinstance(result, Outcome)}
    return {"symbols": done, "retried": list(failures)}


def _tell_of_no_candle(symbol: str, now: datetime, parts: Platform) -> None:
    """predict forecasts from what there is, and says so: an exchange that is down is no reason for silence."""
    hour = hours.last_closed(now, parts.settings.exchange.grace)
    event = CandlesStored(symbol=symbol, timeframe=parts.settings.timeframe, hour=hour, hours_stored=0, source=None)
    parts.bus.publish(event, now)


def _attempt(symbol: str, request: Request, parts: Platform) -> Outcome | Exception:
    try:
        outcome = ingest(symbol, request.now, request.span, parts)
    except Exception as error:  # noqa: BLE001 (it must not stop the other symbols; the handler raises it at the end)
        logger.exception("ingest failed", extra={"symbol": symbol})
        return error
    logger.info("ingested", extra={"symbol": symbol, **outcome.record()})
    measure_run(parts.settings, symbol, outcome, request.now, hourly=request.span is None)
    return outcome
