from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from candlecast.promotion import Champion, TrainingVerdict

VERDICT = TrainingVerdict(
    symbol="BTC-USDT",
    version="7",
    bundle_key="models/symbol=BTC-USDT/version=7/model.tar.gz",
    sha256="ab" * 32,
    promote=True,
    reason="Promoted: better.",
    compared_with="6",
    figures={"skill": 0.011, "hours": 720},
)


def test_a_verdict_becomes_the_champion_it_speaks_of() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    champion = VERDICT.champion(at)
    assert champion == Champion(
        version="7",
        uri=VERDICT.bundle_key,
        sha256=VERDICT.sha256,
        promoted_at=at,
        reason="Promoted: better.",
        previous_version="6",
    )
    assert VERDICT.champion(at, "rolled back by hand").reason == "rolled back by hand"


def test_both_survive_json() -> None:
    champion = VERDICT.champion(datetime(2026, 11, 20, tzinfo=UTC))
    assert Champion.model_validate_json(champion.model_dump_json()) == champion
    assert TrainingVerdict.model_validate_json(VERDICT.model_dump_json()) == VERDICT


@pytest.mark.parametrize("wrong", [{"version": "../7"}, {"sha256": "abc"}])
def test_a_version_or_hash_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TrainingVerdict.model_validate(VERDICT.model_dump() | wrong)
