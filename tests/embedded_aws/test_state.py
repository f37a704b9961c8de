"""What the emulator keeps when it is restarted, and when it crashes."""

import json
from collections.abc import Callable
from typing import Any

from localstack.processes import memory
from tests.embedded_aws.emulator import Emulator, allow, eventually

ECHO = """
import greeting
def handler(event, context):
    print("asked")
    return greeting.TEXT
"""


def furnish(emulator: Emulator) -> Callable[[Emulator], dict[str, Any]]:
    """Makes one of everything that candlecast deploys; returns what reads it all back."""
    bucket, layer = emulator.bucket(), emulator.layer({"python/greeting.py": "TEXT = 'from a layer'"})
    function = emulator.function(ECHO, Layers=[layer])
    emulator.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    emulator.client("s3").put_object(Bucket=bucket, Key="candles/a", Body=b"rows")
    emulator.client("dynamodb").create_table(
        TableName="forecasts", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "series", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "series", "AttributeType": "S"}],
    )  # fmt: skip
    emulator.client("dynamodb").put_item(TableName="forecasts", Item={"series": {"S": "BTC-USDT#1h"}})
    emulator.client("events").put_rule(Name="hourly", ScheduleExpression="cron(0 * * * ? *)")
    machine = emulator.machine({"Done": {"Type": "Succeed"}})
    emulator.execute(machine)
    emulator.client("cloudwatch").put_metric_alarm(
        AlarmName="kept", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    emulator.client("sagemaker").create_training_job(
        TrainingJobName="kept", RoleArn=emulator.role("sagemaker", allow("s3:*")),
        AlgorithmSpecification={"TrainingImage": "example.com/candlecast-test-training", "TrainingInputMode": "File"},
        HyperParameters={"behave": "wait"}, OutputDataConfig={"S3OutputPath": f"s3://{bucket}/jobs"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )  # fmt: skip

    def read_back(emulator: Emulator) -> dict[str, Any]:
        job = emulator.client("sagemaker").describe_training_job(TrainingJobName="kept")
        executions = emulator.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        return {
            "object": emulator.client("s3").get_object(Bucket=bucket, Key="candles/a")["Body"].read(),
            "versioning": emulator.client("s3").get_bucket_versioning(Bucket=bucket)["Status"],
            "item": emulator.client("dynamodb").scan(TableName="forecasts")["Items"],
            "rule": emulator.client("events").describe_rule(Name="hourly")["ScheduleExpression"],
            "answer": emulator.invoke(function, {}),
            "executions": [execution["status"] for execution in executions],
            "alarm": [a["AlarmName"] for a in emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]],
            "job": (job["TrainingJobStatus"], job.get("FailureReason")),
        }

    return read_back


EVERYTHING = {
    "object": b"rows",
    "versioning": "Enabled",
    "item": [{"series": {"S": "BTC-USDT#1h"}}],
    "rule": "cron(0 * * * ? *)",
    "answer": "from a layer",
    "executions": ["SUCCEEDED"],
    "alarm": ["kept"],
    "job": ("Failed", "InternalServerError: the emulator restarted"),  # its program ended with the emulator
}


def test_everything_survives_a_restart(make_emulator: Callable[..., Emulator]) -> None:
    emulator = make_emulator("--save-seconds", "0")
    read_back = furnish(emulator)
    emulator.end()
    emulator.start()
    assert read_back(emulator) == EVERYTHING


def test_a_crash_loses_only_what_came_after_the_last_save(make_emulator: Callable[..., Emulator]) -> None:
    emulator = make_emulator("--save-seconds", "0.5")
    read_back = furnish(emulator)
    saved = emulator.folder / "services/sagemaker.json"
    assert eventually(lambda: saved.exists() and "kept" in json.dumps(json.loads(saved.read_text())))
    assert eventually(lambda: '"kept"' in (emulator.folder / "services/cloudwatch.json").read_text())
    emulator.kill()
    emulator.start()
    assert read_back(emulator) == EVERYTHING


def test_old_versions_of_objects_stay_on_disk_not_in_memory(emulator: Emulator, plain: Emulator) -> None:
    def megabytes_kept(emulator: Emulator) -> float:
        bucket, s3 = emulator.bucket(), emulator.client("s3")
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        assert emulator.process is not None
        before = memory(emulator.process.pid)
        versions = [
            s3.put_object(Bucket=bucket, Key="k", Body=bytes([number]) * 8_000_000)["VersionId"] for number in range(12)
        ]
        for number in (0, 11):
            body = s3.get_object(Bucket=bucket, Key="k", VersionId=versions[number])["Body"].read()
            assert body == bytes([number]) * 8_000_000
        return (memory(emulator.process.pid) - before) / 1e6

    assert megabytes_kept(plain) > 80
    assert megabytes_kept(emulator) < 60
