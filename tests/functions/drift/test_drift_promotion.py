"""After a training, and by hand: which version serves from now on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from candlecast.errors import BadBundle, BadEvent, NotFound
from lambdas.drift import handler
from lambdas.drift.promotion import decide, promote_named
from tests.functions.drift.scene import NOW, SYMBOL, Context, World

JOB = {
    "TrainingJobName": "candlecast-test-1b4e28ba",
    "TrainingJobStatus": "Completed",
    "FinalMetricDataList": [{"MetricName": "skill", "Value": 0.008}, {"MetricName": "version", "Value": 8.0}],
}


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the handler as the state machine does."""
    monkeypatch.setattr(handler, "platform", lambda: world.platform)
    return lambda event: handler.handler(event, Context())


def test_the_first_good_version_becomes_champion_and_the_bus_is_told(world: World) -> None:
    world.train("1")

    decision = decide(SYMBOL, "1", "started by hand", NOW, world.platform)

    assert (decision.promoted, world.serving()) == (True, "1")
    assert decision.message == (
        "BTC-USDT: version 1 serves from now on (before: the baseline). Its error was 0.99 times the champion's. "
        "Training was started because: started by hand."
    )
    ((kind, detail),) = world.bus.told()
    assert (kind, detail["version"], detail["previous_version"]) == ("ChampionPromoted", "1", None)


def test_a_worse_challenger_is_kept_back_and_the_champion_serves_on(world: World) -> None:
    world.train("1")
    decide(SYMBOL, "1", "started by hand", NOW, world.platform)
    world.train("2", promote=False, compared_with="1")

    decision = decide(SYMBOL, "2", "calendar", NOW, world.platform)

    assert (decision.promoted, decision.version, world.serving()) == (False, "2", "1")
    assert "version 1 serves on. Its error was 1.20 times" in decision.message
    assert len(world.bus.told()) == 1


def test_a_challenger_compared_with_a_former_champion_is_kept_back(world: World) -> None:
    for version in ("1", "2"):
        world.train(version, compared_with=world.serving())
        decide(SYMBOL, version, "started by hand", NOW, world.platform)
    world.train("3", compared_with="1")

    decision = decide(SYMBOL, "3", "drift", NOW, world.platform)

    assert (decision.promoted, world.serving()) == (False, "2")
    assert decision.reason == (
        "It was compared with version 1, but version 2 serves by now; train again to have it compared."
    )


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=5)], ids=["a retry", "the same question again"])
def test_a_repeated_decision_changes_nothing(world: World, later: timedelta) -> None:
    world.train("1")
    first = decide(SYMBOL, "1", "started by hand", NOW, world.platform)
    before = world.registry.champion(SYMBOL)

    assert decide(SYMBOL, "1", "started by hand", NOW + later, world.platform) == first

    assert world.registry.champion(SYMBOL) == before
    assert len(world.registry.history(SYMBOL)) == 1


def test_a_bundle_that_was_tampered_with_does_not_serve(world: World) -> None:
    verdict = world.train("1")
    world.s3.put_object(Bucket=world.bucket, Key=verdict.bundle_key, Body=b"another")

    with pytest.raises(BadBundle, match="is not the bundle that was registered"):
        decide(SYMBOL, "1", "started by hand", NOW, world.platform)

    assert world.serving() is None


def test_a_rollback_promotes_the_named_version_whatever_its_verdict(world: World) -> None:
    world.train("1", promote=False)
    world.train("2")
    decide(SYMBOL, "2", "started by hand", NOW, world.platform)

    decision = promote_named(SYMBOL, "1", "it errs less at night", NOW + timedelta(hours=1), world.platform)

    champion = world.registry.champion(SYMBOL)
    assert champion is not None
    assert (decision.promoted, champion.version, champion.previous_version) == (True, "1", "2")
    assert champion.reason == "Named by a person: it errs less at night"
    assert [each.version for each in world.registry.history(SYMBOL)] == ["2", "1"]


def test_a_rollback_to_what_serves_already_changes_nothing(world: World) -> None:
    world.train("1")
    decide(SYMBOL, "1", "started by hand", NOW, world.platform)

    decision = promote_named(SYMBOL, "1", "sure is sure", NOW + timedelta(hours=1), world.platform)

    assert (decision.promoted, decision.reason) == (False, "Version 1 serves already, since 2024-03-20T00:15:00Z.")
    assert len(world.bus.told()) == 1


def test_a_retried_rollback_is_one_promotion(world: World) -> None:
    for version in ("1", "2"):
        world.train(version, compared_with=world.serving())
        decide(SYMBOL, version, "started by hand", NOW, world.platform)
    later = NOW + timedelta(hours=1)

    first = promote_named(SYMBOL, "1", "rollback", later, world.platform)

    assert promote_named(SYMBOL, "1", "rollback", later, world.platform) == first
    assert len(world.registry.history(SYMBOL)) == 2 + 1 - 1  # the first two were promoted in the same second


def test_an_unknown_version_is_refused_and_the_known_ones_are_named(world: World) -> None:
    world.train("4")
    world.train("12")

    with pytest.raises(NotFound, match=r"no model version 7 with a verdict; it has: 4, 12\."):
        promote_named(SYMBOL, "7", "rollback", NOW, world.platform)


def test_the_state_machine_is_answered_after_a_training_job(world: World, invoke: Any) -> None:
    world.train("8")
    payload = {"action": "decide", "symbol": SYMBOL, "job": JOB, "reason": "calendar", "time": "2024-03-20T00:15:00Z"}

    assert invoke(payload) == {
        "symbol": SYMBOL,
        "promoted": True,
        "version": "8",
        "reason": "Its error was 0.99 times the champion's.",
        "message": "BTC-USDT: version 8 serves from now on (before: the baseline). Its error was 0.99 times the "
        "champion's. Training was started because: calendar.",
    }


@pytest.mark.parametrize("version", ["8", 8])
def test_the_state_machine_is_answered_after_a_choice_by_name(world: World, invoke: Any, version: Any) -> None:
    world.train("8")

    answer = invoke({"action": "promote", "symbol": SYMBOL, "version": version, "time": "2024-03-20T00:15:00.250Z"})

    assert (answer["promoted"], answer["version"]) == (True, "8")


@pytest.mark.parametrize(
    "metrics",
    [None, [], [{"MetricName": "skill", "Value": 0.1}], [{"MetricName": "version", "Value": 7.5}]],
    ids=["none", "empty", "another", "a fraction"],
)
def test_a_training_job_that_told_no_version_is_refused(world: World, invoke: Any, metrics: Any) -> None:
    job = {"TrainingJobName": "x"} | ({} if metrics is None else {"FinalMetricDataList": metrics})

    with pytest.raises(BadEvent, match="reported no metric `version`"):
        invoke({"action": "decide", "symbol": SYMBOL, "job": job, "time": "2024-03-20T00:15:00Z"})
