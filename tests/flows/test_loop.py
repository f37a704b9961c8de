"""The closed loop: history, champion, live forecasts, a wilder market, a breach, a promoted champion, a rollback."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from candlecast import hours
from candlecast.cli import app
from localstack.demo.deployed import Deployed
from tests.flows.scene import START
from tests.flows.waiting import eventually

pytestmark = pytest.mark.timeout(900)
SYMBOL = "BTC-USDT"
CHANGE = START + timedelta(hours=30)


def test_a_breach_retrains_and_promotes_and_a_rollback_takes_it_back(
    stack: Deployed, settings_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = {"start": hours.text(START - timedelta(days=200)), "end": hours.text(START), "time": hours.text(START)}
    stored = stack.invoke("ingest", {"symbols": [SYMBOL], **history})["symbols"][SYMBOL]
    assert stored["missing"] == 0
    outcome = train(stack, {"symbol": SYMBOL, "as_of": hours.text(START)})
    assert (outcome["promoted"], outcome["version"]) == (True, "1")

    wilder = {"from": hours.text(CHANGE), "volatility": 6.0, "reversal": 1.0, "symbols": [SYMBOL]}
    httpx.put(market(stack, "/_market/regime"), json=wilder).raise_for_status()
    for hour in hours.span(START, CHANGE + timedelta(hours=20)):
        stack.ingest_hour(SYMBOL, hour)
        stack.await_forecast(SYMBOL, hour)
    quiet = check(stack, CHANGE)
    assert quiet["breach"] is False
    breach = check(stack, CHANGE + timedelta(hours=20))
    assert breach["breach"] is True
    again = check(stack, CHANGE + timedelta(hours=20))
    assert again["execution"] in (None, breach["execution"])

    outcome = result(stack, breach["execution"])
    assert (outcome["promoted"], outcome["version"]) == (True, "2"), outcome["reason"]
    champion = stack.registry.champion(SYMBOL)
    assert champion is not None
    assert (champion.version, champion.previous_version) == ("2", "1")
    hour = CHANGE + timedelta(hours=20)
    stack.ingest_hour(SYMBOL, hour)
    stack.await_forecast(SYMBOL, hour)
    served = stack.forecasts.get(SYMBOL, hour)
    assert served is not None
    assert served.model_version == "2"

    monkeypatch.setenv("CANDLECAST_SETTINGS", str(settings_file))
    told = CliRunner().invoke(app, ["rollback", "--symbol", SYMBOL, "--json"])
    assert told.exit_code == 0, told.output
    assert (json.loads(told.stdout)["promoted"], json.loads(told.stdout)["version"]) == (True, "1")
    assert [promoted.version for promoted in stack.registry.history(SYMBOL)] == ["1", "2", "1"]
    stack.ingest_hour(SYMBOL, hour + hours.HOUR)
    stack.await_forecast(SYMBOL, hour + hours.HOUR)
    served = stack.forecasts.get(SYMBOL, hour + hours.HOUR)
    assert served is not None
    assert served.model_version == "1"
    eventually(lambda: learnt_until(stack, "1"), lambda until: until == hours.text(hour))


def learnt_until(stack: Deployed, version: str) -> str:
    """The newest hour that the stored calibration of a version knows; predict writes it last."""
    key = f"models/symbol={SYMBOL}/version={version}/calibration.json"
    body = stack.client("s3").get_object(Bucket=stack.outputs["bucket"], Key=key)["Body"].read()
    return str(json.loads(body)["until"])


def train(stack: Deployed, payload: dict[str, str]) -> dict[str, object]:
    return result(stack, stack.start_retraining(payload))


def result(stack: Deployed, execution: object) -> dict[str, object]:
    (outcome,) = stack.follow(str(execution), lambda _: None)["results"]
    judged: dict[str, object] = outcome
    return judged


def check(stack: Deployed, now: object) -> dict[str, object]:
    answer = stack.invoke("drift", {"time": hours.text(now), "symbols": [SYMBOL]})  # type: ignore[arg-type]
    verdict: dict[str, object] = answer["symbols"][SYMBOL]
    return verdict


def market(stack: Deployed, path: str) -> str:
    return str(httpx.URL(next(iter(stack.settings.exchange.endpoints.values()))).join(path))
