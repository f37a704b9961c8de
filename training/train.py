"""The container's program: trains a challenger for one symbol, judges it, registers it. See SageMaker's contract.

Stages: read the data known at `as_of`, search settings if asked to, evaluate walk-forward, hold the challenger against
the champion, fit on everything, register. Only the last one leaves anything outside the container.
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
from candlecast.lake import Lake
from candlecast.model import fit
from candlecast.registry import Registry
from candlecast.settings import Settings
from training import charts, contenders, contest, dataset, feature_laws, leak
from training.backtest import IMPORTANCE_ROWS, importance
from training.bucket_registry import BucketRegistry
from training.contract import Folders, Job, Terminated, Termination
from training.evaluation import Contender, evaluate
from training.publication import Release, publish
from training.record import Record
from training.search import search
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
    pool = settings.symbols if settings.training.pooled else ()
    data = dataset.load(folders.features, job.symbol, job.as_of, promotion.holdout_days * 24, pool=pool)
    opponent = contest.Opponent.of(Registry(s3, job.bucket), job.symbol)
    tried = feature_laws.uphold(Lake(s3, job.bucket, settings.exchange.primary), job.symbol, job.as_of)
    say(f"the features keep their laws on the newest {tried:,} candles")
    record, fitted = _evaluate(job, data, opponent, settings)
    refused = {"walk-forward": record.evaluation.model.total, "hold-out": record.contest.candidate}
    leak.refuse(refused, settings.evaluation.leak)
    say(f"fitting the challenger on all {len(data.learnable):,} hours")
    model = fitted(data.learnable)
    images = charts.of(record.evaluation, importance(model, data.rows.tail(IMPORTANCE_ROWS)))

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
    job: Job, data: dataset.Dataset, opponent: contest.Opponent | None, settings: Settings
) -> tuple[Record, contest.Fit]:
    """What there is to know of the chosen family before it is fitted on everything, and how to fit it."""
    coverage, rule, training = settings.forecast.coverage, settings.evaluation, settings.training
    symbol = job.symbol if training.pooled else None
    # One thread: these fits are small, and LightGBM's threads wait by spinning, which is slow where cores are shared.
    own = partial(fit, coverage=coverage, shrinkage=settings.forecast.shrinkage, symbol=symbol, seed=SEED, threads=1)
    untouched = contest.holdout_start(job.as_of, opponent, settings.promotion)
    schedule = Schedule(
        start=data.evaluation_start(training.evaluation_days, untouched),
        end=untouched,
        refit=rule.refit,
        window_days=window_days(rule.window),
        embargo=timedelta(hours=rule.embargo_hours),
    )
    found = None
    if training.search_trials:
        say(f"searching: {training.search_trials} settings on the hours before {hours.text(schedule.start)}")
        window = data.before(schedule.start - schedule.embargo)
        found = search(window, training.search_trials, family=training.family, seed=SEED)
    fitted = partial(own, family=training.family, parameters=found.parameters if found else None)

    def tell(name: str, refit: int, refits: int) -> None:
        say(f"walk-forward: {name}, fit {refit} of {refits}")

    others = contenders.baselines(symbol) + contenders.other_families(
        training.family, rule.compared_refit, lambda known, family: own(known, family=family)
    )
    model = Contender(contenders.title(training.family), fitted)
    evaluation = evaluate(data.learnable, schedule, model, others, coverage, symbol=symbol, tell=tell)
    say("holding the challenger against " + (f"version {opponent.version}" if opponent else "zero-change"))
    judged = contest.hold(data, opponent, fitted, settings.promotion, settings.forecast)
    return Record(job=job, dataset=data, search=found, evaluation=evaluation, contest=judged), fitted


def _failed(folders: Folders, reason: str, code: int = 1) -> int:
    folders.fail(reason)
    say(f"failed: {reason}")
    return code


def say(text: str) -> None:
    """A progress line."""
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
