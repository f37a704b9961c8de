"""An emulator of a test's own, and what tests do in its account."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from localstack import emulator_environment

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".localstack"  # its emulator-venv is made once for all tests and for `make up`
REGION = "eu-central-1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], Any], seconds: float = 15) -> Any:
    """The first true answer of *check*; its last answer if none is true in time."""
    deadline = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


@dataclass
class Emulator:
    """An emulator process with a state folder and a port of its own, and what a test does in its account."""

    folder: Path
    flags: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = {"command": [sys.executable, str(Path(__file__).with_name("stand_in_training.py"))]}
        self.folder.mkdir(exist_ok=True)
        (self.folder / "images.json").write_text(json.dumps({"*-training": program}))
        arguments = (
            "--port",
            str(self.port),
            "--state",
            str(self.folder),
            "--images",
            str(self.folder / "images.json"),
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(emulator_environment.python(STATE)), "-m", "localstack.embedded.emulator", *arguments,
                 "--alarm-seconds", "1", "--stop-grace", "2", *self.flags],
                cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "DEVELOPERS_OWN": "secret", "AWS_PROFILE": "production"},
            )  # fmt: skip

        def answers() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
            return False

        assert eventually(answers, 30), (self.folder / "log").read_text()[-2000:]

    def end(self) -> None:
        """Ends the process in good order and waits until it has saved its state."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def client(self, service: str, credentials: tuple[str, str] = ("test", "test")) -> Any:
        return _client(service, self.url, *credentials)

    def role(self, service: str, *statements: dict[str, Any]) -> str:
        """A new role that *service* may assume, with these statements as its policy."""
        iam, name = self.client("iam"), f"role-{uuid.uuid4()}"
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=_policy(*statements))
        return str(made["Role"]["Arn"])

    def user(self, *statements: dict[str, Any]) -> tuple[str, str]:
        """Access key and secret of a new user with these statements as policy."""
        iam, name = self.client("iam"), f"user-{uuid.uuid4()}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=_policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def bucket(self) -> str:
        name = f"bucket-{uuid.uuid4()}"
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def function(self, code: str, **settings: Any) -> str:
        """The ARN of a new function whose module is *code*, with a function `handler`."""
        made = self.client("lambda").create_function(
            FunctionName=f"function-{uuid.uuid4()}", Runtime="python3.12", Handler="lambdas.example.handler.handler",
            Role=self.role("lambda", allow("logs:*", "sqs:*")),
            Code={"ZipFile": _zip({"lambdas/example/handler.py": code})}, **settings,
        )  # fmt: skip
        return str(made["FunctionArn"])

    def layer(self, files: dict[str, str]) -> str:
        """The ARN of a new layer that holds these files."""
        name, content = f"layer-{uuid.uuid4()}", {"ZipFile": _zip(files)}
        made = self.client("lambda").publish_layer_version(LayerName=name, Content=content)
        return str(made["LayerVersionArn"])

    def invoke(self, function: str, event: Any) -> Any:
        return json.loads(
            self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))["Payload"].read()
        )

    def events_of(self, function: str) -> list[Any]:
        """What the functions of this folder's tests print: one JSON line for each event they get."""
        group, logs = f"/aws/lambda/{function.rpartition(':')[2]}", self.client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        pages = [logs.get_log_events(logGroupName=group, logStreamName=s["logStreamName"])["events"] for s in streams]
        return [json.loads(e["message"])["got"] for page in pages for e in page if e["message"].startswith('{"got"')]

    def machine(self, states: dict[str, Any], *statements: dict[str, Any], **settings: Any) -> str:
        """The ARN of a new state machine that starts at the first of *states*."""
        made = self.client("stepfunctions").create_state_machine(
            name=f"machine-{uuid.uuid4()}",
            definition=json.dumps({"StartAt": next(iter(states)), "States": states, **settings}),
            roleArn=self.role("states", *statements),
        )
        return str(made["stateMachineArn"])

    def execute(self, machine: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """Runs the state machine to its end: what DescribeExecution then says."""
        api = self.client("stepfunctions")
        execution = api.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))["executionArn"]

        def ended() -> Any:
            described = api.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else described

        described: dict[str, Any] = eventually(ended, 30)
        return described


def allow(*actions: str, on: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def _zip(files: dict[str, str]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
    return archive.getvalue()


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@cache
def _client(service: str, url: str, key: str, secret: str) -> Any:
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
    return session.client(service, endpoint_url=url)
