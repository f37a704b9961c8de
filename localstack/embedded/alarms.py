"""The state of a CloudWatch alarm on one metric, by its own dimensions."""

import operator
import time
from typing import Any

from ministack.services import cloudwatch

Document = dict[str, Any]

COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def evaluate(alarm: Document) -> None:
    """Moves an alarm on one metric to the state its last datapoints call for: M of N periods, missing data as told."""
    compare = COMPARISONS.get(alarm.get("ComparisonOperator", ""))
    if not alarm.get("MetricName") or compare is None:
        return
    period, total = int(alarm.get("Period") or 60), int(alarm.get("EvaluationPeriods") or 1)
    needed, missing = int(alarm.get("DatapointsToAlarm") or total), alarm.get("TreatMissingData") or "missing"
    now, old, threshold = time.time(), alarm["StateValue"], float(alarm["Threshold"])
    values = [_datapoint(alarm, now - (i + 1) * period, now - i * period) for i in range(total)]
    seen = [compare(value, threshold) for value in values if value is not None]
    configured = float(alarm.get("AlarmConfigurationUpdatedTimestamp") or 0)
    if not seen and missing == "breaching" and now - configured < period:
        missing = "missing"  # a new alarm waits one period before silence breaches
    if not seen and missing in ("missing", "ignore"):
        new = "INSUFFICIENT_DATA" if missing == "missing" else old
    else:
        breaching = sum(seen) + (total - len(seen) if missing == "breaching" else 0)
        new = "ALARM" if breaching >= needed else "OK"
    if new != old:
        reason = f"Threshold Crossed: datapoints {values} (newest first) against the threshold ({threshold})"
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(now))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)


def _datapoint(alarm: Document, start: float, end: float) -> float | None:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    stored = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions), [])
    points = [point for point in stored if start <= point["Timestamp"] < end]
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    return cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points) if points else None
