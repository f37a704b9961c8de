"""The environment's state machines, found by name."""

from __future__ import annotations

from typing import Any

from candlecast.cli.service import aws_client, deploy_remedy, remedies
from candlecast.errors import NotFound
from candlecast.settings import Settings


def find(settings: Settings, part: str) -> tuple[Any, str]:
    """A Step Functions client and the ARN of the machine <prefix>-<env>-<part>. Raises NotFound where it is missing."""
    client, name = aws_client(settings, "stepfunctions"), settings.name(part)
    with remedies(settings):
        pages = client.get_paginator("list_state_machines").paginate()
        found = next((m["stateMachineArn"] for p in pages for m in p["stateMachines"] if m["name"] == name), None)
    if found is None:
        remedy = deploy_remedy(settings)
        raise NotFound(f"Environment {settings.environment!r} has no state machine {name}; deploy it: {remedy}.")
    return client, found
