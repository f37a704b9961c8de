"""A registered version as MLflow loads it: the code of its model, which MLflow keeps beside the bundle's parts.

Needs candlecast on the path, as every model of it does; nothing is unpickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from candlecast import families
from candlecast.features import NAMES
from candlecast.windows import Series


class TrackedPoint(PythonModel):
    """The point forecast: medians of the next return in volatilities, before shrinkage."""

    def load_context(self, context: Any) -> None:
        """Reads the parts."""
        folder = Path(context.artifacts["parts"])
        parts = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        self._point = families.read(context.model_config["family"], parts)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Series:  # noqa: ARG002
        """One median per row; columns as features.NAMES, in any order."""
        return self._point.predict(model_input[list(NAMES)].to_numpy("float64"))


set_model(TrackedPoint())
