"""The processes in which the embedded AWS runs a function: its containers."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from localstack.demo.deployed import Deployed
from tests.flows.waiting import eventually

PROCESSES = Path("/proc")


def of_function(stack: Deployed, function: str) -> list[int]:
    """The process ids of a function's containers, idle or busy."""
    folder = str(Path(stack.settings.state).resolve() / "aws")
    name = f"/ministack-lambda-{stack.settings.name(function)}-"
    return [
        int(each.name) for each in PROCESSES.glob("[0-9]*") if folder in (command := _command(each)) and name in command
    ]


def kill(stack: Deployed, function: str) -> int:
    """Ends them all at once, in the middle of whatever they do, and waits until they are gone: how many."""
    killed = 0
    for process in of_function(stack, function):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            killed += 1
    eventually(lambda: of_function(stack, function), lambda left: not left)
    return killed


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""  # it has just ended
