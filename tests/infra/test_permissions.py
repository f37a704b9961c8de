"""Least privilege, read off the rendered policies: the emulators do not check all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.infra.conftest import Stack

# Actions that AWS gives no resource to name.
WITHOUT_RESOURCE = {
    "xray:PutTelemetryRecords", "xray:PutTraceSegments", "cloudwatch:PutMetricData", "ecr:GetAuthorizationToken",
}  # fmt: skip


def statements(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """(role, statement) of every role policy."""
    for policy in stack.of_type("aws_iam_role_policy").values():
        for statement in json.loads(policy["policy"])["Statement"]:
            yield policy["role"], statement


def of_function(stack: Stack, name: str) -> dict[str, dict[str, Any]]:
    """A function's statements by their sid."""
    policy = stack[f'module.function["{name}"].aws_iam_role_policy.capabilities']["policy"]
    return {statement["Sid"]: statement for statement in json.loads(policy)["Statement"]}


def test_no_action_is_a_wildcard(development: Stack) -> None:
    found = list(statements(development))
    assert len(found) > 30
    assert not [(role, s["Sid"]) for role, s in found if any("*" in action for action in s["Action"])]


def test_every_resource_is_named_where_aws_lets_one_name_it(development: Stack) -> None:
    for role, statement in statements(development):
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= WITHOUT_RESOURCE, (role, statement["Sid"])


def test_a_role_is_passed_to_sagemaker_alone(development: Stack) -> None:
    passes = [s for _, s in statements(development) if "iam:PassRole" in s["Action"]]
    assert [s["Condition"] for s in passes] == [{"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}]


def test_every_service_that_may_call_a_function_does_so_for_a_named_source(development: Stack) -> None:
    permissions = development.of_type("aws_lambda_permission")
    assert len(permissions) == 4
    for address, permission in permissions.items():
        assert permission["source_arn"].startswith("arn:aws:"), address


def test_every_queue_takes_letters_of_named_rules_alone(development: Stack) -> None:
    queues = development.of_type("aws_sqs_queue")
    of_rules = [queue for address, queue in queues.items() if '["api"]' not in address]  # no rule starts the API
    policies = [json.loads(queue["policy"])["Statement"] for queue in of_rules]
    assert len(policies) == 5
    for (statement,) in policies:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"]["ArnEquals"]["aws:SourceArn"]


def test_every_listing_of_the_bucket_is_held_to_prefixes(development: Stack) -> None:
    listings = [s for _, s in statements(development) if "s3:ListBucket" in s["Action"]]
    assert len(listings) == 5
    for statement in listings:
        prefixes = statement["Condition"]["StringLikeIfExists"]["s3:prefix"]
        assert all(prefix.endswith("/*") and len(prefix) > 2 for prefix in prefixes)


def test_only_drift_can_promote_and_only_drift_can_start_retraining(development: Stack) -> None:
    def may_write(statement: dict[str, Any], part: str) -> bool:
        return "s3:PutObject" in statement["Action"] and any(part in resource for resource in statement["Resource"])

    functions = ("ingest", "predict", "drift", "api")
    owned = {name: of_function(development, name).values() for name in functions}
    assert [name for name in functions if any(may_write(s, "champion.json") for s in owned[name])] == ["drift"]
    starters = [name for name in functions if any("states:StartExecution" in s["Action"] for s in owned[name])]
    assert starters == ["drift"]


def test_of_a_model_predict_can_write_what_it_has_learnt_and_nothing_else(development: Stack) -> None:
    written = [
        resource.partition("/")[2]
        for statement in of_function(development, "predict").values()
        if "s3:PutObject" in statement["Action"]
        for resource in statement["Resource"]
    ]
    assert sorted(written) == ["forecasts/*", "models/symbol=*/version=*/calibration.json"]


def test_the_training_job_can_write_versions_and_not_the_champion(development: Stack) -> None:
    policy = json.loads(development["module.retraining.aws_iam_role_policy.training"]["policy"])
    writes = [resource for s in policy["Statement"] if "s3:PutObject" in s["Action"] for resource in s["Resource"]]
    assert sorted(resource.partition("/")[2] for resource in writes) == [
        "mlflow/*",
        "models/symbol=*/version=*",
        "reports/training/*",
        "training-jobs/*",
    ]


def test_a_function_may_call_itself_only_where_its_symbols_are_retried(development: Stack) -> None:
    ingest = of_function(development, "ingest")["RetryASymbolOnItsOwn"]
    assert (ingest["Action"], ingest["Resource"]) == (
        ["lambda:InvokeFunction"],
        ["arn:aws:lambda:eu-central-1:123456789012:function:candlecast-dev-ingest"],
    )


def test_backfill_calls_ingest_and_runs_its_own_symbols_and_nothing_else(development: Stack) -> None:
    policy = json.loads(development["module.backfill.aws_iam_role_policy.machine"]["policy"])
    own = "arn:aws:states:eu-central-1:123456789012:{}:candlecast-dev-backfill"
    ingest = development['module.function["ingest"].aws_lambda_function.function']["arn"]
    assert [(s["Action"], s["Resource"]) for s in policy["Statement"]] == [
        (["lambda:InvokeFunction"], [ingest]),
        (["states:StartExecution"], [own.format("stateMachine")]),
        (["states:DescribeExecution", "states:StopExecution"], [own.format("execution") + "/*"]),
    ]


def test_the_api_can_change_nothing(development: Stack) -> None:
    of_api = {name: statement["Action"] for name, statement in of_function(development, "api").items()}
    own = {"WriteLogs", "LeaveDeadLetters", "SendTraces"}
    assert {name: actions for name, actions in of_api.items() if name not in own} == {
        "TellMissingFromForbidden": ["s3:ListBucket"],
        "ReadGapsVerdictsAndReports": ["s3:GetObject"],
        "ReadForecasts": ["dynamodb:GetItem", "dynamodb:Query"],
        "AskForPastForecasts": ["lambda:InvokeFunction"],
    }


def test_jobs_are_held_to_this_stacks_names(development: Stack) -> None:
    jobs = [s for _, s in statements(development) if "sagemaker:CreateTrainingJob" in s["Action"]]
    assert [s["Resource"] for s in jobs] == [
        ["arn:aws:sagemaker:eu-central-1:123456789012:training-job/candlecast-dev-*"]
    ]
