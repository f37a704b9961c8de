from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from candlecast.forecast_table import ForecastTable
from candlecast.model import Model, fit
from tests.cloud import cloud, s3, table
from tests.functions.predict.world import World, feature_rows

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["cloud", "s3", "table"]


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return feature_rows()


@pytest.fixture(scope="session")
def model(rows: pd.DataFrame) -> Model:
    """Trained on the first sixty days."""
    return fit(rows.head(24 * 60), coverage=0.8, shrinkage=0.5)


@pytest.fixture
def world(s3: S3Client, table: ForecastTable, rows: pd.DataFrame) -> World:
    return World(s3, table, rows)
