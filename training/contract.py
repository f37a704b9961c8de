"""SageMaker's training-container contract: folders, hyperparameters, the failure file, the end by SIGTERM.

On AWS the folders are /opt/ml/...; elsewhere the SM_ variables of sagemaker-training-toolkit name them.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from candlecast.errors import BadRequest
from candlecast.settings import Symbol

FAILURE_LENGTH = 1024
"""SageMaker shows this much of the failure file as the job's FailureReason."""

Utc = Annotated[AwareDatetime, AfterValidator(lambda instant: instant.astimezone(UTC))]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the container finds its input and leaves its output."""

    config: Path
    features: Path
    model: Path
    output: Path

    @classmethod
    def named_by(cls, environ: Mapping[str, str]) -> Self:
        """The folders of the SM_ variables; SageMaker's own paths where one is not set."""
        return cls(
            config=Path(environ.get("SM_INPUT_CONFIG_DIR", "/opt/ml/input/config")),
            features=Path(environ.get("SM_CHANNEL_FEATURES", "/opt/ml/input/data/features")),
            model=Path(environ.get("SM_MODEL_DIR", "/opt/ml/model")),
            output=Path(environ.get("SM_OUTPUT_DIR", "/opt/ml/output")),
        )

    def fail(self, reason: str) -> None:
        """Leaves the reason, as one line, where SageMaker looks for it."""
        self.output.mkdir(parents=True, exist_ok=True)
        (self.output / "failure").write_text(" ".join(reason.split())[:FAILURE_LENGTH])


class Job(BaseModel):
    """The hyperparameters of one training job. SageMaker hands them over as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: Symbol
    timeframe: Literal["1h"]
    as_of: Utc
    """Train only on what was known at this instant."""
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    environment: Annotated[str, Field(min_length=1)]

    @classmethod
    def read(cls, folders: Folders) -> Self:
        """The job in hyperparameters.json. Raises BadRequest, naming each wrong hyperparameter."""
        path = folders.config / "hyperparameters.json"
        try:
            document = json.loads(path.read_text())
        except OSError as error:
            raise BadRequest(
                f"{path} cannot be read ({error.strerror}); start the program as a training job."
            ) from None
        except ValueError as error:
            raise BadRequest(f"{path} is not JSON: {error}.") from None
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise BadRequest("hyperparameters: " + "; ".join(_problem(e) for e in error.errors()) + ".") from None


def _problem(error: Mapping[str, object]) -> str:
    location = error["loc"]
    name = ".".join(map(str, location)) if isinstance(location, tuple) else ""
    given = "" if error["type"] in ("missing", "extra_forbidden") else f", not {error['input']!r}"
    return f"{name}: {error['msg']}{given}" if name else f"{error['msg']}{given}"


class Terminated(BaseException):
    """SIGTERM came: SageMaker stops the job and will kill it after its grace time."""


class Termination:
    """Turns SIGTERM into Terminated, at once or, while the results are being published, right after that."""

    def __init__(self) -> None:
        self._asked: datetime | None = None
        self._deferring = False
        signal.signal(signal.SIGTERM, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = datetime.now(UTC)
        if not self._deferring:
            raise Terminated

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Holds SIGTERM back for the seconds in which stopping would leave a version half-registered."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self._asked:
            raise Terminated
