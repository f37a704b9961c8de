"""The predict function: on every CandlesStored event, or directly to backfill past hours."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from candlecast import aws, hours, settings
from candlecast.events import Bus
from candlecast.forecast_table import ForecastTable
from candlecast.lake import Lake
from candlecast.registry import Registry
from candlecast.telemetry import logger, measure, tracer
from lambdas.predict import request
from lambdas.predict.backfill import backfill
from lambdas.predict.champion import Champions
from lambdas.predict.live_calibration import LiveCalibrations
from lambdas.predict.predict import Outcome, Platform, predict


@cache
def platform() -> Platform:
    """What this function works with, connected once per container; its champions stay warm in it."""
    configured, s3, bucket = settings.load(), aws.client("s3"), os.environ["CANDLECAST_BUCKET"]
    return Platform(
        settings=configured,
        lake=Lake(s3, bucket, configured.exchange.primary),
        table=ForecastTable(aws.client("dynamodb"), os.environ["CANDLECAST_TABLE"], configured.timeframe),
        champions=Champions(Registry(s3, bucket)),
        calibrations=LiveCalibrations(s3, bucket),
        bus=Bus(aws.client("events"), os.environ["CANDLECAST_BUS"]),
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Forecasts and settles, or backfills. Raises BadEvent, and TooLittleData before there is any history."""
    parts = platform()
    asked = request.parse(event, parts.settings)
    if isinstance(asked, request.Backfill):
        count = backfill(asked, parts)
        logger.info("backfilled", extra={"symbol": asked.symbol, "forecasts": count})
        return {"forecasts": count}
    stored, time = asked
    outcome = predict(stored, time, parts)
    _tell(outcome, parts.settings)
    return {"target_hour": hours.text(outcome.forecast.target_hour), "made": outcome.made, "settled": outcome.settled}


def _tell(outcome: Outcome, configured: settings.Settings) -> None:
    forecast = outcome.forecast
    told = {"symbol": forecast.symbol, "target_hour": hours.text(forecast.target_hour), "note": forecast.note}
    if outcome.champion_broken:
        logger.error("champion cannot be used", extra=told)
    logger.info("forecast", extra={**told, "made": outcome.made, "version": forecast.model_version})
    measure(
        configured,
        forecast.symbol,
        {
            "ForecastsMade": outcome.made,
            "ForecastsSettled": outcome.settled,
            "ChampionBroken": outcome.champion_broken,
        },
    )
