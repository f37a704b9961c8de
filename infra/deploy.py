"""Deploys candlecast with Terraform: to the embedded AWS, LocalStack or AWS, as the environment's settings say.

python -m infra.deploy plan | apply | destroy | output --env local
python -m infra.deploy check
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from candlecast.errors import CandlecastError
from candlecast.settings import Settings, location, read, resolve
from infra.binary import DeployFailed, Terraform

__all__ = ["DeployFailed", "apply", "check", "destroy", "outputs", "plan"]

PROJECT = Path(__file__).parents[1]
ROOT = PROJECT / "infra/terraform"
BUILD = PROJECT / "build"
PROVIDERS = BUILD / "terraform-providers"
QUIET = Console(quiet=True)
PATIENCE = "-lock-timeout=180s"  # an earlier run, interrupted, may still be finishing
START_CLEAN = "Start clean: `python -m localstack.stack reset`, then `make up` and deploy again."
_LEFT_BEHIND = re.compile("already exist|AlreadyExists|ResourceInUse|BucketAlreadyOwnedByYou")


@dataclass(frozen=True)
class Deployment:
    """One environment of one settings file."""

    settings: Settings
    source: Path

    @classmethod
    def of(cls, environment: str, settings_path: Path | None) -> Deployment:
        source = (settings_path or location()).resolve()
        return cls(resolve(read(source), environment), source)

    @property
    def folder(self) -> Path:
        """What Terraform keeps of this environment and can make again."""
        return (PROJECT / self.settings.state).resolve() / "terraform" / self.settings.environment

    @property
    def state(self) -> Path:
        """What Terraform knows of this environment. A local one's goes with the rest of the local data."""
        if self.settings.endpoint:
            return self.folder.parent / f"{self.settings.environment}.tfstate"
        return self.folder.parents[1] / f"{self.settings.environment}.tfstate"

    def run(self, console: Console, verb: str, *options: str) -> int:
        """Builds the packages and runs Terraform with them. Gives its exit code, raises DeployFailed."""
        self.require_endpoint()
        manifest = self.build(console)
        with console.status("terraform init"):
            terraform = self.initialised({"TF_VAR_manifest": str(manifest)})
        try:
            return terraform.streaming(console, verb, "-input=false", *options)
        except DeployFailed as failure:
            if self.settings.endpoint and _LEFT_BEHIND.search(str(failure)):
                raise DeployFailed(f"{failure}\nA run that was killed left this behind. {START_CLEAN}") from None
            raise

    def outputs(self) -> dict[str, Any]:
        """The outputs of the last apply. Raises DeployFailed when there was none."""
        if not self.state.exists():
            name = self.settings.environment
            raise DeployFailed(f"{name} is not deployed from here; run `make deploy ENV={name}` first.")
        initialised = (self.folder / "terraform.tfstate").exists()
        terraform = self.terraform({}) if initialised else self.initialised({})
        return {name: output["value"] for name, output in json.loads(terraform.quietly("output", "-json")).items()}

    def initialised(self, variables: Mapping[str, str]) -> Terraform:
        """Terraform with its provider and its state at hand. Raises DeployFailed."""
        terraform = self.terraform(variables)
        terraform.quietly("init", "-input=false", "-no-color", "-reconfigure", f"-backend-config=path={self.state}")
        return terraform

    def terraform(self, variables: Mapping[str, str]) -> Terraform:
        """Terraform with this environment's own folder. Raises DeployFailed where there is no usable one."""
        return Terraform.prepare(ROOT, self.folder, PROVIDERS, {**self.environment(), **variables})

    def environment(self) -> dict[str, str]:
        """The environment variables of Terraform: they alone tell AWS from an emulator."""
        settings = self.settings
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        emulator = keys | {"AWS_ENDPOINT_URL": settings.endpoint} if settings.endpoint else {}
        hidden = ("AWS_ENDPOINT_URL", *(("AWS_PROFILE", "AWS_SESSION_TOKEN") if emulator else ()))
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(hidden)},
            **emulator,
            "AWS_REGION": settings.region,
            "AWS_DEFAULT_REGION": settings.region,
            "TF_VAR_environment": settings.environment,
            "TF_VAR_settings_file": str(self.source),
        }

    def build(self, console: Console) -> Path:
        """Builds what is to be deployed and gives its manifest. Raises DeployFailed with the builder's words."""
        chosen = {"CANDLECAST_ENV": self.settings.environment, "CANDLECAST_SETTINGS": str(self.source)}
        built = subprocess.run(
            [sys.executable, "-m", "layers.build", "--output", str(self.folder / "packages")],
            cwd=PROJECT,
            env=os.environ | chosen,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if console.quiet else None,
            check=False,
        )
        if built.returncode:
            raise DeployFailed(f"The packages could not be built. {built.stderr or ''}".strip())
        return Path(built.stdout.strip())

    def require_endpoint(self) -> None:
        """Raises DeployFailed unless something answers at the endpoint, where there is one."""
        if self.settings.endpoint is None:
            return
        url = urlsplit(self.settings.endpoint)
        try:
            socket.create_connection((url.hostname or "", url.port or 80), timeout=5).close()
        except OSError:
            raise DeployFailed(f"nothing answers at {self.settings.endpoint}; start it with `make up`.") from None


def apply(environment: str, settings_path: Path | None = None, *, console: Console | None = None) -> None:
    """Builds the packages and makes the environment what the settings say. Raises DeployFailed or BadSettings."""
    deployment = Deployment.of(environment, settings_path)
    deployment.run(console or QUIET, "apply", "-auto-approve", "-parallelism=20", PATIENCE)


def plan(environment: str, settings_path: Path | None = None, *, console: Console | None = None) -> int:
    """0 when nothing would change, 2 when something would; each change is shown. Raises as apply."""
    return Deployment.of(environment, settings_path).run(console or QUIET, "plan", "-detailed-exitcode", "-lock=false")


def destroy(environment: str, settings_path: Path | None = None, *, console: Console | None = None) -> None:
    """Takes the environment down again, its data included; production's is protected. Raises as apply."""
    Deployment.of(environment, settings_path).run(
        console or QUIET, "destroy", "-auto-approve", "-parallelism=20", PATIENCE
    )


def outputs(environment: str, settings_path: Path | None = None) -> dict[str, Any]:
    """What the deployed environment is called and where it answers. Raises DeployFailed when it is not deployed."""
    return Deployment.of(environment, settings_path).outputs()


def check(*, console: Console | None = None) -> None:
    """Format, validity and tests of the Terraform code; no AWS, no credentials. Raises DeployFailed."""
    said = console or QUIET
    terraform = Terraform.prepare(
        ROOT, BUILD / "terraform-check", PROVIDERS, os.environ | {"AWS_REGION": "eu-central-1"}
    )
    for step in (
        ("fmt", "-check", "-recursive", "-diff"),
        ("init", "-backend=false", "-input=false", "-no-color"),
        ("validate", "-no-color"),
        ("test", "-no-color"),
    ):
        with said.status(f"terraform {step[0]}"):
            terraform.quietly(*step)
        said.print(f"terraform {step[0]}: passed")


app = typer.Typer(help="Deploys candlecast with Terraform.", no_args_is_help=True, add_completion=False)
Environment = Annotated[str, typer.Option("--env", envvar="CANDLECAST_ENV", help="local, localstack, dev or prod.")]


@app.command("apply")
def apply_command(env: Environment = "local") -> None:
    """Build the packages and deploy."""
    console = Console()
    apply(env, console=console)
    for name, value in outputs(env).items():
        console.print(f"[bold]{name}[/] = {value}", highlight=False, soft_wrap=True)


@app.command("plan")
def plan_command(env: Environment = "local") -> None:
    """Show what apply would change; exit code 2 if anything would."""
    raise typer.Exit(plan(env, console=Console()))


@app.command("destroy")
def destroy_command(env: Environment = "local") -> None:
    """Take everything down again, data included."""
    destroy(env, console=Console())


@app.command("output")
def output_command(env: Environment = "local") -> None:
    """The outputs as JSON."""
    typer.echo(json.dumps(outputs(env), indent=2))


@app.command("check")
def check_command() -> None:
    """Format, validate and test the Terraform code."""
    check(console=Console())


def main() -> None:
    """The command line; errors are one message, no traceback."""
    try:
        app()
    except CandlecastError as error:
        Console(stderr=True).print(f"[bold red]{type(error).__name__}[/]: {error}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
