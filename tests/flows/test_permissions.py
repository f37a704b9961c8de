"""IAM is enforced: take one statement from a role and its flow is denied, by the name of the missing action."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from candlecast import hours
from localstack.demo.deployed import Deployed, StageFailed
from tests.flows.scene import START, candles_stored

pytestmark = pytest.mark.timeout(900)
SYMBOL = "DENY-USDT"


@pytest.fixture(scope="module")
def history(stack: Deployed) -> Deployed:
    """Enough hours for every function to have something to do."""
    span = {"start": hours.text(START - timedelta(days=100)), "end": hours.text(START), "time": hours.text(START)}
    stack.invoke("ingest", {"symbols": [SYMBOL], **span})
    stack.ingest_hour(SYMBOL, START)
    stack.await_forecast(SYMBOL, START)
    return stack


@contextmanager
def without(stack: Deployed, role: str, action: str) -> Iterator[set[str]]:
    """The role, for a while, without the statements that allow *action*; gives all actions that it lacks now."""
    iam, name = stack.client("iam"), stack.settings.name(role)
    taken: dict[str, dict[str, Any]] = {}
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        kept = [s for s in document["Statement"] if action not in actions(s)]
        if kept != document["Statement"]:
            taken[policy] = document
            if kept:
                changed = json.dumps(document | {"Statement": kept})
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=changed)
            else:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
    assert taken, f"{name} has no statement with {action}"
    try:
        lacking = {
            a for policy in taken.values() for s in policy["Statement"] if action in actions(s) for a in actions(s)
        }
        yield lacking
    finally:
        for policy, document in taken.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def actions(statement: dict[str, Any]) -> list[str]:
    allowed = statement["Action"]
    return [allowed] if isinstance(allowed, str) else list(allowed)


def next_hour(stack: Deployed) -> None:
    answer = stack.ingest_hour(SYMBOL, START + hours.HOUR)
    assert "error" not in answer["symbols"][SYMBOL], answer


def predict(stack: Deployed) -> None:
    stack.invoke("predict", candles_stored(SYMBOL))


def check_drift(stack: Deployed) -> None:
    answer = stack.invoke("drift", {"time": hours.text(START + timedelta(days=1)), "symbols": [SYMBOL]})
    assert "error" not in answer["symbols"][SYMBOL], answer


def train(stack: Deployed) -> None:
    stack.follow(stack.start_retraining({"symbol": SYMBOL, "as_of": hours.text(START)}), lambda _: None)


@pytest.mark.parametrize(
    ("role", "action", "flow"),
    [
        ("ingest", "s3:PutObject", next_hour),
        ("predict", "dynamodb:PutItem", predict),
        ("drift", "s3:PutObject", check_drift),
        ("training", "s3:PutObject", train),
    ],
    ids=["ingest", "predict", "drift", "training"],
)
def test_a_missing_statement_denies_the_flow_by_name(
    history: Deployed, role: str, action: str, flow: Callable[[Deployed], None]
) -> None:
    with without(history, role, action) as lacking, pytest.raises(StageFailed) as denied:
        flow(history)
    named = re.search(rf"-{role}(?:/\S+)? is not authorized to perform: (\S+)", str(denied.value).replace("\n", " "))
    assert named, denied.value
    assert named[1] in lacking


def test_with_every_statement_the_same_flows_pass(history: Deployed) -> None:
    next_hour(history)
    predict(history)
    check_drift(history)
