"""SageMaker's training jobs as boto3 sees them: the API, and the contract with the training program."""

import io
import json
import tarfile
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.embedded_aws.emulator import Emulator, allow, eventually

IMAGE = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/candlecast-test-training:latest"


@pytest.fixture(scope="module")
def bucket(emulator: Emulator) -> str:
    name = emulator.bucket()
    emulator.client("s3").put_object(Bucket=name, Key="features/symbol=A/month=2026-01/f.parquet", Body=b"rows")
    return name


@pytest.fixture(scope="module")
def role(emulator: Emulator) -> str:
    return emulator.role("sagemaker", allow("s3:*", "logs:*"))


def request(bucket: str, role: str, behave: str = "train", **changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": f"candlecast-test-{uuid.uuid4()}",
        "RoleArn": role,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "version", "Regex": "version=([0-9]+)"}],
        },
        "HyperParameters": {"behave": behave},
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/jobs"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | changes


def channel(bucket: str, prefix: str) -> list[dict[str, Any]]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/{prefix}"}}
    return [{"ChannelName": "features", "DataSource": source}]


def ended(emulator: Emulator, name: str, *, among: tuple[str, ...] = ("Completed", "Failed", "Stopped")) -> Any:
    def described() -> Any:
        job = emulator.client("sagemaker").describe_training_job(TrainingJobName=name)
        return job if job["TrainingJobStatus"] in among else None

    return eventually(described, 30)


def run(emulator: Emulator, asked: dict[str, Any]) -> Any:
    emulator.client("sagemaker").create_training_job(**asked)
    return ended(emulator, asked["TrainingJobName"])


def artifact(emulator: Emulator, job: dict[str, Any]) -> dict[str, bytes]:
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    body = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def logged(emulator: Emulator, name: str) -> list[str]:
    where = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
    logs = emulator.client("logs")
    streams = logs.describe_log_streams(**where, logStreamNamePrefix=f"{name}/")["logStreams"]
    pages = [logs.get_log_events(**where, logStreamName=s["logStreamName"])["events"] for s in streams]
    return [event["message"] for page in pages for event in page]


def test_a_job_trains_on_its_channel_and_leaves_model_metrics_and_logs(
    emulator: Emulator, bucket: str, role: str
) -> None:
    tags = [{"Key": "project", "Value": "candlecast"}]
    asked = request(bucket, role, InputDataConfig=channel(bucket, "features/symbol=A/"), Tags=tags)
    job = run(emulator, asked)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    statuses = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"/jobs/{asked['TrainingJobName']}/output/model.tar.gz")
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("version", 7.0)]
    assert job["TrainingTimeInSeconds"] >= 1
    assert job["TrainingEndTime"] >= job["TrainingStartTime"]
    files = artifact(emulator, job)
    assert files["model.txt"] == b"trained"
    assert json.loads(files["seen.json"])["channel"] == ["month=2026-01/f.parquet"]
    assert eventually(lambda: logged(emulator, asked["TrainingJobName"])) == ["version=6", "version=7"]


def test_the_program_gets_settings_paths_and_the_roles_credentials_but_nothing_of_the_developers(
    emulator: Emulator, bucket: str, role: str
) -> None:
    asked = request(bucket, role, Environment={"CANDLECAST_ENV": "local"})
    seen = json.loads(artifact(emulator, run(emulator, asked))["seen.json"])
    environment = seen["environment"]
    assert seen["settings"] == {"behave": "train"}
    assert environment["CANDLECAST_ENV"] == "local"
    assert environment["AWS_ENDPOINT_URL"] == emulator.url
    assert environment["AWS_REGION"] == "eu-central-1"
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert environment["TRAINING_JOB_NAME"] == asked["TrainingJobName"]
    assert environment["SM_MODEL_DIR"].endswith("/opt/ml/model")
    assert not {"DEVELOPERS_OWN", "AWS_PROFILE", "PYTHONPATH", "GATEWAY_PORT", "AUTH"} & set(environment)


def test_the_failure_file_becomes_the_reason(emulator: Emulator, bucket: str, role: str) -> None:
    job = run(emulator, request(bucket, role, "fail"))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: TooLittleData: 3 hours are not enough, exit code: 1"
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"]["S3ModelArtifacts"]


def test_a_stopped_job_is_told_first_and_keeps_what_it_wrote(emulator: Emulator, bucket: str, role: str) -> None:
    asked, api = request(bucket, role, "wait"), emulator.client("sagemaker")
    api.create_training_job(**asked)
    assert eventually(lambda: "waiting" in logged(emulator, asked["TrainingJobName"]))
    api.stop_training_job(TrainingJobName=asked["TrainingJobName"])
    job = ended(emulator, asked["TrainingJobName"])
    assert job["TrainingJobStatus"] == "Stopped"
    assert artifact(emulator, job) == {"model.txt": b"as far as it got"}
    with pytest.raises(ClientError, match="in status Stopped"):
        api.stop_training_job(TrainingJobName=asked["TrainingJobName"])


def test_a_job_that_ignores_its_time_limit_is_killed(emulator: Emulator, bucket: str, role: str) -> None:
    job = run(emulator, request(bucket, role, "ignore", StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"InputDataConfig": channel("no-such-bucket-of-ours", "x/")}, "NoSuchBucket"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket-of-ours/jobs"}}, "NoSuchBucket"),
    ],
    ids=["missing channel", "missing output bucket"],
)
def test_a_job_without_its_bucket_fails_by_name(
    emulator: Emulator, bucket: str, role: str, changes: dict[str, Any], reason: str
) -> None:
    job = run(emulator, request(bucket, role, **changes))
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_a_channel_without_objects_and_an_unknown_image_fail_by_name(
    emulator: Emulator, bucket: str, role: str
) -> None:
    empty = run(emulator, request(bucket, role, InputDataConfig=channel(bucket, "features/symbol=Z/")))
    assert "No S3 objects found under S3 URL" in empty["FailureReason"]
    other = {"TrainingImage": "000000000000.dkr.ecr.eu-central-1.amazonaws.com/other:1", "TrainingInputMode": "File"}
    unknown = run(emulator, request(bucket, role, AlgorithmSpecification=other))
    assert "Cannot find repository: other" in unknown["FailureReason"]


def test_a_role_without_the_right_to_write_fails_the_job(emulator: Emulator, bucket: str) -> None:
    reader = emulator.role("sagemaker", allow("s3:GetObject", "s3:ListBucket", "logs:*"))
    job = run(emulator, request(bucket, reader))
    assert job["TrainingJobStatus"] == "Failed"
    assert "AccessDenied" in job["FailureReason"]


def test_names_are_unique(emulator: Emulator, bucket: str, role: str) -> None:
    asked, api = request(bucket, role), emulator.client("sagemaker")
    api.create_training_job(**asked)
    with pytest.raises(api.exceptions.ResourceInUse):
        api.create_training_job(**asked)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"TrainingJobName": "not_a_name"}, "regular expression"),
        ({"ResourceConfig": {"InstanceType": "ml.tiny", "InstanceCount": 1, "VolumeSizeInGB": 1}}, "enum value set"),
        ({"HyperParameters": {"x": "y" * 2501}}, "maximum: 2500"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/no-such-role"}, "Could not assume role"),
    ],
    ids=["name", "instance type", "long hyperparameter", "unknown role"],
)
def test_a_request_that_aws_would_refuse_is_refused(
    emulator: Emulator, bucket: str, role: str, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ClientError, match=problem) as caught:
        emulator.client("sagemaker").create_training_job(**request(bucket, role, **changes))
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_role_that_does_not_trust_sagemaker_is_refused(emulator: Emulator, bucket: str) -> None:
    other = emulator.role("lambda", allow("s3:*"))
    with pytest.raises(ClientError, match="Could not assume role"):
        emulator.client("sagemaker").create_training_job(**request(bucket, other))


def test_creating_a_job_needs_the_right_to_pass_its_role(emulator: Emulator, bucket: str, role: str) -> None:
    nobody = emulator.user(allow("s3:*"))
    with pytest.raises(ClientError, match="sagemaker:CreateTrainingJob"):
        emulator.client("sagemaker", nobody).create_training_job(**request(bucket, role))
    half = emulator.user(allow("sagemaker:CreateTrainingJob"))
    with pytest.raises(ClientError, match="iam:PassRole"):
        emulator.client("sagemaker", half).create_training_job(**request(bucket, role))
    whole = emulator.user(allow("sagemaker:CreateTrainingJob"), allow("iam:PassRole", on=role))
    assert emulator.client("sagemaker", whole).create_training_job(**request(bucket, role))["TrainingJobArn"]


def test_jobs_are_listed_newest_first_by_name_status_and_page(emulator: Emulator, bucket: str, role: str) -> None:
    api, mark = emulator.client("sagemaker"), uuid.uuid4().hex[:8]
    names = [f"list-{mark}-{number}" for number in range(3)]
    for name in names:
        run(emulator, request(bucket, role, "fail" if name.endswith("1") else "train", TrainingJobName=name))
    first = api.list_training_jobs(NameContains=mark, MaxResults=2)
    rest = api.list_training_jobs(NameContains=mark, MaxResults=2, NextToken=first["NextToken"])
    listed = [job["TrainingJobName"] for page in (first, rest) for job in page["TrainingJobSummaries"]]
    assert listed == names[::-1]
    assert "NextToken" not in rest
    failed = api.list_training_jobs(NameContains=mark, StatusEquals="Failed")["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in failed] == [names[1]]


def test_an_unknown_job_and_an_unknown_operation_are_refused(emulator: Emulator) -> None:
    api = emulator.client("sagemaker")
    with pytest.raises(ClientError, match="Requested resource not found"):
        api.describe_training_job(TrainingJobName="no-such-job")
    with pytest.raises(ClientError, match="CreateEndpoint is not emulated"):
        api.create_endpoint(EndpointName="e", EndpointConfigName="c")
