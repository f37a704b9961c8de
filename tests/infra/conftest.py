"""The stack as Terraform renders it against a mocked provider (infra/terraform/tests/stack.tftest.hcl)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from infra import deploy
from infra.binary import Terraform


@dataclass(frozen=True)
class Resource:
    """One resource of a stack."""

    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Stack:
    """What one run made or planned, by address."""

    resources: Mapping[str, Resource]

    def __getitem__(self, address: str) -> Mapping[str, Any]:
        return self.resources[address].values

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Attributes of every resource of a type, by address."""
        return {address: found.values for address, found in self.resources.items() if found.type == kind}


@dataclass(frozen=True)
class TestRuns:
    """What `terraform test` said, and the stacks it made or planned."""

    __test__ = False
    failures: list[str]
    stacks: Mapping[str, Stack]


@pytest.fixture(scope="session")
def terraform() -> Terraform:
    prepared = Terraform.prepare(deploy.ROOT, deploy.BUILD / "terraform-check", deploy.PROVIDERS, os.environ)
    prepared.quietly("init", "-backend=false", "-input=false", "-no-color")
    return prepared


@pytest.fixture(scope="session")
def runs(terraform: Terraform) -> TestRuns:
    command = [terraform.program, f"-chdir={terraform.root}", "test", "-json", "-verbose"]
    said = subprocess.run(command, env=terraform.environment, capture_output=True, text=True, check=False)
    messages = [json.loads(line) for line in said.stdout.splitlines()]
    made = {m["@testrun"]: Stack(dict(_made(m["test_state"]["root_module"]))) for m in messages if "test_state" in m}
    planned = {m["@testrun"]: Stack(dict(_planned(m["test_plan"]))) for m in messages if "test_plan" in m}
    return TestRuns([m["@message"] for m in messages if m["@level"] == "error"], made | planned)


@pytest.fixture(scope="session")
def development(runs: TestRuns) -> Stack:
    """An environment on AWS."""
    return runs.stacks["development"]


@pytest.fixture(scope="session")
def emulated(runs: TestRuns) -> Stack:
    """An environment on an emulator; planned only, so what the provider computes is missing."""
    return runs.stacks["an_emulator"]


def _made(module: Mapping[str, Any]) -> Iterator[tuple[str, Resource]]:
    for found in module.get("resources", []):
        yield found["address"], Resource(found["type"], found["values"])
    for child in module.get("child_modules", []):
        yield from _made(child)


def _planned(plan: Mapping[str, Any]) -> Iterator[tuple[str, Resource]]:
    for found in plan.get("resource_changes", []):
        if found["change"]["after"] is not None:
            yield found["address"], Resource(found["type"], found["change"]["after"])
