from __future__ import annotations

import pytest

from lambdas.drift import evidently_report
from tests.functions.clients import Clients, clients, name
from tests.functions.drift.scene import World

__all__ = ["clients", "name"]


@pytest.fixture
def world(clients: Clients, name: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """As in the deployed zip: without Evidently, which takes seconds."""
    monkeypatch.setattr(evidently_report, "available", lambda: False)
    return World(name, clients("s3"), clients("stepfunctions"))
