"""The local stack: the embedded AWS and the market, as background processes that keep their data.

python -m localstack.stack up [--market simulated|live|DIR]
python -m localstack.stack down | status | reset
"""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from candlecast.errors import CandlecastError
from candlecast.settings import Settings, location, read, resolve
from localstack import emulator_environment, processes
from localstack.processes import Part, StackFailed

__all__ = ["StackFailed", "down", "reset", "up"]

ROOT = Path(__file__).parents[1]
AWS, MARKET = "embedded AWS", "market"
PATIENCE = 60  # seconds that a part may take to start, or to answer when it is busy
DATA = ("aws", "terraform", "logs", "run", "images.json", "regimes.json")  # what reset deletes from the state folder

app = typer.Typer(help="The embedded AWS and the market on this machine.", no_args_is_help=True, add_completion=False)


@dataclass(frozen=True)
class Local:
    """The settings that the stack runs by."""

    settings: Settings
    source: Path

    @property
    def state(self) -> Path:
        return (ROOT / self.settings.state).resolve()


def up(settings_path: Path | None = None, market: str = "simulated", *, console: Console | None = None) -> None:
    """Starts what does not run yet, and waits until it answers. Raises StackFailed or BadSettings with the remedy.

    *market* is `simulated`, `live` (real exchanges: no stand-in is started) or a folder of recorded candles.
    """
    local, said = _local(settings_path), console or Console(quiet=True)
    parts = _parts(local, market)
    with _one_at_a_time(local.state):
        if not emulator_environment.is_ready(local.state):
            processes.stop(local.state, AWS)
            with said.status("Installing the embedded AWS's packages (once)"):
                emulator_environment.make(local.state)
        _write_images(local)
        if MARKET not in (part.name for part in parts):
            processes.stop(local.state, MARKET)
        for part in parts:
            _ensure(part, local.state, said)


def _ensure(part: Part, state: Path, said: Console) -> None:
    running = processes.find(state, part.name)
    if running is not None and running.is_as(part) and processes.healthy(part.health, PATIENCE):
        said.print(f"The {part.name} is running already: [bold]{part.url}[/] (process {running.pid})")
        return
    with said.status(f"Starting the {part.name}"):
        processes.stop(state, part.name)  # it runs, but with other settings, or does not answer
        # Many threads with an arena of memory each would keep what a deployment needed for a moment.
        environment = processes.interpreter_environment(os.environ) | {"MALLOC_ARENA_MAX": "2"}
        running = processes.start(part, state, ROOT, environment, PATIENCE)
    said.print(f"The {part.name} runs: [bold]{part.url}[/] (process {running.pid})")


def down(settings_path: Path | None = None, *, console: Console | None = None) -> None:
    """Stops what up started, and waits until the embedded AWS has saved its state. Touches no other process."""
    local, said = _local(settings_path), console or Console(quiet=True)
    with _one_at_a_time(local.state):
        for name in (MARKET, AWS):
            with said.status(f"Stopping the {name}; its state is being saved"):
                stopped = processes.stop(local.state, name)
            said.print(f"The {name} {'has stopped' if stopped else 'was not running'}.")


def reset(settings_path: Path | None = None, *, console: Console | None = None) -> None:
    """Stops them and deletes their data, and what Terraform knows of it; the emulator's packages stay."""
    local, said = _local(settings_path), console or Console(quiet=True)
    down(settings_path, console=console)
    for name in DATA:
        target = local.state / name
        target.unlink(missing_ok=True) if target.is_file() else shutil.rmtree(target, ignore_errors=True)
    said.print(f"The data in {os.path.relpath(local.state)} is deleted.")


def _local(settings_path: Path | None) -> Local:
    source = (settings_path or location()).resolve()
    settings = resolve(read(source), os.environ.get("CANDLECAST_ENV", "local"))
    if settings.environment == "localstack":
        raise StackFailed("Environment localstack is LocalStack itself: docker compose -f localstack/compose.yml up")
    if settings.endpoint is None:
        raise StackFailed(f"Environment {settings.environment!r} has no endpoint: it is AWS. Use CANDLECAST_ENV=local.")
    return Local(settings, source)


def _parts(local: Local, market: str) -> list[Part]:
    settings, state = local.settings, local.state
    endpoint = str(settings.endpoint)
    aws = Part(
        name=AWS,
        url=endpoint,
        health=f"{endpoint}/_ministack/health",
        port_key="endpoint",
        command=(
            str(emulator_environment.python(state)), "-m", "localstack.embedded.emulator",
            "--port", str(_port(endpoint, "endpoint")), "--state", str(state / "aws"),
            "--images", str(state / "images.json"), "--region", settings.region,
        ),
    )  # fmt: skip
    if market == "live":
        return [aws]
    if market != "simulated" and not Path(market).is_dir():
        raise StackFailed(f"--market is simulated, live or a folder of recorded candles; {market!r} is no folder.")
    served = "simulated" if market == "simulated" else str(Path(market).resolve())
    addresses = {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, settings.exchange.endpoints.values())}
    if len(addresses) != 1:
        raise StackFailed("The market serves all exchanges at one address: give exchange.endpoints one host and port.")
    address = addresses.pop()
    return [
        aws,
        Part(
            name=MARKET,
            url=address,
            health=f"{address}/_market/health",
            port_key="exchange.endpoints",
            command=(
                sys.executable, "-m", "localstack.market",
                "--port", str(_port(address, "exchange.endpoints")), "--market", served,
                "--symbols", ",".join(settings.symbols), "--regimes", str(state / "regimes.json"),
            ),
            note=served,
        ),
    ]  # fmt: skip


def _port(url: str, key: str) -> int:
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost") or parts.port is None:
        raise StackFailed(f"{key} in settings.yaml must be http://127.0.0.1:<port> here; it is {url}.")
    return parts.port


def _write_images(local: Local) -> None:
    """The program that stands for the training image. As on AWS, the settings are part of the image."""
    program = {
        "command": [sys.executable, "-m", "training.train"],
        "cwd": str(ROOT),
        "env": {"CANDLECAST_SETTINGS": str(local.source)},
    }
    (local.state / "images.json").write_text(json.dumps({"*-training": program}, indent=2))


@contextmanager
def _one_at_a_time(state: Path) -> Iterator[None]:
    """Two commands at once must not start the same part twice."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@app.command("up")
def up_command(
    market: Annotated[str, typer.Option(help="simulated, live, or a folder of recorded candles.")] = "simulated",
) -> None:
    """Start the embedded AWS and the market; what runs already is left alone."""
    console = Console(highlight=False)
    up(market=market, console=console)
    settings = _local(None).settings
    access = f"AWS_ENDPOINT_URL={settings.endpoint} AWS_REGION={settings.region}"
    keys = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    console.print(f"Ready. For example: {access} {keys} aws s3 ls", soft_wrap=True)


@app.command("down")
def down_command() -> None:
    """Stop them; their data stays."""
    down(console=Console(highlight=False))


@app.command()
def status() -> None:
    """What of the stack is running, and where."""
    local = _local(None)
    table = Table(title=f"candlecast on this machine ({local.settings.environment})")
    for heading in ("part", "state", "address", "process", "memory"):
        table.add_column(heading, overflow="fold")
    for name, path in ((AWS, "/_ministack/health"), (MARKET, "/_market/health")):
        running = processes.find(local.state, name)
        if running is None:
            table.add_row(name, "stopped", "", "", "")
            continue
        state = "running" if processes.healthy(running.url + path) else "[red]does not answer[/]"
        memory = f"{processes.memory(running.pid) / 2**20:.0f} MiB"
        table.add_row(" ".join([name, running.note]), state, running.url, str(running.pid), memory)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"Logs: {processes.log_file(local.state, AWS).parent}", soft_wrap=True)


@app.command("reset")
def reset_command(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop them and delete their data: buckets, tables, functions, logs, and Terraform's knowledge of them."""
    if not yes:
        typer.confirm(f"Delete the data in {_local(None).state}?", abort=True)
    reset(console=Console(highlight=False))


def main() -> None:
    try:
        app()
    except (CandlecastError, OSError) as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
