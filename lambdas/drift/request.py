"""What drift may be asked: a check, the decision about a trained version, the promotion of a named version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from candlecast import hours
from candlecast.errors import BadEvent
from candlecast.promotion import Version
from candlecast.settings import Settings, Symbol

CLOCK_TOLERANCE = timedelta(minutes=5)


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    time: AwareDatetime

    @property
    def now(self) -> datetime:
        """The instant as of which everything is judged, UTC."""
        return self.time.astimezone(UTC)


class Check(_Request):
    """Assess the forecasts of every configured symbol, or of those named; `time` is the event's."""

    action: Literal["check"] = "check"
    symbols: tuple[Symbol, ...] | None = Field(default=None, min_length=1)

    def chosen(self, settings: Settings) -> tuple[str, ...]:
        """The symbols to check. Raises BadEvent when one is not configured."""
        unknown = sorted(set(self.symbols or ()) - set(settings.symbols))
        if unknown:
            raise BadEvent(f"{', '.join(unknown)}: not configured; add it to `symbols` in settings.yaml and deploy.")
        return tuple(dict.fromkeys(self.symbols or settings.symbols))


class TrainedJob(BaseModel):
    """What is read of a training job's description: the version number that the program reported as a metric."""

    class Metric(BaseModel):
        """One of the job's final metrics."""

        name: str = Field(alias="MetricName")
        value: float = Field(alias="Value")

    metrics: tuple[Metric, ...] = Field(default=(), alias="FinalMetricDataList")

    @property
    def version(self) -> str:
        """The version that the job made. Raises BadEvent when it reported none."""
        for metric in self.metrics:
            if metric.name == "version" and metric.value.is_integer() and metric.value > 0:
                return str(int(metric.value))
        raise BadEvent(
            "the training job reported no metric `version`; see its log in /aws/sagemaker/TrainingJobs, and whether "
            "the state machine's MetricDefinitions still match what the training program prints."
        )


class Decide(_Request):
    """Promote or keep back the version that a training job has made."""

    action: Literal["decide"]
    symbol: Symbol
    job: TrainedJob
    reason: str = "not told"
    """Why the training was started."""


class Promote(_Request):
    """Promote a named version: a rollback, or a person's own choice."""

    action: Literal["promote"]
    symbol: Symbol
    version: Annotated[Version, BeforeValidator(str)]
    reason: str = "not told"


Request = Check | Decide | Promote
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="action")])


def parse(event: Any, clock: datetime) -> Request:
    """The request in an invocation's event. *clock*: the present instant. Raises BadEvent."""
    if not isinstance(event, dict):
        raise BadEvent(f"drift takes a JSON object, got {type(event).__name__}.")
    if event.get("detail-type") == "Scheduled Event":
        event = {"time": event.get("time")}
    try:
        request = _REQUEST.validate_python({"action": "check", **event})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'event'}: {e['msg']}" for e in error.errors())
        raise BadEvent(
            "drift takes {time, symbols} for a check, {action: decide, symbol, job, time} after a training, "
            f"or {{action: promote, symbol, version, time}}: {problems}."
        ) from None
    if request.now > clock + CLOCK_TOLERANCE:
        raise BadEvent(f"time {hours.text(request.now)} lies in the future; send the instant as of which to judge.")
    return request
