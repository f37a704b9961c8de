"""CloudWatch's embedded metric format: metrics inside log lines."""

import json
import time

from ministack.services import cloudwatch


def store(message: str) -> None:
    """Stores the metrics that a log line describes, if it is in the format."""
    try:
        document = json.loads(message)
        described = document["_aws"]
        at = described["Timestamp"] / 1000
        if not -14 * 86400 <= at - time.time() <= 7200:  # what CloudWatch accepts
            return
        for directive in described["CloudWatchMetrics"]:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(document[name]) for name in names}
                for metric in directive["Metrics"]:
                    value = document[metric["Name"]]
                    values, unit = value if isinstance(value, list) else [value], metric.get("Unit", "None")
                    arguments = (directive["Namespace"], metric["Name"], dimensions, at, unit)
                    cloudwatch._store_datum(*arguments, None, values, None, None)
    except (ValueError, KeyError, TypeError):  # not the format: a line like any other, as on AWS
        return
