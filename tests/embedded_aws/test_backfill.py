"""backfill.asl.json as the embedded AWS runs it, with a stand-in for the ingest function."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.embedded_aws.emulator import ROOT, Emulator, allow

DEFINITION = ROOT / "infra/terraform/modules/backfill/backfill.asl.json"
INGEST = """
class BadEvent(Exception):
    pass
class ExchangeRefused(Exception):
    pass
class WriteConflict(Exception):
    pass
met = set()
def handler(event, context):
    print("asked")
    if "plan" in event:
        plan = event["plan"]
        if plan.get("symbol") == "LOST-USDT":
            raise BadEvent("LOST-USDT: not configured")
        if "symbol" in plan:
            months = [f"2026-{month:02}-01T00:00:00Z" for month in range(1, plan.get("months", 3) + 1)]
            return {"parts": [
                {"time": plan["time"], "symbols": [plan["symbol"]], "start": month, "end": month} for month in months
            ]}
        return {"symbols": [{"symbol": symbol, "time": plan["time"]} for symbol in plan.get("symbols", ["BTC-USDT"])]}
    (symbol,) = event["symbols"]
    if symbol == "GONE-USDT" and event["start"].startswith("2026-02"):
        raise ExchangeRefused("GONE-USDT is served by nobody")
    if symbol == "BUSY-USDT" and event["start"] not in met:
        met.add(event["start"])
        raise WriteConflict("another writer was first")
    return {"symbols": {symbol: {"stored": 720, "corrected": 1, "quarantined": 2, "missing": 3}}}
"""
WHOLE = {"parts": 3, "stored": 2160, "corrected": 3, "quarantined": 6, "missing": 9, "failed": 0, "failures": []}


@pytest.fixture(scope="module")
def machine(emulator: Emulator) -> str:
    """The ARN of the machine, its role as narrow as on AWS."""
    states, function = emulator.client("stepfunctions"), emulator.function(INGEST)
    definition = DEFINITION.read_text()
    values = {"ingest_function": function, "ingest_timeout": 30, "concurrency": 2, "machine_timeout": 60}
    for name, value in values.items():
        definition = definition.replace(f"${{{name}}}", str(value))
    name = f"backfill-{uuid.uuid4()}"
    arn = f"arn:aws:states:eu-central-1:000000000000:stateMachine:{name}"
    role = emulator.role("states", allow("lambda:InvokeFunction", on=function), allow("states:StartExecution", on=arn))
    made = states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    assert made == arn
    return arn


def test_without_input_every_symbol_is_filled_month_by_month(emulator: Emulator, machine: str) -> None:
    ended = emulator.execute(machine)

    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"]) == {"symbols": [{"symbol": "BTC-USDT", **WHOLE}], "parts": 3, "failed": 0}


def test_each_symbol_is_a_child_execution_whose_history_tells_its_months(emulator: Emulator, machine: str) -> None:
    states = emulator.client("stepfunctions")
    execution = emulator.execute(machine, {"symbols": ["BTC-USDT", "ETH-USDT"]})["executionArn"]

    (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
    children = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert len(children) == 2
    for child in children:
        events = states.get_execution_history(executionArn=child["executionArn"], maxResults=1000)["events"]
        assert sum(event["type"] == "MapIterationSucceeded" for event in events) == 3


def test_a_part_that_fails_is_named_and_stops_neither_months_nor_symbols(emulator: Emulator, machine: str) -> None:
    states = emulator.client("stepfunctions")
    ended = emulator.execute(machine, {"symbols": ["GONE-USDT", "LOST-USDT", "BTC-USDT"]})

    assert (ended["status"], ended["error"]) == ("FAILED", "BackfillFailed")
    assert ended["cause"] == (
        "2 of 7 parts failed; all others are stored, and the next run asks for these again. "
        "GONE-USDT from 2026-02-01T00:00:00Z: ExchangeRefused: GONE-USDT is served by nobody; "
        "LOST-USDT from its beginning: BadEvent: LOST-USDT: not configured"
    )
    events = states.get_execution_history(executionArn=ended["executionArn"], maxResults=1000)["events"]
    told = [e["stateExitedEventDetails"] for e in events if e["type"] == "PassStateExited"]
    (output,) = [json.loads(each["output"]) for each in told if each["name"] == "Add it all up"]
    gone, lost, whole = output["symbols"]
    assert (gone["stored"], gone["failed"]) == (1440, 1)
    assert (lost["parts"], lost["stored"], lost["failures"][0]["error"]) == (1, 0, "BadEvent")
    assert whole == {"symbol": "BTC-USDT", **WHOLE}


def test_writers_that_met_try_again(emulator: Emulator, machine: str) -> None:
    ended = emulator.execute(machine, {"symbols": ["BUSY-USDT"]})

    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["symbols"][0]["stored"] == 2160


def test_a_request_that_cannot_be_met_ends_with_its_reason(emulator: Emulator, machine: str) -> None:
    ended = emulator.execute(machine, {"symbols": 5})

    assert ended["status"] == "FAILED"
    assert "'int' object is not iterable" in ended["cause"]


def test_the_symbols_of_a_long_list_are_all_done(emulator: Emulator, machine: str) -> None:
    symbols: list[Any] = [f"S{number:02}-USDT" for number in range(12)]
    ended = emulator.execute(machine, {"symbols": symbols})

    assert json.loads(ended["output"])["parts"] == 36
