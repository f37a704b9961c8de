"""The container's program: trains a challenger for one symbol, judges it, registers it. See SageMaker's contract.

Stages: read the data known at `as_of`, evaluate walk-forward, hold the challenger against the champion, fit on
everything, register. Only the last one leaves anything outside the container.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from datetime import timedelta
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from candlecast import aws, hours
from candlecast import settings as configuration
from candlecast.errors import CandlecastError
from candlecast.model import Model, fit
from candlecast.registry import Registry
from candlecast.settings import Settings
from training import charts, contest, dataset, leak
from training.bucket_registry import BucketRegistry
from training.contract import Folders, Job, Terminated, Termination
from training.evaluation import Contender, evaluate
from training.publication import Release, publish
from training.record import Record
from training.tracking import TrackingServer
from training.validation import Schedule, window_days

METRICS = ("mae", "zero_change_mae", "skill", "coverage", "directional_accuracy")
"""Walk-forward scores that MetricDefinitions look for on standard output, beside version."""
SEED = 7
TERMINATED = 128 + 15
_STARTED = time.monotonic()


def main() -> int:
    """Runs the job in the container's folders. Returns the exit code."""
    folders = Folders.named_by(os.environ)
    try:
        termination = Termination()
        run(folders, termination)
    except Terminated:
        return _failed(folders, "Stopped by SIGTERM; no version is half-registered.", TERMINATED)
    except CandlecastError as error:
        return _failed(folders, str(error))
    except (BotoCoreError, ClientError) as error:
        return _failed(folders, f"AWS: {error}")
    except Exception as error:  # noqa: BLE001 (the contract wants the reason of any failure)
        traceback.print_exc()
        return _failed(folders, f"{type(error).__name__}: {error}")
    return 0


def run(folders: Folders, termination: Termination) -> Release:
    """The whole training job. Raises CandlecastError with the remedy where it cannot be done."""
    job = Job.read(folders)
    settings = configuration.resolve(configuration.read(configuration.location()), job.environment)
    _connect(settings)
    s3, promotion = aws.client("s3"), settings.promotion
    say(f"reading the features of {job.symbol} known at {hours.text(job.as_of)}")
    data = dataset.load(folders.features, job.symbol, job.as_of, promotion.holdout_days * 24)
    opponent = contest.Opponent.of(Registry(s3, job.bucket), job.symbol)
    # One thread: these fits are small, and LightGBM's threads wait by spinning, which is slow where cores are shared.
    fitted = partial(
        fit, coverage=settings.forecast.coverage, shrinkage=settings.forecast.shrinkage, seed=SEED, threads=1
    )

    record = _evaluate(job, data, opponent, fitted, settings)
    refused = {"walk-forward": record.evaluation.model.total, "hold-out": record.contest.candidate}
    leak.refuse(refused, settings.evaluation.leak)
    say(f"fitting the challenger on all {len(data.rows):,} hours")
    model = fitted(data.rows)
    images = _plots(record, model)

    say("registering it")
    with tempfile.TemporaryDirectory() as folder:
        uri = settings.training.mlflow_tracking_uri
        store = TrackingServer(uri) if uri else BucketRegistry(s3, job.bucket, Path(folder))
        release = publish(record, model, images, settings, store, s3, termination.deferred)
    release.leave(folders.model)
    for name in METRICS:
        print(f"{name}={record.measured[name]:.6g}")
    print(f"version={release.verdict.version}")
    say(release.verdict.reason)
    return release


def _connect(settings: Settings) -> None:
    """Lets boto3 and MLflow find the AWS of these settings, where the job's surroundings do not say."""
    named = {
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_PROFILE": settings.profile,
    }
    for name, value in named.items():
        if value:
            os.environ.setdefault(name, value)


def _evaluate(
    job: Job, data: dataset.Dataset, opponent: contest.Opponent | None, fitted: contest.Fit, settings: Settings
) -> Record:
    coverage, rule = settings.forecast.coverage, settings.evaluation
    untouched = contest.holdout_start(job.as_of, opponent, settings.promotion)
    schedule = Schedule(
        start=data.evaluation_start(settings.training.evaluation_days, untouched),
        end=untouched,
        refit=rule.refit,
        window_days=window_days(rule.window),
        embargo=timedelta(hours=rule.embargo_hours),
    )

    def tell(name: str, refit: int, refits: int) -> None:
        say(f"walk-forward: {name}, fit {refit} of {refits}")

    evaluation = evaluate(data.rows, schedule, Contender("lightgbm", fitted), (), coverage, tell=tell)
    say("holding the challenger against " + (f"version {opponent.version}" if opponent else "zero-change"))
    judged = contest.hold(data, opponent, fitted, settings.promotion, coverage)
    return Record(job=job, dataset=data, evaluation=evaluation, contest=judged)


def _plots(record: Record, model: Model) -> dict[str, bytes]:
    gains = model.booster.feature_importance("gain").tolist()
    return charts.of(record.evaluation, dict(zip(model.booster.feature_name(), gains, strict=True)))


def _failed(folders: Folders, reason: str, code: int = 1) -> int:
    folders.fail(reason)
    say(f"failed: {reason}")
    return code


def say(text: str) -> None:
    """A progress line."""
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
