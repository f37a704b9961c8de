"""sagemaker:createTrainingJob in a state machine: the very task that runs on AWS."""

import json
import uuid
from typing import Any

import pytest

from tests.embedded_aws.emulator import Emulator, allow, eventually

WHOLE = (allow("sagemaker:*", "iam:PassRole"),)


@pytest.fixture(scope="module")
def bucket(emulator: Emulator) -> str:
    return emulator.bucket()


@pytest.fixture(scope="module")
def role(emulator: Emulator) -> str:
    return emulator.role("sagemaker", allow("s3:*", "logs:*"))


def train(bucket: str, role: str, behave: str, **changes: Any) -> dict[str, Any]:
    """The state of a training job with a name of its own each time it is entered."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "TimeoutSeconds": 60,
        "Parameters": {
            "TrainingJobName.$": "States.Format('candlecast-test-{}', States.UUID())",
            "RoleArn": role,
            "AlgorithmSpecification": {
                "TrainingImage": "000000000000.dkr.ecr.eu-central-1.amazonaws.com/candlecast-test-training:latest",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "version", "Regex": "version=([0-9]+)"}],
            },
            "HyperParameters": {"behave": behave, "symbol.$": "$.symbol"},
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/jobs"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        "End": True,
    } | changes


def test_the_task_waits_and_answers_with_the_finished_job(emulator: Emulator, bucket: str, role: str) -> None:
    done = emulator.execute(emulator.machine({"Train": train(bucket, role, "train")}, *WHOLE), {"symbol": "BTC-USDT"})
    assert done["status"] == "SUCCEEDED"
    job = json.loads(done["output"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["HyperParameters"]["symbol"] == "BTC-USDT"
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("version", 7.0)]
    assert job["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{bucket}/jobs/candlecast-test-")


def test_a_failed_job_is_caught_with_its_reason(emulator: Emulator, bucket: str, role: str) -> None:
    caught = [{"ErrorEquals": ["States.TaskFailed"], "Next": "Tell"}]
    tell = {
        "Type": "Pass",
        "Parameters": {"job.$": "States.StringToJson($.Cause)"},
        "OutputPath": "$.job.FailureReason",
        "End": True,
    }
    states = {"Train": train(bucket, role, "fail", Catch=caught), "Tell": tell}
    done = emulator.execute(emulator.machine(states, *WHOLE), {"symbol": "A"})
    assert json.loads(done["output"]) == "AlgorithmError: TooLittleData: 3 hours are not enough, exit code: 1"


def test_a_retried_job_gets_a_new_name(emulator: Emulator, bucket: str, role: str) -> None:
    retry = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    symbol = f"S{uuid.uuid4().hex[:8]}"
    done = emulator.execute(
        emulator.machine({"T": train(bucket, role, "fail", Retry=retry)}, *WHOLE), {"symbol": symbol}
    )
    assert (done["status"], done["error"]) == ("FAILED", "States.TaskFailed")
    api = emulator.client("sagemaker")
    names = [job["TrainingJobName"] for job in api.list_training_jobs(MaxResults=5)["TrainingJobSummaries"]]
    jobs = [api.describe_training_job(TrainingJobName=name) for name in names]
    assert sum(job["HyperParameters"].get("symbol") == symbol for job in jobs) == 2


def test_a_name_used_before_fails_as_on_aws(emulator: Emulator, bucket: str, role: str) -> None:
    state = train(bucket, role, "train")
    del state["Parameters"]["TrainingJobName.$"]
    state["Parameters"]["TrainingJobName"] = f"again-{uuid.uuid4()}"
    machine = emulator.machine({"Train": state}, *WHOLE)
    assert emulator.execute(machine, {"symbol": "A"})["status"] == "SUCCEEDED"
    assert emulator.execute(machine, {"symbol": "A"})["error"] == "SageMaker.ResourceInUseException"


def test_stopping_the_execution_stops_the_job(emulator: Emulator, bucket: str, role: str) -> None:
    states, jobs = emulator.client("stepfunctions"), emulator.client("sagemaker")
    machine = emulator.machine({"Train": train(bucket, role, "wait")}, *WHOLE)
    execution = states.start_execution(stateMachineArn=machine, input='{"symbol": "A"}')["executionArn"]

    def newest(*statuses: str) -> bool:
        found = jobs.list_training_jobs(MaxResults=1)["TrainingJobSummaries"]
        return bool(found) and found[0]["TrainingJobStatus"] in statuses

    assert eventually(lambda: newest("InProgress"))
    states.stop_execution(executionArn=execution)
    assert eventually(lambda: newest("Stopped"))


def test_the_machines_role_must_allow_the_job_and_passing_the_jobs_role(
    emulator: Emulator, bucket: str, role: str
) -> None:
    state = {"Train": train(bucket, role, "train")}
    for missing, statements in (
        ("sagemaker:CreateTrainingJob", [allow("iam:PassRole")]),
        ("iam:PassRole", [allow("sagemaker:*")]),
    ):
        done = emulator.execute(emulator.machine(state, *statements), {"symbol": "A"})
        assert done["error"] == "SageMaker.AmazonSageMakerException"
        assert missing in done["cause"]
