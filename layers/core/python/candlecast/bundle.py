"""The model bundle: model.tar.gz with manifest.json, calibration.json and the parts of the point forecast's family.

Equal models make equal bytes. Nothing in it can run: no pickle, members are read by name and never unpacked to disk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from candlecast import families
from candlecast.errors import BadBundle
from candlecast.features import FEATURES
from candlecast.intervals import Intervals
from candlecast.model import SCHEMA_VERSION, Model

MANIFEST, CALIBRATION = "manifest.json", "calibration.json"
LARGEST = 64 * 2**20
"""Bytes, unpacked: hundreds of times what a model takes, and far below a function's memory."""
_REMEDY = "train a new version, or roll back to another one"


def to_bundle(model: Model, extra: Mapping[str, Any]) -> bytes:
    """The bundle of *model*; *extra* goes into its manifest: version, data_fingerprint, metrics and the like (JSON)."""
    parts = {**model.point.parts(), CALIBRATION: _json(model.intervals.record())}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}
    manifest = _json({**model.manifest, **extra, "sha256": hashes})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in ((MANIFEST, manifest), *parts.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def from_bundle(content: bytes, sha256: str | None) -> Model:
    """The model in a bundle. *sha256*: what the bytes must hash to (hex); None trusts them, as a training job may.

    Raises BadBundle when the hash, a part, the schema or the features differ from what this code expects.
    """
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise BadBundle(f"the model bundle's sha256 is {found}, not {sha256} as registered; {_REMEDY}.")
    parts = _parts(content)
    manifest = _object(parts[MANIFEST], MANIFEST)
    _check(manifest, parts)
    try:
        intervals = Intervals.from_record(_object(parts[CALIBRATION], CALIBRATION))
        own = {name: part for name, part in parts.items() if name not in (MANIFEST, CALIBRATION)}
        point = families.read(manifest["family"], own)
    except (KeyError, TypeError, ValueError) as error:
        raise BadBundle(f"the model bundle cannot be read ({error}); {_REMEDY}.") from None
    return Model(point, intervals, manifest)


def _parts(content: bytes) -> dict[str, bytes]:
    try:
        unpacking = zlib.decompressobj(wbits=31)
        unpacked = unpacking.decompress(content, LARGEST)
        if not unpacking.eof:
            raise BadBundle(f"the model bundle is cut off or unpacks to more than {LARGEST} bytes; {_REMEDY}.")
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            files = {member.name: archive.extractfile(member) for member in archive.getmembers() if member.isreg()}
            if not {MANIFEST, CALIBRATION} < set(files):
                raise BadBundle(f"a model bundle holds {MANIFEST}, {CALIBRATION} and a model; {_REMEDY}.")
            return {name: file.read() for name, file in files.items() if file}
    except (zlib.error, tarfile.TarError) as error:
        raise BadBundle(f"the model bundle is no tar.gz ({error}); {_REMEDY}.") from None


def _check(manifest: dict[str, Any], parts: Mapping[str, bytes]) -> None:
    schema = manifest.get("schema_version")
    if schema != SCHEMA_VERSION:
        raise BadBundle(f"the model bundle has schema {schema!r}, this code reads {SCHEMA_VERSION}; {_REMEDY}.")
    hashes = manifest.get("sha256", {})
    for name in sorted({*parts, *hashes} - {MANIFEST}):
        if name not in parts or hashes.get(name) != hashlib.sha256(parts[name]).hexdigest():
            raise BadBundle(f"{name} is not the one that the model bundle's manifest names; {_REMEDY}.")
    declared = [{"name": feature.name, "warm_up": feature.warm_up} for feature in FEATURES]
    if manifest.get("features") != declared:
        raise BadBundle(f"the model was trained on other features than this code computes; {_REMEDY}.")
    if not {"shrinkage", "coverage", "family"} <= manifest.keys():
        raise BadBundle(f"the model bundle's manifest lacks its shrinkage, coverage or family; {_REMEDY}.")


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode()


def _object(content: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError as error:
        raise BadBundle(f"{name} of the model bundle is no JSON ({error}); {_REMEDY}.") from None
    if not isinstance(value, dict):
        raise BadBundle(f"{name} of the model bundle is no JSON object; {_REMEDY}.")
    return value
