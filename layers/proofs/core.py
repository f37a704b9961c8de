"""The core layer alone: settings are read, logged and validated."""

from zoneinfo import ZoneInfo

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent

from candlecast import settings

assert settings.location().parts[-2:] == ("candlecast", "settings.yaml")
assert settings.load().symbols, "the settings file in the layer names no symbol"
assert ZoneInfo("Asia/Kolkata").key == "Asia/Kolkata"
Logger(service="proof").info("proved")
Metrics(namespace="proof", service="proof").set_default_dimensions(environment="proof")
Tracer(service="proof", disabled=True)
assert EventBridgeEvent({"detail-type": "CandlesStored"}).detail_type == "CandlesStored"
