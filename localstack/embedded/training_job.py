"""One SageMaker training job as a local process, under the contract of training containers.

The images file maps image repositories (shell patterns) to local programs, so that the image's address in the
infrastructure code is the same here and on AWS; relative paths are relative to that file:

    {"*-training": {"command": ["python", "-m", "training.train"], "cwd": "..", "env": {}}}

/opt/ml is a folder of the job's own. The program finds its parts by the SM_ variables (SM_MODEL_DIR,
SM_CHANNEL_<NAME>, ...) and takes the true /opt/ml paths as their defaults, since a plain container on AWS has none.
The folder is gone when the job has ended, as the instance is on AWS; what it printed is in CloudWatch Logs.
"""

import fnmatch
import json
import logging
import math
import os
import queue
import re
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

log = logging.getLogger("sagemaker")
Job = dict[str, Any]  # what DescribeTrainingJob answers

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
INHERITED = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
FINAL = ("Completed", "Failed", "Stopped")
RUNNING: set[int] = set()  # process groups


@dataclass(frozen=True)
class Host:
    """Where jobs run: folders, the grace between SIGTERM and SIGKILL (seconds), and how many run at once."""

    root: Path
    images: Path
    grace: float
    slots: threading.Semaphore


class JobFailed(Exception):
    """The job failed; the text is its FailureReason."""


def advance(job: Job, secondary: str, message: str) -> None:
    """Moves the job to its next secondary status, and to the status that follows from it."""
    now, transitions = time.time(), job.setdefault("SecondaryStatusTransitions", [])
    if transitions:
        transitions[-1]["EndTime"] = now
    transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
    status = "Stopped" if secondary == "MaxRuntimeExceeded" else secondary
    if status in FINAL:  # before the status: who sees the job ended sees when
        seconds = math.ceil(now - job["TrainingStartTime"]) if "TrainingStartTime" in job else 0
        job.update(TrainingEndTime=now, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds)
    job.update(SecondaryStatus=secondary, LastModifiedTime=now)
    job["TrainingJobStatus"] = status if status in (*FINAL, "Stopping") else "InProgress"


def fail(job: Job, reason: str) -> None:
    job["FailureReason"] = reason[:1024]
    advance(job, "Failed", "Training job failed")


def run(job: Job, host: Host, client: Callable[[str], Any], credentials: dict[str, str], stop: threading.Event) -> None:
    """Runs the job to its end; *client* and *credentials* (with region and endpoint) act as the job's role."""
    folder = host.root / job["TrainingJobName"]
    while not host.slots.acquire(timeout=0.2):
        if stop.is_set():
            return advance(job, "Stopped", "Training job stopped")
    try:
        command, cwd, image = _program(job["AlgorithmSpecification"], host.images)
        advance(job, "Downloading", "Downloading input data")
        paths = _lay_out(job, folder / "opt/ml", client("s3"))
        advance(job, "Training", "Training image download completed. Training in progress.")
        job["TrainingStartTime"] = time.time()
        environment = _environment(job, folder, paths | image | credentials)
        told, code = _execute(job, command, cwd, environment, client("logs"), stop, host.grace)
        if told is None and code != 0:
            note = folder / "opt/ml/output/failure"
            reason = note.read_text(errors="replace") if note.is_file() else ""
            raise JobFailed(f"AlgorithmError: {reason[:960]}, exit code: {code}")
        advance(job, "Uploading", "Uploading generated training model")
        _upload(job, folder / "opt/ml", client("s3"))
        advance(job, told or "Completed", "Training job stopped" if told else "Training job completed")
    except JobFailed as error:
        fail(job, str(error))
    except ClientError as error:
        fail(job, f"ClientError: {error}")
    except Exception as error:
        log.exception("training job %s", job["TrainingJobName"])
        fail(job, f"InternalServerError: {error}")
    finally:
        host.slots.release()
        shutil.rmtree(folder, ignore_errors=True)


def _program(algorithm: dict[str, Any], images: Path) -> tuple[list[str], Path, dict[str, str]]:
    """Command, working directory and environment of the local program that stands for the image."""
    image = algorithm["TrainingImage"]
    repository = re.sub(r"[:@][^/]*$", "", image.partition("/")[2] or image)
    known: dict[str, Any] = json.loads(images.read_text()) if images.is_file() else {}
    found = next((program for pattern, program in known.items() if fnmatch.fnmatch(repository, pattern)), None)
    if found is None:
        raise JobFailed(f"ClientError: Cannot find repository: {repository} in {images}")
    command = [*(algorithm.get("ContainerEntrypoint") or found["command"]), *algorithm.get("ContainerArguments", [])]
    return command, images.parent / found.get("cwd", "."), found.get("env", {})


def _environment(job: Job, folder: Path, given: dict[str, str]) -> dict[str, str]:
    """A clean environment: nothing of the emulator's own but where programs and certificates are."""
    temporary = folder / "tmp"
    temporary.mkdir()
    names = {"TRAINING_JOB_NAME": job["TrainingJobName"], "TRAINING_JOB_ARN": job["TrainingJobArn"]}
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    asked: dict[str, str] = job.get("Environment", {})
    return inherited | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"} | names | given | asked


def _lay_out(job: Job, ml: Path, s3: Any) -> dict[str, str]:
    """Writes /opt/ml as SageMaker does; returns the variables of sagemaker-training-toolkit that name its folders."""
    shutil.rmtree(ml, ignore_errors=True)
    for name in ("input/config", "input/data", "model", "output/data", "checkpoints"):
        (ml / name).mkdir(parents=True)
    channels, hyperparameters = job.get("InputDataConfig", []), job.get("HyperParameters", {})
    instance = job.get("ResourceConfig", {}).get("InstanceType", "local")
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    resources = {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": instance}
    documents = {
        "hyperparameters": hyperparameters,
        "inputdataconfig": {c["ChannelName"]: channel for c in channels},
        "resourceconfig": resources | {"current_group_name": "homogeneousCluster", "network_interface_name": "lo"},
    }
    for name, document in documents.items():
        (ml / "input/config" / f"{name}.json").write_text(json.dumps(document))
    for c in channels:
        _download(c["DataSource"]["S3DataSource"]["S3Uri"], ml / "input/data" / c["ChannelName"], s3)
    return {
        "SM_HPS": json.dumps(hyperparameters),
        "SM_CHANNELS": json.dumps([c["ChannelName"] for c in channels]),
        "SM_MODEL_DIR": str(ml / "model"),
        "SM_INPUT_DIR": str(ml / "input"),
        "SM_INPUT_CONFIG_DIR": str(ml / "input/config"),
        "SM_OUTPUT_DIR": str(ml / "output"),
        "SM_OUTPUT_DATA_DIR": str(ml / "output/data"),
        **{f"SM_CHANNEL_{c['ChannelName'].upper()}": str(ml / "input/data" / c["ChannelName"]) for c in channels},
    }


def _download(uri: str, target: Path, s3: Any) -> None:
    bucket, prefix = _s3(uri)
    base, found = prefix.rpartition("/")[0], False
    target.mkdir()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for key in (item["Key"] for item in page.get("Contents", []) if not item["Key"].endswith("/")):
            file = target / key[len(base) :].lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            found = True
    if not found:
        raise JobFailed(f"ClientError: Data download failed: No S3 objects found under S3 URL {uri}")


def _s3(uri: str) -> tuple[str, str]:
    found = re.fullmatch(r"s3://([^/]+)/?(.*)", uri)
    if found is None:
        raise JobFailed(f"ClientError: {uri} is no S3 URL")
    return found[1], found[2]


def _execute(
    job: Job, command: list[str], cwd: Path, env: dict[str, str], logs: Any, stop: threading.Event, grace: float
) -> tuple[str | None, int]:
    """Runs the program: (None, exit code), or ("Stopped" | "MaxRuntimeExceeded", exit code) if it was told to end."""
    process = subprocess.Popen(
        command, cwd=cwd, env=env, text=True, errors="replace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    RUNNING.add(process.pid)
    lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    stream = {"logGroupName": LOG_GROUP, "logStreamName": f"{job['TrainingJobName']}/algo-1-{int(time.time())}"}
    _log(logs.create_log_group, logGroupName=LOG_GROUP)
    _log(logs.create_log_stream, **stream)
    deadline = time.time() + job["StoppingCondition"]["MaxRuntimeInSeconds"]
    told, kill_at = None, float("inf")
    while True:
        if ended := process.poll() is not None:
            reader.join(timeout=5)
        batch = [lines.get() for _ in range(min(lines.qsize(), 1000))]
        for at, line in batch:
            _observe(job, at, line)
        if batch:
            _log(logs.put_log_events, **stream, logEvents=[_event(at, line) for at, line in batch])
        if ended and lines.empty():
            RUNNING.discard(process.pid)
            return told, process.returncode
        if told is None and not ended and (stop.is_set() or time.time() > deadline):
            told, kill_at = "Stopped" if stop.is_set() else "MaxRuntimeExceeded", time.time() + grace
            os.killpg(process.pid, signal.SIGTERM)
        elif time.time() > kill_at and not ended:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.1)


def _collect(process: subprocess.Popen[str], lines: queue.SimpleQueue[tuple[float, str]]) -> None:
    for text in process.stdout or ():
        lines.put((time.time(), text.rstrip("\n")))


def _event(at: float, line: str) -> dict[str, Any]:
    return {"timestamp": int(at * 1000), "message": line or " "}  # an empty message is refused


def _observe(job: Job, at: float, line: str) -> None:
    """FinalMetricDataList: the last value that each MetricDefinitions pattern found."""
    for definition in job["AlgorithmSpecification"].get("MetricDefinitions", []):
        for value in re.findall(definition["Regex"], line):
            others = [m for m in job.get("FinalMetricDataList", []) if m["MetricName"] != definition["Name"]]
            metric = {"MetricName": definition["Name"], "Value": float(value), "Timestamp": at}
            job["FinalMetricDataList"] = [*others, metric]


def _log(call: Callable[..., Any], **arguments: Any) -> None:
    """A role without rights on logs loses its logs, not its job, as on AWS."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            log.warning("%s", error)


def _upload(job: Job, ml: Path, s3: Any) -> None:
    bucket, prefix = _s3(job["OutputDataConfig"]["S3OutputPath"])
    for name, folder in (("model.tar.gz", ml / "model"), ("output.tar.gz", ml / "output/data")):
        items = sorted(folder.iterdir())
        if not items:
            continue
        with tarfile.open(ml.parent / name, "w:gz") as archive:
            for item in items:
                archive.add(item, arcname=item.name)
        key = "/".join(filter(None, [prefix.rstrip("/"), job["TrainingJobName"], "output", name]))
        with (ml.parent / name).open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        if name == "model.tar.gz":
            job["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://{bucket}/{key}"}


def kill_all() -> None:
    """Ends the programs of all running jobs at once."""
    for group in list(RUNNING):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue
