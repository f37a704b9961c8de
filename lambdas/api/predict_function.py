"""Asking the predict function for the forecast of a past hour that nobody made when it began."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from candlecast import hours
from candlecast.telemetry import logger
from lambdas.api.problems import Problem

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_HOPELESS = {"BadRequest", "BadEvent", "NotFound", "TooLittleData"}
"""Errors of predict that say: there is nothing to forecast this hour from."""


class PredictFunction:
    """The deployed predict function."""

    def __init__(self, client: LambdaClient, name: str) -> None:
        self._client, self._name = client, name

    def backfill(self, symbol: str, hour: datetime, now: datetime) -> None:
        """Has the target hour forecast from what was known before it, where there is enough to do so.

        Raises Problem `unavailable` when predict failed in another way.
        """
        request = {
            "action": "backfill",
            "symbol": symbol,
            "start": hours.text(hour),
            "end": hours.text(hour + hours.HOUR),
            "time": hours.text(now),
        }
        answer = self._client.invoke(FunctionName=self._name, Payload=json.dumps(request))
        body = json.loads(answer["Payload"].read())
        if not answer.get("FunctionError") or body.get("errorType") in _HOPELESS:
            return
        logger.error("predict failed", extra={"request": request, "error": body.get("errorType")})
        raise Problem(
            "unavailable",
            f"The forecast of {hours.text(hour)} could not be made just now.",
            "Ask again in a minute; if it stays so, see /health.",
            retry_after=60,
        )
