"""A layer that cannot work alone is found, and one that does is not run twice."""

import sys
import zipfile
from pathlib import Path

import pytest

from layers import prove
from layers.failure import BuildFailed
from layers.prove import Proof
from layers.recipes import FUNCTIONS, LAYERS


def zipped(path: Path, **modules: str) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in modules.items():
            opened.writestr(f"python/{name}.py", text)
    return path


def proof(program: str, *archives: Path) -> Proof:
    return Proof("layer under test", program, archives, (("archives", repr(archives).encode()),))


def test_only_the_layer_the_standard_library_and_the_runtime_are_there(tmp_path: Path) -> None:
    layer = zipped(tmp_path / "layer.zip", ours="import boto3, json")
    assert prove.run(proof("import ours", layer), tmp_path / "store")
    for absent in ("pandas", "candlecast", "pytest"):
        with pytest.raises(BuildFailed, match=f"No module named '{absent}'"):
            prove.run(proof(f"import {absent}", layer), tmp_path / "store")


def test_what_was_proved_is_not_run_again(tmp_path: Path) -> None:
    layer = zipped(tmp_path / "layer.zip", ours="")
    assert prove.run(proof("import ours", layer), tmp_path / "store")
    assert not prove.run(proof("import ours", layer), tmp_path / "store")
    assert prove.run(proof("import ours, sys", layer), tmp_path / "store")


def test_what_failed_is_run_again(tmp_path: Path) -> None:
    layer = zipped(tmp_path / "layer.zip", ours="raise ImportError('pruned too far')")
    for _ in range(2):
        with pytest.raises(
            BuildFailed, match=r"The layer under test does not work with its layers alone.*\n(.*\n)*.*pruned"
        ):
            prove.run(proof("import ours", layer), tmp_path / "store")


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's search path is Linux's")
def test_a_layers_own_libraries_are_found_first(tmp_path: Path) -> None:
    layer = zipped(tmp_path / "layer.zip", ours="")
    program = "import os; assert os.environ['LD_LIBRARY_PATH'].endswith('/unpacked/layer/lib'), os.environ"
    assert prove.run(proof(program, layer), tmp_path / "store")


def test_there_is_a_proof_for_every_layer() -> None:
    scripts = {path.stem for path in (Path(prove.__file__).parent / "proofs").glob("[a-z]*.py")}
    assert scripts == set(LAYERS) == set(prove.LAYERED_OVER)
    assert set(FUNCTIONS) == {"ingest", "predict", "drift", "api"}
