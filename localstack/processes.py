"""Background processes that outlive the terminal they were started from, known again by a file for each.

The file holds the process id and when the process began, so that a process id which the system has given to someone
else since is never taken for ours.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from candlecast.errors import Stop

_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}  # those started by this very process, to be reaped when they end
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine's ports


class StackFailed(Stop):
    """A part of the local stack could not be started or stopped."""


@dataclass(frozen=True)
class Part:
    """A process to run: its name, the URL it serves and says its health at, and the settings key of its port."""

    name: str
    url: str
    health: str
    port_key: str
    command: tuple[str, ...]
    note: str = ""
    """What `status` says of it beside its name."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@dataclass(frozen=True)
class Running:
    """A process as its file describes it."""

    name: str
    pid: int
    began: str
    url: str
    note: str
    command: tuple[str, ...]

    def is_as(self, part: Part) -> bool:
        """Whether it was started as the part is to be started now."""
        return self.command == part.command


def find(state: Path, name: str) -> Running | None:
    """The running process of this name that was started for *state*, if it still runs."""
    try:
        described = json.loads(_file(state, name).read_text())
        known = Running(**described | {"command": tuple(described["command"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return known if _began(known.pid) == known.began else None


def log_file(state: Path, name: str) -> Path:
    return state / "logs" / f"{name.replace(' ', '-')}.log"


def start(part: Part, state: Path, cwd: Path, environment: Mapping[str, str], seconds: float) -> Running:
    """Starts the part and waits until it is healthy. Raises StackFailed if it is not within *seconds*."""
    if _taken(part.port):
        raise StackFailed(
            f"Port {part.port}, which the {part.name} is to use, is taken by a process that is not ours. "
            f"End that process, or give another port in settings.yaml ({part.port_key})."
        )
    log = log_file(state, part.name)
    for folder in (log.parent, _file(state, part.name).parent):
        folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            part.command, cwd=cwd, env=dict(environment), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    _CHILDREN[process.pid] = process
    running = Running(part.name, process.pid, _began(process.pid), part.url, part.note, part.command)
    _file(state, part.name).write_text(json.dumps(asdict(running)))
    deadline = time.monotonic() + seconds
    while not healthy(part.health):
        if process.poll() is not None or time.monotonic() > deadline:
            happened = "did not start" if process.poll() is not None else f"was not ready within {seconds:.0f} s"
            stop(state, part.name)
            said = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            raise StackFailed(f"The {part.name} {happened}; its log, {log}, ends with:\n{said}")
        time.sleep(0.1)
    return running


def stop(state: Path, name: str, seconds: float = 60) -> bool:
    """Ends the process of this name in good order, by force after *seconds*; False if it did not run.

    A process that was not started here is never touched.
    """
    running = find(state, name)
    if running is not None:
        os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while _began(running.pid) == running.began:
            if time.monotonic() > deadline:
                os.killpg(running.pid, signal.SIGKILL)  # with the functions that run in it
                deadline = float("inf")
            time.sleep(0.1)
    _file(state, name).unlink(missing_ok=True)
    return running is not None


def healthy(url: str, seconds: float = 0) -> bool:
    """Whether the address answers well, now or within *seconds*."""
    deadline = time.monotonic() + seconds
    while not (well := _answers(url)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return well


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def memory(pid: int) -> int:
    """Resident memory of a process and all its descendants, in bytes."""
    table = [[int(number) for number in line.split()] for line in _ps("-e", "-o", "pid=,ppid=,rss=").splitlines()]
    sizes, family, generation = {own: size for own, _, size in table}, {pid}, {pid}
    while generation:
        generation = {own for own, parent, _ in table if parent in generation} - family
        family |= generation
    return sum(sizes.get(member, 0) for member in family) * 1024


def _file(state: Path, name: str) -> Path:
    return state / "run" / f"{name.replace(' ', '-')}.json"


def _began(pid: int) -> str:
    """When the process began, in whatever form the system tells it; empty if there is none, or it has ended."""
    if (child := _CHILDREN.get(pid)) is not None and child.poll() is not None:
        del _CHILDREN[pid]
        return ""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    state, _, began = _ps("-p", str(pid), "-o", "stat=,lstart=").strip().partition(" ")
    return "" if state.startswith("Z") else began.strip()


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def interpreter_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """*environment* without what would change which code a Python program runs."""
    return {name: value for name, value in environment.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
