"""The model bundle: model.tar.gz with manifest.json, calibration.json and the parts of the point forecast's family.

Equal models make equal bytes. Nothing in it can run: texts and JSON, no pickle, read by name and never unpacked to
disk. The manifest names every other part with its sha256.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from candlecast import families
from candlecast.errors import BadBundle
from candlecast.intervals import Intervals
from candlecast.model import SCHEMA_VERSION, Model, declarations

MANIFEST, CALIBRATION = "manifest.json", "calibration.json"
LARGEST = 64 * 2**20
"""Bytes, unpacked: hundreds of times what a model takes, and far below a function's memory."""
_REMEDY = "train a new version, or roll back to another one"
_PART = re.compile(r"([a-z_]+/)?[a-z_]+\.(json|txt)")
_EARLIER = {1}
_NEEDED: Mapping[str, type | tuple[type, ...]] = {
    "shrinkage": (int, float),
    "coverage": (int, float),
    "training": dict,
    "family": str,
}
"""What serving takes from the manifest."""


def to_bundle(model: Model, extra: Mapping[str, Any]) -> bytes:
    """The bundle of *model*; *extra* goes into its manifest: version, data_sha256, metrics and the like (JSON)."""
    parts = {CALIBRATION: _json(model.intervals.record()), **dict(sorted(model.point.parts().items()))}
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
    manifest = _object(parts.pop(MANIFEST), MANIFEST)
    _check(manifest, parts)
    try:
        intervals = Intervals.from_record(_object(parts.pop(CALIBRATION), CALIBRATION))
        point = families.read(manifest["family"], parts)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
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
            parts = {name: file.read() for name, file in files.items() if file}
    except (zlib.error, tarfile.TarError) as error:
        raise BadBundle(f"the model bundle is no tar.gz ({error}); {_REMEDY}.") from None
    strange = sorted(name for name in parts if not _PART.fullmatch(name))
    if strange or not {MANIFEST, CALIBRATION} < parts.keys():
        named = f"not {strange[0]!r}" if strange else f"this one {', '.join(sorted(parts)) or 'nothing'}"
        raise BadBundle(f"a model bundle holds {MANIFEST}, {CALIBRATION} and the model's parts, {named}; {_REMEDY}.")
    return parts


def _check(manifest: dict[str, Any], parts: Mapping[str, bytes]) -> None:
    schema = manifest.get("schema_version")
    if schema in _EARLIER:
        raise BadBundle(
            f"the model bundle has schema {schema}, of an earlier candlecast, and its interval cannot be carried on;"
            f" until then the baseline serves: {_REMEDY} of schema {SCHEMA_VERSION}."
        )
    if schema != SCHEMA_VERSION:
        raise BadBundle(f"the model bundle has schema {schema!r}, this code reads {SCHEMA_VERSION}; {_REMEDY}.")
    named = manifest.get("sha256")
    if not isinstance(named, dict) or named.keys() != parts.keys():
        raise BadBundle(f"the model bundle does not hold the parts that its manifest names; {_REMEDY}.")
    for name, part in parts.items():
        if named[name] != hashlib.sha256(part).hexdigest():
            raise BadBundle(f"{name} is not the one that the model bundle's manifest names; {_REMEDY}.")
    if manifest.get("features") != declarations():
        raise BadBundle(f"the model was trained on other features than this code computes; {_REMEDY}.")
    lacking = [name for name, kind in _NEEDED.items() if not isinstance(manifest.get(name), kind)]
    if lacking:
        raise BadBundle(f"the model bundle's manifest lacks {' and '.join(lacking)}; {_REMEDY}.")


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
