"""settings.yaml: one environment is the defaults with its own keys laid over; what is wrong is named."""

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from candlecast import settings
from candlecast.errors import BadSettings


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(settings.read(Path(__file__).parents[2] / "settings.yaml"))


@pytest.mark.parametrize("environment", ["local", "localstack", "dev", "prod"])
def test_every_environment_of_the_shipped_file_is_valid(document: dict[str, Any], environment: str) -> None:
    assert settings.resolve(document, environment).environment == environment


def test_an_environment_overlays_sections_key_by_key(document: dict[str, Any]) -> None:
    document["environments"]["prod"] = {"drift": {"mode": "all"}}
    prod = settings.resolve(document, "prod").drift
    assert prod.mode == "all"
    assert prod.window_hours == document["defaults"]["drift"]["window_hours"]


def test_parts_are_named_by_prefix_and_environment(document: dict[str, Any]) -> None:
    assert settings.resolve(document, "prod").name("ingest") == "candlecast-prod-ingest"


def test_settings_cannot_be_changed(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings.resolve(document, "dev").region = "us-east-1"


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("drift", "treshold", 1, "drift.treshold: unknown key; remove it or mend its spelling"),
        ("drift", "mode", "sometimes", "drift.mode: Input should be 'absolute'"),
        ("drift", "window_hours", "a week", "drift.window_hours: Input should be a valid integer"),
        ("exchange", "order", [], "exchange.order"),
        ("exchange", "order", ["binance", "binance"], "names one of its values twice"),
        ("exchange", "order", ["mtgox"], "exchange.order.0"),
        ("exchange", "endpoints", {"binance": "ftp://x"}, "exchange.endpoints.binance"),
        ("forecast", "coverage", 1.5, "forecast.coverage"),
        ("training", "family", "prophet", "training.family: Input should be 'lightgbm', 'xgboost'"),
        ("training", "search_trials", 10_000, "training.search_trials"),
        ("schedules", "ingest", "every hour", "schedules.ingest"),
    ],
)
def test_a_wrong_key_is_named_with_its_remedy(
    document: dict[str, Any], section: str, key: str, value: object, message: str
) -> None:
    document["defaults"][section][key] = value
    with pytest.raises(BadSettings) as error:
        settings.resolve(document, "dev")
    assert message in str(error.value)


@pytest.mark.parametrize("symbols", [["BTC/USDT"], ["btc-usdt"], [], ["BTC-USDT", "BTC-USDT"]])
def test_symbols_are_spelled_with_a_dash_and_once(document: dict[str, Any], symbols: list[str]) -> None:
    document["defaults"]["symbols"] = symbols
    with pytest.raises(BadSettings, match="symbols"):
        settings.resolve(document, "dev")


def test_a_missing_key_is_named(document: dict[str, Any]) -> None:
    del document["defaults"]["history_days"]
    with pytest.raises(BadSettings, match="history_days: missing; add it under defaults"):
        settings.resolve(document, "dev")


def test_an_unknown_environment_is_refused_with_the_known_ones(document: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=r"no environment 'staging'; it has local, localstack, dev, prod"):
        settings.resolve(document, "staging")


def test_a_missing_file_names_the_variable_that_points_to_it(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="CANDLECAST_SETTINGS"):
        settings.read(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(BadSettings, match=str(file)):
        settings.read(file)
