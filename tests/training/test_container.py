"""The container's recipe, read as text: there is no Docker here to build it with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.training.conftest import ROOT

Steps = list[tuple[str, str]]


@pytest.fixture
def steps() -> Steps:
    """The instructions of the Dockerfile with what follows them."""
    lines = (ROOT / "training/Dockerfile").read_text().replace("\\\n", " ").splitlines()
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in kept)]


def given(steps: Steps, word: str) -> list[str]:
    return [rest for name, rest in steps if name == word]


def test_everything_that_is_copied_exists(steps: Steps) -> None:
    for copied in given(steps, "COPY"):
        *sources, _ = shlex.split(copied)
        for source in sources:
            assert list(ROOT.glob(source)), source


def test_every_module_the_program_imports_is_copied(steps: Steps) -> None:
    sources = [source for copied in given(steps, "COPY") for source in shlex.split(copied)[:-1]]
    assert {"layers/core/python/candlecast", "training/*.py", "settings.yaml"} <= set(sources)
    own = re.compile(r"^(?:from|import) (lambdas|localstack|infra|layers|tests)\b", re.MULTILINE)
    for file in Path(ROOT, "training").glob("*.py"):
        assert not own.search(file.read_text()), file.name


def test_it_runs_the_training_program_as_a_user_without_rights(steps: Steps) -> None:
    assert given(steps, "ENTRYPOINT") == ['["python", "-m", "training.train"]']
    assert given(steps, "USER") == ["trainer"]
    names = [name for name, _ in steps]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")


def test_the_base_image_is_pinned_and_packages_are_hashed(steps: Steps) -> None:
    assert given(steps, "FROM") == ["python:3.12-slim"]
    installs = [run for run in given(steps, "RUN") if "pip install" in run]
    assert installs
    assert all("--require-hashes" in run for run in installs)
    pinned = (ROOT / "training/requirements.txt").read_text()
    for package in ("lightgbm", "mlflow", "pandas", "pyarrow", "matplotlib", "boto3", "pydantic", "pyyaml"):
        assert re.search(rf"^{package}==[\d.]+.*\n\s+--hash=sha256:", pinned, re.MULTILINE), package


def test_openmp_is_there_for_lightgbm(steps: Steps) -> None:
    assert any("libgomp1" in run for run in given(steps, "RUN"))
