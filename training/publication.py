"""From a finished training run to a registered version: MLflow, the bucket and the container's model folder.

Everything is prepared on a private copy of the registry; giving that copy back is the one step that makes the version
real, and the few puts after it are shielded from SIGTERM. The verdict is put last: a version without one is never
promoted, so a crash in between leaves nothing that could be taken for a champion.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from candlecast import hours
from candlecast.bundle import to_bundle
from candlecast.errors import Stop
from candlecast.features import NAMES
from candlecast.model import Model
from candlecast.promotion import TrainingVerdict
from candlecast.registry import Registry
from candlecast.settings import Settings
from training import report, tracking
from training.bucket_registry import KEY, BucketRegistry
from training.record import Record
from training.tracking import TrackingServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RunStore = BucketRegistry | TrackingServer
"""Where MLflow keeps runs and versions."""


@dataclass(frozen=True, slots=True)
class Release:
    """What a registered version consists of."""

    verdict: TrainingVerdict
    bundle: bytes
    page: bytes
    """The report, HTML."""
    scores: bytes
    """The report's figures, JSON."""

    @classmethod
    def of(cls, record: Record, model: Model, images: Mapping[str, bytes], version: str) -> Release:
        """The release of *model*, fitted on everything, as *version*. *images*: plots for the report, PNG."""
        symbol, judgement = record.job.symbol, record.contest.judgement
        particulars = {
            "version": version,
            "symbol": symbol,
            "as_of": hours.text(record.job.as_of),
            "data_sha256": record.dataset.fingerprint,
            "search": record.search.record() if record.search else None,
        }
        bundle = to_bundle(model, {**particulars, "metrics": record.figures})
        verdict = TrainingVerdict(
            symbol=symbol,
            version=version,
            bundle_key=f"models/symbol={symbol}/version={version}/model.tar.gz",
            sha256=hashlib.sha256(bundle).hexdigest(),
            promote=judgement.promote,
            reason=judgement.reason,
            compared_with=record.contest.champion_version,
            figures=record.figures,
        )
        page = report.render(record, {**model.manifest, **particulars, "bundle_sha256": verdict.sha256}, images)
        scores = json.dumps({**particulars, **record.evaluation.record()}, indent=1, allow_nan=False)
        return cls(verdict, bundle, page.encode(), scores.encode())

    def put(self, s3: S3Client, bucket: str) -> None:
        """Puts bundle, report with its figures, and verdict, in this order, each only where there is none yet."""
        symbol, version = self.verdict.symbol, self.verdict.version
        files = {
            self.verdict.bundle_key: (self.bundle, "application/gzip"),
            f"reports/training/symbol={symbol}/version={version}/report.html": (self.page, "text/html; charset=utf-8"),
            f"reports/training/symbol={symbol}/version={version}/metrics.json": (self.scores, "application/json"),
            f"models/symbol={symbol}/version={version}/verdict.json": (self._document(), "application/json"),
        }
        for key, (body, kind) in files.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind, IfNoneMatch="*")

    def leave(self, folder: Path) -> None:
        """Leaves the bundle's parts and the verdict in the model folder, which SageMaker packs for itself."""
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(self.bundle)) as archive:
            for member in archive.getmembers():
                if part := archive.extractfile(member):
                    file = folder / member.name  # a pooled model's parts lie in folders
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(part.read())
        (folder / "verdict.json").write_bytes(self._document())

    def _document(self) -> bytes:
        return self.verdict.model_dump_json(indent=2).encode()


def publish(
    record: Record,
    model: Model,
    images: Mapping[str, bytes],
    settings: Settings,
    store: RunStore,
    s3: S3Client,
    shielded: Callable[[], AbstractContextManager[None]],
) -> Release:
    """Registers *model* as the next version of its symbol and writes everything that belongs to it.

    *shielded* makes a context in which SIGTERM waits. Raises WriteConflict when other runs were first too often, and
    Stop when the registry has forgotten versions that the bucket still holds.
    """
    taken = set(Registry(s3, record.job.bucket).versions(record.job.symbol))
    for copy in store.copies():
        release = _register(record, model, images, settings, copy.uri, store.artifacts, taken)
        with shielded():
            if copy.give_back():
                release.put(s3, record.job.bucket)
                return release
    raise AssertionError("copies() raises when it has no more")


def _register(
    record: Record,
    model: Model,
    images: Mapping[str, bytes],
    settings: Settings,
    uri: str,
    artifacts: str | None,
    taken: set[str],
) -> Release:
    symbol, as_of = record.job.symbol, hours.text(record.job.as_of)
    name = settings.name(symbol)
    tags = {"symbol": symbol, "as_of": as_of, "data_sha256": record.dataset.fingerprint}
    with tracking.start(uri, artifacts, settings.name("training"), f"{symbol} {as_of}") as run:
        parameters = {key: model.manifest[key] for key in ("coverage", "shrinkage")}
        fitted = {"family": model.point.family, **model.manifest["training"], **model.manifest["parameters"]}
        run.log({**tags, **parameters, **fitted}, record.measured)
        version = run.register(name, model.point, record.dataset.rows[list(NAMES)].tail(5), tags)
        if version in taken:
            raise Stop(
                f"MLflow counts version {version} of {name} next, but the bucket holds that version already: restore "
                f"the newest {KEY} (the bucket keeps earlier versions of it), or the tracking server's database."
            )
        release = Release.of(record, model, images, version)
        plots = {f"plots/{title}.png": image for title, image in images.items()}
        pages = {"report.html": release.page, "metrics.json": release.scores}
        run.attach({**plots, **pages, "bundle/model.tar.gz": release.bundle})
        tracking.point(run.client, name, "challenger", version)
        tracking.point(run.client, name, "champion", record.contest.champion_version)
    return release
