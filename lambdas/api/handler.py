"""The api function: API Gateway's REST events in, HTTP answers out."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from mangum import Mangum
from mangum.types import LambdaContext

from candlecast import settings
from candlecast.errors import BadEvent
from candlecast.forecast_table import ForecastTable
from candlecast.gaps import GapStore
from candlecast.registry import Registry
from candlecast.telemetry import logger, measure, tracer
from lambdas.api import problems
from lambdas.api.app import create_app
from lambdas.api.platform import Platform
from lambdas.api.predict_function import PredictFunction

STAGE = "v1"
_STORAGE = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"addressing_style": "virtual"},  # links name the region's endpoint; the global one would answer with a redirect
)
_PREDICT = Config(connect_timeout=2, read_timeout=25, retries={"total_max_attempts": 1})
"""API Gateway waits 29 s; predict must not be asked twice."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request. Raises BadEvent unless the event is a request to the REST API."""
    if not {"httpMethod", "path", "requestContext"} <= event.keys():
        raise BadEvent("the api function answers REST API requests only; ask it over HTTP, through API Gateway.")
    answer = application()(event, context)
    status = answer["statusCode"]
    logger.info("answered", extra={"path": event["path"], "status": status})
    measure(settings.load(), None, {"Answers": 1, "Problems": int(status >= 400)})
    return answer


@cache
def application() -> Mangum:
    """The application over the deployed platform, made once per container."""
    logging.getLogger("mangum").setLevel(logging.WARNING)
    asyncio.set_event_loop(asyncio.new_event_loop())  # Mangum takes the thread's, which Python no longer makes
    bucket, s3 = os.environ["CANDLECAST_BUCKET"], boto3.client("s3", config=_STORAGE)
    platform = Platform(
        settings=settings.load(),
        bucket=bucket,
        s3=s3,
        forecasts=ForecastTable(boto3.client("dynamodb", config=_STORAGE), os.environ["CANDLECAST_TABLE"]),
        registry=Registry(s3, bucket),
        gaps=GapStore(s3, bucket),
        predict=PredictFunction(boto3.client("lambda", config=_PREDICT), os.environ["CANDLECAST_PREDICT_FUNCTION"]),
    )
    texts = ["application/json", problems.MEDIA_TYPE]
    return Mangum(create_app(platform), "off", api_gateway_base_path=STAGE, text_mime_types=texts)
