from tests.cloud import cloud, lake, make_forecast, registry, s3, table

__all__ = ["cloud", "lake", "make_forecast", "registry", "s3", "table"]
