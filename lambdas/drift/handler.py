"""The drift function: checks by a daily rule, decides and promotes for the retraining state machine."""

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
from candlecast.registry import Registry
from candlecast.telemetry import logger, tracer
from lambdas.drift import request
from lambdas.drift.archive import Archive
from lambdas.drift.check import check
from lambdas.drift.platform import Platform
from lambdas.drift.promotion import decide, promote_named
from lambdas.drift.retraining import Retraining

THREADS = 4


@cache
def platform() -> Platform:
    """What this function works with, connected once per container."""
    configured, bucket, s3 = settings.load(), os.environ["CANDLECAST_BUCKET"], aws.client("s3")
    return Platform(
        settings=configured,
        lake=Lake(s3, bucket, configured.exchange.primary),
        registry=Registry(s3, bucket),
        archive=Archive(s3, bucket),
        retraining=Retraining(aws.client("stepfunctions"), os.environ["CANDLECAST_STATE_MACHINE"]),
        bus=Bus(aws.client("events"), os.environ["CANDLECAST_BUS"]),
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answers a check, a decision or a promotion. Raises BadEvent, and what :mod:`candlecast.errors` calls the rest."""
    parts = platform()
    match request.parse(event, clock=datetime.now(UTC)):
        case request.Check() as asked:
            return {"symbols": _check_all(asked.chosen(parts.settings), asked.now, parts)}
        case request.Decide() as asked:
            return decide(asked.symbol, asked.job.version, asked.reason, asked.now, parts).record()
        case request.Promote() as asked:
            return promote_named(asked.symbol, asked.version, asked.reason, asked.now, parts).record()


def _check_all(symbols: tuple[str, ...], now: datetime, parts: Platform) -> dict[str, Any]:
    """The checks of all symbols; when some failed, raises after the others are done."""
    with ThreadPoolExecutor(min(THREADS, len(symbols))) as pool:
        results = dict(zip(symbols, pool.map(lambda symbol: _attempt(symbol, now, parts), symbols), strict=True))
    failures = {symbol: result for symbol, result in results.items() if isinstance(result, Exception)}
    if failures:
        raise combined(failures, len(symbols))
    return results


def _attempt(symbol: str, now: datetime, parts: Platform) -> dict[str, Any] | Exception:
    try:
        return check(symbol, now, parts)
    except Exception as error:  # noqa: BLE001 (it must not stop the other symbols; the handler raises it at the end)
        logger.exception("drift check failed", extra={"symbol": symbol})
        return error
