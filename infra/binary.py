"""The terraform program: found, checked, and run with a clean environment and readable progress."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from candlecast.errors import Stop
from infra import mirror

MINIMUM = (1, 9)
INSTALL = "install it from https://developer.hashicorp.com/terraform/install"
_DONE = {"create": "created", "update": "changed", "delete": "deleted"}


class DeployFailed(Stop):
    """Terraform is missing, or did not do what it was asked; the message holds its own words."""


def locate() -> str:
    """The path of a usable terraform. Raises DeployFailed with the remedy."""
    program = shutil.which("terraform")
    if program is None:
        raise DeployFailed(f"terraform was not found on the PATH; {INSTALL}.")
    answer = subprocess.run([program, "version", "-json"], capture_output=True, text=True, timeout=60, check=False)
    try:
        text: str = json.loads(answer.stdout)["terraform_version"]
        version = tuple(int(part) for part in text.split(".")[:2])
    except (ValueError, KeyError):
        raise DeployFailed(f"{program} does not tell its version ({answer.stderr.strip()}); {INSTALL}.") from None
    if version < MINIMUM:
        raise DeployFailed(f"Terraform {'.'.join(map(str, MINIMUM))} or newer is needed, {text} was found; {INSTALL}.")
    return program


@dataclass(frozen=True)
class Terraform:
    """Terraform in one working folder with one environment."""

    program: str
    root: Path
    """The root module."""
    environment: Mapping[str, str]

    @classmethod
    def prepare(cls, root: Path, data: Path, cache: Path, environment: Mapping[str, str]) -> Terraform:
        """*data*: a folder for Terraform's own files; *cache*: for downloaded providers. Raises DeployFailed."""
        program = locate()
        data.mkdir(parents=True, exist_ok=True)
        own = {"TF_DATA_DIR": str(data), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
        configuration = {"TF_CLI_CONFIG_FILE": str(_configuration(data, cache))}
        unasked = ("TF_CLI_ARGS", "TF_WORKSPACE")
        inherited = {name: value for name, value in environment.items() if not name.startswith(unasked)}
        return cls(program, root, {**inherited, **own, **configuration})

    def quietly(self, *arguments: str) -> str:
        """Runs terraform and gives its output. Raises DeployFailed with what it said."""
        answer = subprocess.run(
            self._command(arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            said = "\n".join(filter(None, [answer.stderr.strip(), answer.stdout.strip()]))
            raise DeployFailed(f"terraform {arguments[0]} failed:\n{said}")
        return answer.stdout

    def streaming(self, console: Console, verb: str, *options: str) -> int:
        """Runs terraform with -json, one line per resource to *console*. Gives its exit code, raises DeployFailed.

        Applying and destroying run to their end whatever becomes of the caller: a resource whose making is cut short
        would exist without being in the state. Hence a session of its own, and a log file instead of a pipe.
        """
        report = Report(console, planning=verb == "plan")
        log = Path(self.environment["TF_DATA_DIR"]) / f"{verb}.log"
        with log.open("w") as words:
            process = subprocess.Popen(
                self._command([verb, "-json", *options]),
                env=self.environment, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        interrupted = _follow(process, log, report)
        if interrupted:
            raise KeyboardInterrupt
        if process.returncode not in (0, 2):
            raise DeployFailed(f"terraform {verb} failed:\n" + "\n".join(report.errors or report.unread))
        return process.returncode

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [self.program, f"-chdir={self.root}", *arguments]


@dataclass
class Report:
    """Terraform's machine-readable lines, as lines for people."""

    console: Console
    planning: bool = False
    """Whether planned changes are the answer; when applying, only what was done is shown."""
    errors: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Lines that are no JSON: Terraform's words before it knows that JSON is wanted."""
    waiting: str = ""
    """What takes longer than ten seconds just now."""

    def take(self, line: str) -> None:
        """Shows or keeps one line."""
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            self.unread.append(line.rstrip())
            return
        match message.get("type"):
            case "apply_complete":
                hook = message["hook"]
                if hook["action"] in _DONE:
                    self._show(_DONE[hook["action"]], hook["resource"]["addr"], f"{hook['elapsed_seconds']:.0f} s")
            case "apply_progress":
                hook = message["hook"]
                self.waiting = f"{escape(hook['resource']['addr'])} {hook['elapsed_seconds']:.0f} s"
            case "planned_change" if self.planning:
                change = message["change"]
                if change["action"] != "read":
                    self._show(change["action"], change["resource"]["addr"])
            case "outputs" if self.planning:
                for name, output in message["outputs"].items():
                    if output.get("action", "noop") != "noop":
                        self._show(output["action"], f"output.{name}")
            case "change_summary":
                self.console.print(message["@message"], highlight=False, markup=False)
            case "diagnostic" if message["diagnostic"]["severity"] == "error":
                self.errors.append(_told(message["diagnostic"]))

    def _show(self, verb: str, address: str, elapsed: str = "") -> None:
        self.console.print(f"  {verb:<8} {address} {elapsed}", highlight=False, markup=False, soft_wrap=True)


def _follow(process: subprocess.Popen[bytes], log: Path, report: Report) -> bool:
    """Reports a process's words until it ends; whether an interrupt came meanwhile. A second one stops the process."""
    interrupts, rest = 0, ""
    with log.open() as words, report.console.status("terraform") as waiting:
        while True:
            try:
                ended = process.poll() is not None
                *lines, rest = (rest + words.read()).split("\n")
                for line in lines:
                    report.take(line)
                if ended:
                    return interrupts > 0
                waiting.update(f"terraform {report.waiting}")
                time.sleep(0.1)
            except KeyboardInterrupt:
                interrupts += 1
                if report.planning or interrupts > 1:
                    process.send_signal(signal.SIGINT)
                else:
                    report.console.print("Interrupted: Terraform finishes first, in a minute or two; again: at once.")


def _told(diagnostic: Mapping[str, Any]) -> str:
    where = diagnostic.get("address") or (diagnostic.get("range") or {}).get("filename")
    return "\n".join(
        filter(None, [f"{diagnostic['summary']}{f' ({where})' if where else ''}", diagnostic.get("detail")])
    )


def _configuration(data: Path, cache: Path) -> Path:
    """The user's own CLI configuration file where there is one, else one that knows this machine's mirrors."""
    for own in (os.environ.get("TF_CLI_CONFIG_FILE"), str(Path.home() / ".terraformrc")):
        if own and Path(own).is_file():
            return Path(own)
    found = mirror.find()
    if found is None:
        cache.mkdir(parents=True, exist_ok=True)
    file = data / "cli.tfrc"
    file.write_text(mirror.cli_configuration(found, cache))
    return file
