"""Two emulators a session, each with an empty account: one patched, as candlecast runs it, one with its gaps open."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localstack import emulator_environment
from tests.embedded_aws.emulator import STATE, Emulator
from tests.embedded_aws.examples import TELL


@pytest.fixture(scope="session")
def emulator_venv() -> Path:
    if not emulator_environment.is_ready(STATE):
        emulator_environment.make(STATE)
    return STATE / "emulator-venv"


@pytest.fixture(scope="session")
def make_emulator(emulator_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Emulator]]:
    """Starts emulators; each is ended with the session."""
    started: list[Emulator] = []

    def make(*flags: str) -> Emulator:
        started.append(Emulator(tmp_path_factory.mktemp("emulator"), flags))
        started[-1].start()
        return started[-1]

    yield make
    for emulator in started:
        emulator.kill()


@pytest.fixture(scope="session")
def emulator(make_emulator: Callable[..., Emulator]) -> Emulator:
    """The emulator as candlecast runs it."""
    return make_emulator("--save-seconds", "0")


@pytest.fixture(scope="session")
def plain(make_emulator: Callable[..., Emulator]) -> Emulator:
    """The emulator with the gaps of ministack open."""
    return make_emulator("--save-seconds", "0", "--plain")


@pytest.fixture(scope="session")
def function(emulator: Emulator) -> str:
    return emulator.function(TELL)


@pytest.fixture(scope="session")
def plain_function(plain: Emulator) -> str:
    return plain.function(TELL)
