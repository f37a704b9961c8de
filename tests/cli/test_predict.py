"""candlecast predict: one forecast as a table or as JSON, and problems as a line with a remedy."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tests.cli.stand_in import FORECAST, StandIn, problem

ASKED = ("predict", "--date", "2024-01-15", "--hour", "9", "--symbol", "BTC-USDT")


def test_the_forecast_is_a_table_that_reads_without_a_manual(run: Run) -> None:
    result = run(*ASKED)

    assert result.exit_code == 0
    for shown in (
        "BTC-USDT",
        "2024-01-15 09:00 to 10:00 UTC",
        "+12.35 USDT  (+0.029%)",
        "up, probability of a rise 53.1%",
        "-210.50 to +222.25 USDT",
        "42,513.90 USDT",
        "+86.10 USDT  (+0.203%): inside the interval, error 0.174%",
        "2024-01-15 09:01 UTC, live, model 7",
    ):
        assert shown in result.stdout


def test_what_is_asked_reaches_the_api_with_the_key_found_by_name(run_by_name: Run, stand_in: StandIn) -> None:
    run_by_name(*ASKED, "--tz", "Europe/Berlin")

    asked = {"date": "2024-01-15", "hour": "9", "symbol": "BTC-USDT", "tz": "Europe/Berlin"}
    assert stand_in.asked == [("/predict", asked)]


def test_a_zone_shows_the_hour_in_it_too(run: Run) -> None:
    assert "09:00 to 10:00 UTC (2024-01-15 10:00 Europe/Berlin)" in run(*ASKED, "--tz", "Europe/Berlin").stdout


def test_without_date_and_hour_the_newest_is_asked_for(run: Run, stand_in: StandIn) -> None:
    assert run("predict").exit_code == 0
    assert stand_in.asked == [("/predict", {})]


def test_json_is_the_apis_own_answer_to_the_last_digit(run: Run) -> None:
    assert json.loads(run(*ASKED, "--json").stdout) == FORECAST


def test_before_the_hour_has_closed_nothing_is_said_of_what_happened(run: Run, stand_in: StandIn) -> None:
    stand_in.answers["/predict"] = (200, FORECAST | {"settlement": None, "note": "no champion yet"})

    result = run(*ASKED)

    assert "What happened" not in result.stdout
    assert "no champion yet" in result.stdout


def test_a_problem_is_one_line_and_its_remedy_and_exit_code_1(run: Run, stand_in: StandIn) -> None:
    stand_in.answers["/predict"] = problem(422, "That hour is in the future.", "Ask for [an] earlier one.")

    result = run(*ASKED)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Problem: That hour is in the future.\nRemedy:  Ask for [an] earlier one.\n"


def test_a_problem_is_a_document_for_machines(run: Run, stand_in: StandIn) -> None:
    stand_in.answers["/predict"] = problem(404, "No such symbol.", "Ask for BTC-USDT.")

    result = run(*ASKED, "--json")

    assert (result.exit_code, json.loads(result.stdout)["status"]) == (1, 404)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, {"message": "Forbidden"}, "The API key was refused."),
        (429, {"message": "Too Many Requests"}, "Too many requests"),
        (504, {"message": "Endpoint request timed out"}, "took too long"),
        (502, {"message": "Internal server error"}, "502: Internal server error"),
    ],
)
def test_what_the_gateway_itself_refuses_is_told_with_a_remedy(
    run: Run, stand_in: StandIn, status: int, body: dict[str, str], told: str
) -> None:
    stand_in.answers["/predict"] = (status, body)

    result = run(*ASKED)

    assert result.exit_code == 1
    assert told in result.stderr
    assert "Remedy:" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "--hour", "24", "--date", "2024-01-15"),
        ("predict", "--hour", "nine", "--date", "2024-01-15"),
        ("predict", "--date", "15.01.2024", "--hour", "9"),
        ("predict", "--date", "2024-02-30", "--hour", "9"),
        ("predict", "--date", "2024-01-15"),
        ("predict", "--hour", "9"),
        ("predict", "--colour", "red"),
        ("divine",),
    ],
)
def test_wrong_usage_is_told_at_once_with_exit_code_2(run: Run, stand_in: StandIn, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert stand_in.asked == []


def test_a_stack_that_is_not_up_is_told_with_the_command_that_starts_it(run_by_name: Run, stand_in: StandIn) -> None:
    stand_in.server.shutdown()
    stand_in.server.server_close()

    result = run_by_name(*ASKED)

    assert result.exit_code == 1
    assert f"The stack is not up at {stand_in.url}; start it: make up" in result.stderr


def test_an_endpoint_without_the_api_is_told_with_the_command_that_deploys_it(
    run_by_name: Run, stand_in: StandIn
) -> None:
    stand_in.deployed = False

    result = run_by_name(*ASKED)

    assert result.exit_code == 1
    assert "has no API candlecast-local-api with its key; deploy it: make demo, or make deploy." in result.stderr


def test_an_unknown_environment_is_told_with_the_known_ones(run: Run) -> None:
    result = run(*ASKED, "--env", "moon")

    assert result.exit_code == 1
    assert "no environment 'moon'; it has " in result.stderr


def test_a_wrong_key_is_told_with_where_it_comes_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANDLECAST_API_KEY", "wrong")

    assert "The API key was refused.\nRemedy:  Set CANDLECAST_API_KEY" in run(*ASKED).stderr


def test_help_teaches_by_example(run: Run) -> None:
    assert "candlecast predict --date 2024-01-15 --hour 9 --symbol BTC-USDT" in run("predict", "--help").stdout
    assert {"predict", "status"} <= set(run("--help").stdout.split())
