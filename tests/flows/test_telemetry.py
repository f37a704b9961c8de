"""What functions measure arrives in CloudWatch under the very dimensions that the alarms look at."""

import pytest

from localstack.demo.deployed import Deployed
from tests.flows.scene import START
from tests.flows.waiting import eventually

pytestmark = pytest.mark.timeout(900)
OF_INGEST = {
    "FreshnessSeconds", "GapsOpen", "CandlesWritten", "CandlesQuarantined", "CandlesCorrected", "FetchSeconds",
    "FetchRequests", "SourceUsed",
}  # fmt: skip


def test_an_hour_is_measured_as_the_alarms_want_it(stack: Deployed) -> None:
    stack.ingest_hour("SPARE-USDT", START)
    stack.await_forecast("SPARE-USDT", START)
    cloudwatch = stack.client("cloudwatch")

    def metrics() -> dict[str, list[dict[str, str]]]:
        found: dict[str, list[dict[str, str]]] = {}
        for metric in cloudwatch.list_metrics(Namespace="candlecast")["Metrics"]:
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            found.setdefault(metric["MetricName"], []).append(dimensions)
        return found

    seen = eventually(metrics, lambda found: OF_INGEST | {"ForecastsMade"} <= found.keys())
    assert {"environment": "local", "source": "binance"} in seen["SourceUsed"]
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=stack.settings.name(""))["MetricAlarms"]
    watched = [alarm for alarm in alarms if alarm["Namespace"] == "candlecast" and alarm["MetricName"] in seen]
    assert {alarm["MetricName"] for alarm in watched} >= {"FreshnessSeconds", "GapsOpen", "CandlesQuarantined"}
    for alarm in watched:
        assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} in seen[alarm["MetricName"]]
