"""What drift works with."""

from __future__ import annotations

from dataclasses import dataclass

from candlecast.events import Bus
from candlecast.lake import Lake
from candlecast.registry import Registry
from candlecast.settings import Settings
from lambdas.drift.archive import Archive
from lambdas.drift.retraining import Retraining


@dataclass(frozen=True, slots=True)
class Platform:
    """The deployed parts, connected once per container."""

    settings: Settings
    lake: Lake
    registry: Registry
    archive: Archive
    retraining: Retraining
    bus: Bus
