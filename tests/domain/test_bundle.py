import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable

import pandas as pd
import pytest

from candlecast import bundle, model
from candlecast.errors import BadBundle
from candlecast.model import Model

EXTRA = {"version": "7", "data_sha256": "ab" * 32, "metrics": {"skill": 0.011}}


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> Model:
    return model.fit(rows.head(2500), coverage=0.8, shrinkage=0.5)


@pytest.fixture(scope="module")
def packed(fitted: Model) -> bytes:
    return bundle.to_bundle(fitted, EXTRA)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def unpack(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        files = {name: archive.extractfile(name) for name in archive.getnames()}
        return {name: file.read() for name, file in files.items() if file}


def pack(parts: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(archive.getvalue())


def test_a_loaded_model_forecasts_what_the_fitted_one_does(fitted: Model, packed: bytes, rows: pd.DataFrame) -> None:
    loaded = bundle.from_bundle(packed, sha256(packed))
    pd.testing.assert_frame_equal(loaded.forecast(rows.tail(99)), fitted.forecast(rows.tail(99)), check_exact=True)
    assert loaded.version == "7"
    assert loaded.manifest["metrics"] == {"skill": 0.011}
    assert loaded.manifest["data_sha256"] == "ab" * 32


def test_equal_models_make_equal_bytes(rows: pd.DataFrame, packed: bytes) -> None:
    again = model.fit(rows.head(2500), coverage=0.8, shrinkage=0.5, threads=2)
    assert bundle.to_bundle(again, EXTRA) == packed
    assert bundle.to_bundle(bundle.from_bundle(packed, None), {}) == packed


def test_the_manifest_names_its_parts_and_their_hashes(packed: bytes) -> None:
    parts = unpack(packed)
    assert set(parts) == {"manifest.json", "model.txt", "calibration.json"}
    assert json.loads(parts["manifest.json"])["sha256"] == {
        name: sha256(parts[name]) for name in ("model.txt", "calibration.json")
    }


def test_other_bytes_than_the_registered_ones_are_refused(packed: bytes) -> None:
    with pytest.raises(BadBundle, match=r"sha256 is \w+, not 00.* as registered; train a new version, or roll back"):
        bundle.from_bundle(packed, "00" * 32)


def changed_manifest(**changes: object) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(parts: dict[str, bytes]) -> dict[str, bytes]:
        return {**parts, "manifest.json": json.dumps(json.loads(parts["manifest.json"]) | changes).encode()}

    return change


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda parts: parts | {"model.txt": parts["model.txt"] + b"\n"}, "model.txt is not the one"),
        (lambda parts: parts | {"calibration.json": b"{}"}, "calibration.json is not the one"),
        (
            lambda parts: {name: parts[name] for name in ("manifest.json", "model.txt")},
            "holds manifest.json, calibration.json and the model",
        ),
        (
            lambda parts: {name: parts[name] for name in parts if name != "model.txt"},
            "the model's parts, this one calibration.json, manifest.json",
        ),
        (lambda parts: parts | {"../../etc/cron.d/evil": b"x"}, "the model's parts, not '../../etc/cron.d/evil'"),
        (lambda parts: parts | {"model.pkl": b"x"}, "the model's parts, not 'model.pkl'"),
        (lambda parts: parts | {"manifest.json": b"not json"}, "manifest.json of the model bundle is no JSON"),
        (lambda parts: parts | {"manifest.json": b"[]"}, "manifest.json of the model bundle is no JSON object"),
        (changed_manifest(schema_version=99), "has schema 99, this code reads 2"),
        (changed_manifest(features=[{"name": "rsi", "warm_up": 14}]), "trained on other features"),
        (changed_manifest(sha256={}), "not hold the parts that its manifest names"),
        (changed_manifest(sha256=None), "not hold the parts that its manifest names"),
        (changed_manifest(shrinkage=None, coverage="0.8"), "manifest lacks shrinkage and coverage"),
        (lambda parts: parts | {"more.txt": b"x"}, "not hold the parts that its manifest names"),
        (lambda parts: parts | {"model.txt": b"\0" * (bundle.LARGEST + 1)}, "unpacks to more than"),
    ],
)
def test_a_tampered_bundle_is_refused_with_the_remedy(
    packed: bytes, tamper: Callable[[dict[str, bytes]], dict[str, bytes]], message: str
) -> None:
    with pytest.raises(BadBundle, match=f"{message}.*; train a new version, or roll back to another one"):
        bundle.from_bundle(pack(tamper(unpack(packed))), None)


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no archive")], ids=["empty", "text", "gzip"])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    with pytest.raises(BadBundle, match="roll back"):
        bundle.from_bundle(content, None)


def test_a_cut_off_bundle_is_refused(packed: bytes) -> None:
    with pytest.raises(BadBundle, match="cut off"):
        bundle.from_bundle(packed[:-100], None)


def consistent(parts: dict[str, bytes], name: str, content: bytes) -> dict[str, bytes]:
    """A forged part whose hash the manifest does name."""
    manifest = json.loads(parts["manifest.json"])
    manifest["sha256"][name] = sha256(content)
    return parts | {name: content, "manifest.json": json.dumps(manifest).encode()}


@pytest.mark.parametrize(("name", "content"), [("calibration.json", b'{"scale": 3}'), ("model.txt", b"tree\n")])
def test_a_part_that_does_not_parse_is_refused(packed: bytes, name: str, content: bytes) -> None:
    with pytest.raises(BadBundle, match="cannot be read"):
        bundle.from_bundle(pack(consistent(unpack(packed), name, content)), None)


def bundle_of_schema_1() -> bytes:
    """As the first candlecast wrote them: a scale without levels, and quantiles that stayed as fitted."""
    parts = {
        "model.txt": b"tree\nversion=v4\nnum_class=1\n",
        "calibration.json": json.dumps(
            {
                "lower": -1.71,
                "scale": {"coefficients": [0.1] * 47, "highest": 1.2, "lowest": -1.4},
                "sizes": [0.01 * place for place in range(101)],
                "upper": 1.68,
            }
        ).encode(),
    }
    manifest = {
        "coverage": 0.8,
        "data_sha256": "ab" * 32,
        "features": [{"name": "scaled_return_0", "warm_up": 513}],
        "libraries": {"lightgbm": "4.6.0", "numpy": "2.2.6", "pandas": "2.3.3", "python": "3.12.11"},
        "metrics": {"skill": 0.011},
        "parameters": {"objective": "regression_l1"},
        "schema_version": 1,
        "sha256": {name: sha256(content) for name, content in parts.items()},
        "shrinkage": 0.5,
        "symbol": "BTC-USDT",
        "training": {"end": "2026-10-01T00:00:00Z", "hours": 26000, "start": "2023-10-01T00:00:00Z"},
        "version": "3",
    }
    return pack({"manifest.json": json.dumps(manifest).encode(), **parts})


def test_a_bundle_of_schema_1_is_told_from_a_damaged_one_and_says_what_to_do() -> None:
    with pytest.raises(
        BadBundle, match=r"schema 1, of an earlier candlecast.*the baseline serves: train a new version"
    ):
        bundle.from_bundle(bundle_of_schema_1(), None)


def test_the_manifest_tells_what_the_model_is_and_comes_from(packed: bytes) -> None:
    manifest = json.loads(unpack(packed)["manifest.json"])
    assert manifest["schema_version"] == 2
    assert manifest["features"][8] == {"name": "momentum_6", "measure": "momentum", "hours": 6, "warm_up": 513}
    assert {"start", "end", "hours"} == manifest["training"].keys()
    assert {"python", "numpy", "pandas", "lightgbm"} <= manifest["libraries"].keys()
    assert re.fullmatch("[0-9a-f]{64}", manifest["code_sha256"])
    assert manifest["calibration"] == {"hours": 2160, "rate": 0.01}
    assert {"data_sha256", "metrics", "version", "family", "parameters", "coverage", "shrinkage"} <= manifest.keys()
