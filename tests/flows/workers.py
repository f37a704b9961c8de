"""The processes in which the embedded AWS runs a function: its containers."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from localstack.demo.deployed import Deployed, StageFailed
from tests.flows.waiting import eventually

PROCESSES = Path("/proc")


def of_function(stack: Deployed, function: str) -> list[int]:
    """The process ids of a function's containers, idle or busy."""
    folder = str(Path(stack.settings.state).resolve() / "aws")
    name = f"/ministack-lambda-{stack.settings.name(function)}-"
    return [
        int(each.name) for each in PROCESSES.glob("[0-9]*") if folder in (command := _command(each)) and name in command
    ]


def kill(stack: Deployed, function: str, known: Sequence[int] = ()) -> int:
    """Ends them all at once, in the middle of whatever they do, and waits until they are gone: how many.

    *known*: the process ids, where the moment counts and looking for them would miss it.
    """
    killed = known or of_function(stack, function)
    for process in killed:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    eventually(lambda: [process for process in killed if _runs(process)], lambda left: not left)
    return len(killed)


def revive(stack: Deployed, function: str) -> None:
    """A call without a meaning. The embedded AWS, unlike AWS, may hand the first call after a kill to the container
    that is no more: this one takes the blow, so that it costs no event one of its retries."""
    with suppress(StageFailed):
        stack.invoke(function, {})


def _runs(process: int) -> bool:
    """Whether it has not ended, be it that its parent has not asked for its end yet."""
    try:
        return (PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""  # it has just ended
