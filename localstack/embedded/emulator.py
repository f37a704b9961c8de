"""The embedded AWS: ministack with SageMaker training jobs added and the gaps closed that candlecast would notice.

    python -m localstack.embedded.emulator --port 4566 --state .localstack --images .localstack/images.json

It runs in an environment of its own that holds what AWS's Lambda runtime holds, since functions run on its
interpreter and see its packages. Written against ministack 1.5.33: register() is the one place that touches its
registration tables. `python -m localstack.stack up` starts it.
"""

import argparse
import atexit
import contextlib
import ctypes
import hashlib
import json
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

# What functions and training jobs may see of the environment the emulator was started in.
INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
             "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # fmt: skip

log = logging.getLogger("embedded")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps everything across restarts")
    parser.add_argument("--images", type=Path, required=True, help="JSON file: image repository -> local program")
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--save-seconds", type=float, default=30, help="how often state is saved; 0: only at the end")
    parser.add_argument("--alarm-seconds", type=float, default=5, help="how often alarms are evaluated")
    parser.add_argument("--stop-grace", type=float, default=120, help="seconds a training job has after SIGTERM")
    parser.add_argument("--plain", action="store_true", help="leave ministack's gaps open")
    return parser.parse_args()


def configure(arguments: argparse.Namespace) -> None:
    """Sets the environment that ministack reads when it is imported, and that functions inherit, from nothing."""
    state = arguments.state.resolve()
    temporary = state / "tmp"  # functions' code and layers, unpacked
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update(inherited)
    os.environ.update(
        NO_PROXY=",".join(filter(None, [inherited.get("NO_PROXY"), "127.0.0.1", "localhost"])),
        TZ="UTC",
        TMPDIR=str(temporary),
        GATEWAY_PORT=str(arguments.port),
        BIND_HOST="127.0.0.1",
        MINISTACK_REGION=arguments.region,
        AUTH="true",
        PERSIST_STATE="1",
        STATE_DIR=str(state / "services"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "s3"),
        LAMBDA_WARM_TTL_SECONDS="300",
        DOCKER_HOST="unix:///nonexistent",  # it looks for containers to remove otherwise
        IOT_MTLS_ENABLED="0",  # a second port
        SFTP_ENABLED="0",
        TRAINING_JOBS_DIR=str(state / "training-jobs"),
        TRAINING_IMAGES=str(arguments.images.resolve()),
        TRAINING_STOP_GRACE=str(arguments.stop_grace),
    )


def register(arguments: argparse.Namespace) -> None:
    """Adds SageMaker to ministack and, if not told otherwise, closes its gaps."""
    from ministack import app
    from ministack.core import router
    from ministack.services import stepfunctions

    from localstack.embedded import sagemaker, training_job, training_task

    app.SERVICE_REGISTRY["sagemaker"] = {"module": "sagemaker"}
    app.SERVICE_HANDLERS["sagemaker"] = sagemaker.handle_request
    app._loaded_modules["sagemaker"] = sagemaker
    app._state_map["sagemaker"] = "sagemaker"
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."], "host_patterns": [r"api\.sagemaker\."]}
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::sagemaker:createTrainingJob"] = training_task.create_training_job
    stepfunctions._run_execution = training_task.remember_execution
    atexit.register(training_job.kill_all)
    if not arguments.plain:
        from localstack.embedded import gaps

        gaps.close_all(arguments.alarm_seconds, arguments.state.resolve() / "layers")


def save_often(seconds: float) -> None:
    """Saves what has changed, so that a crash loses little: ministack itself saves only when it ends in good order."""
    from ministack import app
    from ministack.core import persistence

    from localstack.embedded import periodic

    saved: dict[str, str] = {}

    def save() -> None:
        for service, get_state in app._build_persistence_save_dict().items():
            try:
                state = get_state()
                mark = hashlib.sha256(json.dumps(state, default=_outline).encode()).hexdigest()
            except Exception:  # it changed while it was copied: the next round saves it
                log.debug("%s is not saved", service, exc_info=True)
                continue
            if state is not None and saved.get(service) != mark:
                persistence.save_state(service, state)
                saved[service] = mark
        _give_memory_back()

    load = app._load_persisted_state

    def load_and_go_on_saving() -> None:
        load()  # before this, all is empty: a save would replace what is to be loaded
        periodic.repeat(save, seconds)

    app._load_persisted_state = load_and_go_on_saving


def _outline(value: Any) -> Any:
    """Stands in for what JSON lacks: archives of code by their length, ministack's own dictionaries by their items."""
    if isinstance(value, bytes | bytearray):
        return len(value)
    return [[repr(key), item] for key, item in value._data.items()]


def _give_memory_back() -> None:
    """Layers pass through memory when they are deployed; the C library would keep what they took."""
    with contextlib.suppress(AttributeError, OSError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    arguments = parse_arguments()
    configure(arguments)
    register(arguments)
    if arguments.save_seconds:
        save_often(arguments.save_seconds)
    from ministack import app

    sys.argv = ["ministack"]  # it parses arguments of its own
    app.main()


if __name__ == "__main__":
    main()
