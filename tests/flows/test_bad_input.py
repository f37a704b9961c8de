"""What a person or a fault may send to a function: refused by name and remedy, nothing written."""

import pytest

from localstack.demo.deployed import Deployed, StageFailed

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("function", ["ingest", "predict", "drift", "api"])
@pytest.mark.parametrize("event", [{"colour": "red"}, {"time": "yesterday"}], ids=["unknown key", "no time"])
def test_a_malformed_event_is_refused_by_name(stack: Deployed, function: str, event: dict[str, str]) -> None:
    with pytest.raises(StageFailed, match=rf"{function} failed: Bad(Event|Request): \S+"):
        stack.invoke(function, event)


@pytest.mark.parametrize("function", ["ingest", "drift"])
def test_a_symbol_that_is_not_configured_is_refused(stack: Deployed, function: str) -> None:
    with pytest.raises(StageFailed, match=r"NONE-USDT"):
        stack.invoke(function, {"time": "2025-03-01T00:01:00Z", "symbols": ["NONE-USDT"]})


def test_retraining_of_an_unknown_symbol_ends_with_its_cause_and_no_champion(stack: Deployed) -> None:
    execution = stack.start_retraining({"symbol": "NONE-USDT", "as_of": "2025-03-01T00:00:00Z"})
    with pytest.raises(StageFailed, match=r"retraining ended FAILED.*NONE-USDT"):
        stack.follow(execution, lambda _: None)
    assert stack.registry.champion("NONE-USDT") is None
