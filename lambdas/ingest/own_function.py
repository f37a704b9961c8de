"""The function's own name to call itself by: how one symbol gets a run, retries and a dead letter of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from candlecast.errors import NotDelivered

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(frozen=True)
class OwnFunction:
    """This function as Lambda knows it."""

    client: LambdaClient
    name: str

    def invoke_later(self, event: Mapping[str, Any]) -> None:
        """Queues an asynchronous call with this event. Raises NotDelivered, or what boto3 raises, if not taken."""
        answer = self.client.invoke(FunctionName=self.name, InvocationType="Event", Payload=json.dumps(event).encode())
        if answer["StatusCode"] != 202:
            raise NotDelivered(f"{self.name} did not take {json.dumps(event)} (status {answer['StatusCode']}).")
