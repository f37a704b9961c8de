"""The retraining state machine, as far as drift starts it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from candlecast import hours

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Retraining:
    """Starts retrainings, at most one for a symbol and day."""

    def __init__(self, client: SFNClient, state_machine_arn: str) -> None:
        self._client, self._arn = client, state_machine_arn

    def start(self, symbol: str, now: datetime, reason: str) -> str:
        """The ARN of the execution that retrains the symbol for *now*'s day: started, or found to be there already."""
        name = f"drift-{symbol}-{now:%Y-%m-%d}"
        request = {"symbol": symbol, "as_of": hours.text(now), "reason": reason}
        try:
            return self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(request))[
                "executionArn"
            ]
        except self._client.exceptions.ExecutionAlreadyExists:
            return f"{self._arn.replace(':stateMachine:', ':execution:', 1)}:{name}"
