"""`candlecast rollback`: an earlier model version serves again, by the retraining state machine's own promotion."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Console

from candlecast.cli import state_machines, tables
from candlecast.cli.commands import AsJson, Environment, app, problems_told, settings_of
from candlecast.cli.service import Service, remedies
from candlecast.errors import NotFound, Retry, Stop
from candlecast.settings import Settings

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 300


@app.command(
    epilog="Examples:\n\n"
    "candlecast rollback --symbol BTC-USDT\n\n"
    'candlecast rollback --symbol BTC-USDT --to 7 --reason "version 8 forecasts the same all day" --env prod'
)
def rollback(
    symbol: Annotated[str | None, typer.Option(help="Like BTC-USDT; left out: the first of the settings.")] = None,
    to: Annotated[
        int | None, typer.Option(min=1, help="Any registered version; left out: the one that served before.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the promotion history for ever.")] = "rolled back by hand",
    env: Environment = "local",
    as_json: AsJson = False,
) -> None:
    """Lets another registered model version serve, from the next forecast on. Nothing is deleted: roll back again.

    The bundle is verified first. People are told as at every promotion. Ends with exit code 1 when it was refused.
    """
    with problems_told(as_json):
        settings = settings_of(env)
        chosen = symbol or settings.symbols[0]
        version = str(to) if to else _before(settings, chosen)
        asked = {"action": "promote", "symbol": chosen, "version": version, "reason": reason}
        decision = _promoted(settings, asked)
        if as_json:
            typer.echo(json.dumps(decision, indent=2))
        else:
            Console(highlight=False, soft_wrap=True).print(tables.plain(decision["message"]))


def _before(settings: Settings, symbol: str) -> str:
    """The version that served before the present one. Raises NotFound where there was none."""
    champion = Service.of(settings).ask("/models", symbol=symbol)[1]["champion"]
    previous: str | None = (champion or {}).get("previous_version")
    if previous is None:
        raise NotFound(f"No version of {symbol} served before the present one; name one with --to.")
    return previous


def _promoted(settings: Settings, asked: dict[str, str]) -> dict[str, Any]:
    """What the state machine made of the request. Raises Stop with its reason where it refused."""
    machine, arn = state_machines.find(settings, "retraining")
    with remedies(settings):
        execution = machine.start_execution(stateMachineArn=arn, input=json.dumps(asked))["executionArn"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            described = machine.describe_execution(executionArn=execution)
            if described["status"] == "SUCCEEDED":
                (decision,) = json.loads(described["output"])["results"]
                return dict(decision)
            if described["status"] != "RUNNING":
                cause = described.get("cause") or described.get("error") or "no cause given"
                raise Stop(f"The rollback ended {described['status']}: {cause} The present champion serves on.")
            if time.monotonic() > deadline:
                raise Retry(f"The rollback has not ended after {PATIENCE_SECONDS} s; look at execution {execution}.")
            time.sleep(POLL_SECONDS)
