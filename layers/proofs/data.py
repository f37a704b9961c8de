"""The data layer and the runtime's boto3: Parquet through awswrangler, and the pandas and numpy that features need."""

import io
import os
from typing import Any

import awswrangler
import boto3
import numpy as np
import pandas as pd
import pyarrow.parquet
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"  # bodies come as they are, not in signed chunks
objects: dict[str, bytes] = {}


class Body(io.BytesIO):
    """A response's body as urllib3 gives it."""

    def stream(self) -> Any:
        yield self.getvalue()


def storage(request: AWSPreparedRequest, **_: object) -> Any:
    """S3 in a dictionary: PutObject, HeadObject and GetObject with ranges."""
    path, method = str(request.url).split("?")[0], request.method
    if method == "PUT":
        body: Any = request.body
        objects[path] = body if isinstance(body, bytes) else body.read()
        return AWSResponse(path, 200, {"ETag": '"1"'}, Body())  # type: ignore[arg-type]  # botocore wants urllib3's
    content = objects[path]
    headers = {"ETag": '"1"', "Content-Length": str(len(content)), "Content-Type": "binary/octet-stream"}
    asked: Any = request.headers.get("Range")
    if asked:
        asked = asked.decode() if isinstance(asked, bytes) else asked
        first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        content = content[first : last + 1]
        headers["Content-Length"] = str(len(content))
    return AWSResponse(path, 206 if asked else 200, headers, Body(b"" if method == "HEAD" else content))  # type: ignore[arg-type]  # as above


boto3.setup_default_session(aws_access_key_id="proof", aws_secret_access_key="proof", region_name="eu-central-1")
session = boto3.DEFAULT_SESSION
assert session is not None
session.events.register("before-send.s3", storage)

hours = pd.date_range("2026-01-01", periods=480, freq="h", tz="UTC").as_unit("us")
closes = 100 * np.exp(np.random.default_rng(0).normal(scale=0.01, size=480).cumsum())
candles = pd.DataFrame({"open_time": hours, "close": closes, "source": "proof"})

place = "s3://proof/candles.parquet"
awswrangler.s3.to_parquet(candles, path=place, index=False, compression="zstd", boto3_session=session)
stored = awswrangler.s3.read_parquet(path=[place], boto3_session=session)
kinds = {"open_time": "datetime64[us, UTC]", "source": "object"}  # pandas reads nanoseconds and its own strings
pd.testing.assert_frame_equal(stored.astype(kinds), candles.astype(kinds))
assert pyarrow.parquet.read_metadata(io.BytesIO(*objects.values())).row_group(0).column(1).compression == "ZSTD"

returns = candles.set_index("open_time").close.pct_change()
assert returns.rolling(24).std().notna().sum() == 456
assert returns.ewm(halflife=6).mean().notna().sum() == 479
assert returns.groupby(returns.index.tz_convert("UTC").hour).mean().size == 24  # type: ignore[attr-defined]  # a DatetimeIndex
slope, *_ = np.linalg.lstsq(np.vander(np.arange(480.0), 2), closes, rcond=None)
assert slope.shape == (2,)
