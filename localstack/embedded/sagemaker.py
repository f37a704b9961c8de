"""The SageMaker API for training jobs: Create-, Describe-, List- and StopTrainingJob over AWS JSON 1.1.

ministack loads this module as one of its services: handle_request, get_state, load_persisted_state and reset are
the names it calls.
"""

import asyncio
import contextvars
import json
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.validate import ParamValidator
from ministack import app
from ministack.core.responses import get_account_id, get_region

from localstack.embedded import roles, training_job
from localstack.embedded.training_job import Host, Job, advance

Response = tuple[int, dict[str, str], bytes]
Document = dict[str, Any]

MODEL: Any = roles.SESSION.get_service_model("sagemaker")
JOBS: dict[str, Job] = {}  # by ARN
STOPS: dict[str, threading.Event] = {}
HOST = Host(
    root=Path(os.environ.get("TRAINING_JOBS_DIR", "training-jobs")),
    images=Path(os.environ.get("TRAINING_IMAGES", "images.json")),
    grace=float(os.environ.get("TRAINING_STOP_GRACE", "120")),  # as on AWS
    slots=threading.Semaphore(int(os.environ.get("TRAINING_SLOTS", "2"))),
)


class Refused(Exception):
    """A request that SageMaker answers with an error of this code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def handle_request(_method: str, _path: str, headers: dict[str, str], body: bytes, query: Document) -> Response:
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        operation = OPERATIONS.get(action)
        if operation is None:
            raise Refused("UnknownOperationException", f"SageMaker {action} is not emulated.")
        request = json.loads(body or b"{}")
        _validate(action, request)
        if (denied := _authorize(action, request, headers, query)) is not None:
            return denied
        return _respond(200, await asyncio.to_thread(operation, request))
    except Refused as error:
        return _respond(400, {"__type": error.code, "message": str(error)})


def _respond(status: int, document: Document) -> Response:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _authorize(action: str, request: Document, headers: dict[str, str], query: Document) -> Response | None:
    """The answer that denies the request, or None. Creating a job needs the right to pass its role."""
    resource = _arn(request["TrainingJobName"]) if "TrainingJobName" in request else "*"
    checks: list[tuple[str, str, Document | None]] = [(f"sagemaker:{action}", resource, None)]
    if action == "CreateTrainingJob":
        checks.append(("iam:PassRole", request["RoleArn"], {"iam:PassedToService": "sagemaker.amazonaws.com"}))
    for permission, target, context in checks:
        denied: Response | None = app._enforce_data_plane(
            "sagemaker", permission, headers, query, str(uuid.uuid4()), target, context
        )
        if denied is not None:
            return denied
    return None


def _validate(action: str, request: Document) -> None:
    shape = MODEL.operation_model(action).input_shape
    report = ParamValidator().validate(request, shape).generate_report()
    problems = [report] if report else list(_broken_constraints(request, shape, ""))
    if problems:
        raise Refused("ValidationException", f"{len(problems)} validation error detected: " + "; ".join(problems))


def _broken_constraints(value: Any, shape: Any, where: str) -> Iterator[str]:
    """What botocore's own validator leaves out: enumerations, patterns and maxima."""
    match shape.type_name:
        case "structure":
            for name, item in value.items():
                yield from _broken_constraints(item, shape.members[name], f"{where}.{name}".lstrip("."))
            return
        case "list":
            for item in value:
                yield from _broken_constraints(item, shape.member, where)
        case "map":
            for name, item in value.items():
                yield from _broken_constraints(item, shape.value, f"{where}.{name}")
    size = len(value) if hasattr(value, "__len__") else value
    maximum, pattern = shape.metadata.get("max", float("inf")), shape.metadata.get("pattern", ".*")
    broken = ""
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        broken = f"enum value set: [{', '.join(shape.enum[:8])}, ...]"
    elif shape.type_name == "string" and not _matches(pattern, value):
        broken = f"regular expression pattern: {pattern}"
    elif not isinstance(value, bool) and size > maximum:
        broken = f"maximum: {maximum}"
    if broken:
        yield f"Value '{value}' at '{where}' failed to satisfy constraint: Member must satisfy {broken}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:  # Java's classes, such as the letters \p{L} of a tag, are not Python's
        return True


def _arn(name: str) -> str:
    return f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:training-job/{name}"


def _create(request: Document) -> Document:
    arn, algorithm = _arn(request["TrainingJobName"]), request.get("AlgorithmSpecification", {})
    channels = request.get("InputDataConfig", [])
    modes = {algorithm.get("TrainingInputMode"), *(c.get("InputMode") for c in channels)}
    sources = {c["DataSource"].get("S3DataSource", {}).get("S3DataType") for c in channels}
    if "TrainingImage" not in algorithm or "Pipe" in modes or sources - {"S3Prefix"}:
        raise Refused("ValidationException", "Emulated: TrainingImage, File or FastFile mode, S3Prefix data sources.")
    role, service = request["RoleArn"], "sagemaker.amazonaws.com"
    if app.AUTH and not roles.trusts(role, service):
        remedy = f"Please ensure that the role exists and allows principal '{service}' to assume the role."
        raise Refused("ValidationException", f"Could not assume role {role}. {remedy}")
    if arn in JOBS:
        taken = f"a training job with this name already exists ({arn})"
        message = f"Training job names must be unique within an AWS account and region, and {taken}"
        raise Refused("ResourceInUse", message)
    job: Job = {k: v for k, v in request.items() if k != "Tags"} | {"TrainingJobArn": arn, "CreationTime": time.time()}
    job["StoppingCondition"] = {"MaxRuntimeInSeconds": 86400} | job.get("StoppingCondition", {})
    advance(job, "Starting", "Launching requested ML instances")
    JOBS[arn], STOPS[arn] = job, threading.Event()
    _launch(job)
    return {"TrainingJobArn": arn}


def _launch(job: Job) -> None:
    session = roles.credentials(job["RoleArn"], f"SageMaker-{job['TrainingJobName']}")
    region = {"AWS_REGION": get_region(), "AWS_DEFAULT_REGION": get_region(), "AWS_ENDPOINT_URL": roles.endpoint()}
    arguments = (job, HOST, lambda name: roles.client(name, session), session | region, STOPS[job["TrainingJobArn"]])
    run_here = contextvars.copy_context().run  # the account and region of this request
    threading.Thread(target=run_here, args=(training_job.run, *arguments), daemon=True).start()


def _describe(request: Document) -> Job:
    arn = _arn(request["TrainingJobName"])
    if arn not in JOBS:
        raise Refused("ValidationException", "Requested resource not found.")
    return JOBS[arn]


def _stop(request: Document) -> Document:
    job = _describe(request)
    status = job["TrainingJobStatus"]
    if status in training_job.FINAL:
        message = f"The request was rejected because the training job is in status {status}."
        raise Refused("ValidationException", message)
    advance(job, "Stopping", "Stopping the training job")
    STOPS[job["TrainingJobArn"]].set()
    return {}


def _list(request: Document) -> Document:
    low, high = request.get("CreationTimeAfter", 0), request.get("CreationTimeBefore", float("inf"))
    jobs = [
        job
        for arn, job in list(JOBS.items())
        if arn.startswith(_arn(""))
        and low <= job["CreationTime"] <= high
        and request.get("NameContains", "").lower() in job["TrainingJobName"].lower()
        and request.get("StatusEquals", job["TrainingJobStatus"]) == job["TrainingJobStatus"]
    ]
    key = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(request.get("SortBy", ""), "CreationTime")
    jobs.sort(key=lambda job: job[key], reverse=request.get("SortOrder", "Descending") == "Descending")
    first, size = int(request.get("NextToken", 0)), request.get("MaxResults", 10)
    shown = MODEL.shape_for("TrainingJobSummary").members
    page: Document = {"TrainingJobSummaries": [{f: j[f] for f in shown if f in j} for j in jobs[first : first + size]]}
    return page | ({"NextToken": str(first + size)} if len(jobs) > first + size else {})


OPERATIONS = {
    "CreateTrainingJob": _create,
    "DescribeTrainingJob": _describe,
    "ListTrainingJobs": _list,
    "StopTrainingJob": _stop,
}


def get_state() -> Document:
    return {"jobs": json.loads(json.dumps(JOBS))}


def load_persisted_state(state: Document) -> None:
    """A job that ran when the emulator ended has failed: its program is gone."""
    for arn, job in state.get("jobs", {}).items():
        if job["TrainingJobStatus"] not in training_job.FINAL:
            training_job.fail(job, "InternalServerError: the emulator restarted")
        JOBS[arn] = job


def reset() -> None:
    training_job.kill_all()
    JOBS.clear()
