"""What the container takes in and how it ends, without AWS: the program's main() in folders of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from candlecast.errors import BadRequest
from tests.training.conftest import Outcome, feature_rows, job, lay_out, outcome, store
from training import train
from training.contract import Folders, Job, Terminated, Termination

Main = Callable[..., Outcome]


@pytest.fixture
def sigterm() -> Iterator[None]:
    """Gives SIGTERM its handler back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def main(
    sigterm: None,
    short_settings: Path,
    channel: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Main:
    """Runs main(). Nothing listens at its AWS endpoint: a job that fails must fail before it registers anything."""

    def run(channel: Path = channel, **changes: str) -> Outcome:
        variables = lay_out(tmp_path / "ml", job(**changes), channel)
        surroundings = {
            **variables,
            "CANDLECAST_SETTINGS": str(short_settings),
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        for name, value in surroundings.items():
            monkeypatch.setenv(name, value)
        code = train.main()
        return outcome(code, "".join(capsys.readouterr()), variables)

    return run


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"symbol": "bitcoin"}, "symbol: String should match pattern"),
        ({"timeframe": "5m"}, "timeframe: Input should be '1h', not '5m'"),
        ({"as_of": "2025-04-10T00:00:00"}, "as_of: Input should have timezone info"),
        ({"as_of": "yesterday"}, "as_of: Input should be a valid datetime"),
        ({"bucket": "s3://bucket"}, "bucket: String should match pattern"),
        ({"learning_rate": "0.1"}, "learning_rate: Extra inputs are not permitted"),
        ({"environment": "moon"}, "settings.yaml has no environment 'moon'"),
    ],
)
def test_a_wrong_hyperparameter_fails_by_its_name(main: Main, changes: dict[str, str], told: str) -> None:
    failed = main(**changes)
    assert failed.code == 1
    assert told in (failed.failure or "")
    assert "\n" not in (failed.failure or "")
    assert "Traceback" not in failed.output


def test_missing_hyperparameters_are_all_named(tmp_path: Path) -> None:
    lay_out(tmp_path, {"symbol": "BTC-USDT"}, tmp_path)
    folders = Folders.named_by({"SM_INPUT_CONFIG_DIR": str(tmp_path / "input/config")})
    with pytest.raises(BadRequest, match=r"timeframe: Field required; as_of: Field required; bucket.*; environment"):
        Job.read(folders)


def test_without_a_hyperparameter_file_the_message_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="start the program as a training job"):
        Job.read(Folders.named_by({"SM_INPUT_CONFIG_DIR": str(tmp_path)}))


def test_as_of_is_taken_in_any_zone(tmp_path: Path) -> None:
    variables = lay_out(tmp_path, job(as_of="2025-04-10T02:00:00+02:00"), tmp_path)
    assert Job.read(Folders.named_by(variables)).as_of == datetime(2025, 4, 10, tzinfo=UTC)


def test_without_variables_the_folders_are_sagemakers_own() -> None:
    assert Folders.named_by({}) == Folders(
        config=Path("/opt/ml/input/config"),
        features=Path("/opt/ml/input/data/features"),
        model=Path("/opt/ml/model"),
        output=Path("/opt/ml/output"),
    )


def test_an_empty_channel_fails_with_the_remedy(main: Main, tmp_path: Path) -> None:
    failed = main(channel=tmp_path)
    assert failed.code == 1
    assert "backfill its history first" in (failed.failure or "")


def test_a_short_history_fails_with_what_is_needed(main: Main) -> None:
    failed = main(as_of="2025-02-01T00:00:00Z")
    assert failed.code == 1
    assert "only 743 hours are stored; backfill a longer history" in (failed.failure or "")
    assert "training needs 1408" in (failed.failure or "")


def test_features_that_are_all_null_fail_by_name(main: Main, rows: pd.DataFrame, tmp_path: Path) -> None:
    failed = main(channel=store(rows.assign(momentum_24=np.nan), tmp_path / "features"))
    assert failed.code == 1
    assert "momentum_24 is null in" in (failed.failure or "")


def test_features_of_another_version_fail_by_name(main: Main, rows: pd.DataFrame, tmp_path: Path) -> None:
    failed = main(channel=store(rows.drop(columns=["momentum_24"]), tmp_path / "features"))
    assert failed.code == 1
    assert "lacks momentum_24; its features are of another version" in (failed.failure or "")


def test_a_price_that_never_moves_fails_as_such(main: Main, constant: pd.DataFrame, tmp_path: Path) -> None:
    failed = main(channel=store(constant, tmp_path / "features"))
    assert failed.code == 1
    assert "its price never moved from 100" in (failed.failure or "")


def test_an_aws_that_does_not_answer_fails_in_one_line(main: Main) -> None:
    failed = main()
    assert failed.code == 1
    assert (failed.failure or "").startswith("AWS: ")
    assert "Traceback" not in failed.output


def test_a_long_reason_is_cut_to_what_sagemaker_shows(tmp_path: Path) -> None:
    Folders.named_by({"SM_OUTPUT_DIR": str(tmp_path)}).fail("line\n" * 1000)
    written = (tmp_path / "failure").read_text()
    assert len(written) == 1024
    assert "\n" not in written


def test_sigterm_waits_while_results_are_published(sigterm: None) -> None:
    termination, done = Termination(), []

    def publish() -> None:
        with termination.deferred():
            signal.raise_signal(signal.SIGTERM)
            done.append("published")

    with pytest.raises(Terminated):
        publish()
    assert done == ["published"]


def test_sigterm_is_heeded_at_once_otherwise(sigterm: None) -> None:
    Termination()
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def constant() -> pd.DataFrame:
    """The stored features of 110 days in which nothing happened."""
    times = pd.date_range("2025-01-01T00:00Z", periods=110 * 24, freq=timedelta(hours=1), unit="us")
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    return feature_rows(pd.DataFrame({"open_time": times, **prices, "volume": 1.0}))
