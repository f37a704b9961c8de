"""What all answers have in common: request ids, problem documents, the OpenAPI document; and what the api imports."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from candlecast import hours, settings
from candlecast.errors import BadEvent
from lambdas.api import handler, problems
from tests.functions.api.scene import NOW, Context, World, a_forecast, answer_of, rest_event

HEAVY = {"awswrangler", "ccxt", "lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "evidently"}


@pytest.mark.parametrize(
    "path", ["/health", "/predict", "/forecasts", "/models", "/drift", "/openapi.json", "/nothing"]
)
def test_every_answer_carries_the_request_id(world: World, path: str) -> None:
    assert world.get(path).headers["x-request-id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@pytest.mark.parametrize("path", ["/", "/nothing", "/predict/", "/models/7/weights", "/docs", "/..%2f..%2fetc/passwd"])
def test_an_unknown_path_is_a_problem_that_points_to_the_openapi_document(world: World, path: str) -> None:
    answer = world.get(path)

    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "/openapi.json" in answer.body["remedy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_method_is_a_problem_that_names_the_right_one(world: World, method: str) -> None:
    answer = world.get("/predict", method=method)

    assert (answer.status, answer.body["remedy"], answer.headers["allow"]) == (405, "Use GET.", "GET")


@pytest.mark.parametrize("path", ["/health", "/models/7", "/drift", "/forecasts"])
def test_unknown_parameters_are_refused_everywhere(world: World, path: str) -> None:
    answer = world.get(path, "verbose=1")

    assert (answer.status, answer.body["parameters"]) == (422, ["verbose"])


def test_an_unexpected_fault_is_logged_and_leaks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(world.forecasts), "newest", broken)
    answer = world.get("/predict")

    assert (answer.status, answer.body["type"]) == (500, "urn:candlecast:problem:fault")
    assert "c6af9ac6" in answer.body["remedy"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_storage_that_does_not_answer_is_a_503_to_be_asked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.internal")

    monkeypatch.setattr(type(world.forecasts), "newest", unreachable)
    answer = world.get("/predict")

    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert "internal" not in answer.text


def test_the_stage_may_stand_in_the_path_as_behind_a_custom_domain(world: World) -> None:
    world.forecasts.put(a_forecast(hours.floor(NOW)))

    assert world.get("/v1/predict").status == 200


def test_the_openapi_document_describes_units_and_problems(world: World) -> None:
    document: dict[str, Any] = world.get("/openapi.json").body

    assert set(document["paths"]) == {"/health", "/predict", "/forecasts", "/models", "/models/{version}", "/drift"}
    shown = document["components"]["schemas"]["PredictAnswer"]["properties"]
    assert "quote currency" in shown["predicted_delta"]["description"]
    assert shown["predicted_delta"]["examples"]
    predict = document["paths"]["/predict"]["get"]
    assert [parameter["name"] for parameter in predict["parameters"]] == ["date", "hour", "tz", "symbol"]
    assert "default" in predict["responses"]
    assert document["paths"]["/predict"]["get"]["security"]
    assert "security" not in document["paths"]["/health"]["get"]


@pytest.mark.parametrize("event", [{}, {"time": "2026-11-20T15:00:00Z"}, {"path": "/predict"}])
def test_an_event_that_is_no_request_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(BadEvent, match="through API Gateway"):
        handler.handler(event, Context())


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[World]:
    """The handler's own wiring, as its environment variables say."""
    for name, value in {
        "BUCKET": world.name,
        "TABLE": world.name,
        "PREDICT_FUNCTION": "candlecast-test-predict",
    }.items():
        monkeypatch.setenv(f"CANDLECAST_{name}", value)
    settings.load.cache_clear()
    handler.application.cache_clear()
    yield world
    handler.application.cache_clear()
    asyncio.get_event_loop_policy().get_event_loop().close()


def test_the_deployed_handler_answers_from_its_environment(deployed: World, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.forecasts.put(a_forecast(hours.floor(NOW)))

    answer = answer_of(handler.handler(rest_event("/predict"), Context()))

    assert (answer.status, answer.body["model_version"]) == (200, "7")
    (metrics,) = (d for d in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in d)
    assert (metrics["Answers"], metrics["Problems"], metrics["environment"]) == ([1.0], [0.0], "local")
    assert logging.getLogger("mangum").level == logging.WARNING


def test_the_api_starts_without_the_data_and_model_packages() -> None:
    """Cold starts are imports; a fresh process shows what the handler really loads."""
    program = "import sys, lambdas.api.handler; print(*{name.partition('.')[0] for name in sys.modules})"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    assert HEAVY & set(done.stdout.split()) == set()


def test_one_predict_is_one_read(world: World) -> None:
    world.forecasts.put(a_forecast(hours.floor(NOW)))
    calls = count_calls(world)

    world.get("/predict", "date=2026-11-20&hour=15")

    assert calls() == ["GetItem"]


def count_calls(world: World) -> Callable[[], list[str]]:
    """The names of the calls that go to DynamoDB and S3 from here on."""
    made: list[str] = []
    for service in ("dynamodb", "s3"):
        world.clients(service).meta.events.register("before-call.*.*", lambda model, **_: made.append(model.name))
    return lambda: made


def test_every_parameter_that_can_be_wrong_has_a_remedy(world: World) -> None:
    described = world.get("/openapi.json").body["paths"].values()
    named = {each["name"] for path in described for each in path["get"].get("parameters", [])}

    assert named - {"symbol"} == set(problems._REMEDIES), "an unknown symbol has a problem of its own"
