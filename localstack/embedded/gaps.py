"""What ministack 1.5.33 does differently from AWS and candlecast notices: one function closes one gap.

Each docstring says what the plain emulator does; tests/embedded_aws/test_gaps_*.py show each gap on it first, so that
a function here can go when a release of ministack no longer needs it. localstack/README.md lists the gaps left open.
"""

import contextlib
import contextvars
import json
import logging
import queue
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import apigateway_v1, cloudwatch, eventbridge, lambda_svc, s3, sqs
from ministack.services import cloudwatch_logs as logs

from localstack.embedded import (
    alarms,
    embedded_metrics,
    executions,
    layers,
    periodic,
    query_protocol,
    rest_api,
    roles,
)

Document = dict[str, Any]
log = logging.getLogger("embedded")


def close_all(alarm_seconds: float, layer_folder: Path) -> None:
    """Closes every gap; alarms are evaluated, and queues measured, every *alarm_seconds*."""
    lambda_layers(layer_folder)
    lambda_failures()
    lambda_logs()
    lambda_idle_workers()
    s3_memory()
    metrics_from_logs()
    alarm_evaluation(alarm_seconds)
    alarm_query_protocol()
    rest_api_records()
    queue_metrics(alarm_seconds)
    event_times()
    event_retries()
    event_permissions()
    rest_api_permissions()
    executions.close_all()


# --- Lambda and S3 ----------------------------------------------------------------------------------------------------


def lambda_layers(folder: Path) -> None:
    """Plain: each new worker unpacks its layers again, for seconds, and finds no shared libraries in them, which AWS
    has at /opt/lib; and each save writes all archives anew, as text."""
    store = layers.Store(folder)
    layers.share_unpacked(store)
    layers.keep_archives_as_files(store)


def lambda_failures() -> None:
    """Plain: the errorType of a failed function is always Runtime.HandlerError, which no Retry or Catch names; and
    its worker is ended, so that the next call is a cold start. It tells failures as answers now, turned back here."""
    said = '"status": "error", "error": str(e), "trace": traceback.format_exc()'
    told = '"error": str(e), "type": type(e).__name__, "trace": traceback.format_exc()'
    _change_worker(said, f'"status": "ok", "failure": {{{told}}}')
    answer: contextvars.ContextVar[Document | None] = contextvars.ContextVar("answer", default=None)
    invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm

    def remembering_invoke(worker: Any, *args: Any, **named: Any) -> Document:
        result: Document = invoke(worker, *args, **named)
        result |= {"status": "error", **result["failure"]} if "failure" in result else {}
        answer.set(result)
        return result

    def execute_typed(function: Document, event: Any, request_id: str) -> Document:
        answer.set(None)
        result: Document = execute(function, event, request_id)
        failure = answer.get() or {}
        if result.get("error") and "type" in failure and isinstance(result.get("body"), dict):
            trace = failure.get("trace", "").splitlines()[1:-1]
            result["body"].update(errorType=failure["type"], requestId=request_id, stackTrace=trace)
        return result

    lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm = remembering_invoke, execute_typed


def lambda_logs() -> None:
    """Plain: it guesses when a function has printed its last line: 50 ms after a call that printed nothing, and too
    soon on a busy machine, which hands the rest to the next call."""
    end, last = "end of the log", "_real_stdout.flush()\n\nrun()"
    _change_worker(last, f'sys.stderr.flush(); os.write(2, b"{end}\\n"); {last}')

    def drain(worker: Any, **_: float) -> str:
        lines: list[str] = []
        with contextlib.suppress(queue.Empty):  # a worker that died leaves its log without an end
            while (line := worker._stderr_queue.get(timeout=0.25)) != end:
                lines.append(line)
        return "\n".join(lines)

    lambda_runtime.Worker._drain_stderr_bounded = drain


def _change_worker(said: str, says: str) -> None:
    script: str = lambda_runtime._PYTHON_WORKER_SCRIPT
    if said not in script:
        raise RuntimeError(f"ministack's Python worker has changed: it lacks {said!r}, which gaps.py builds on.")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(said, says)


def lambda_idle_workers() -> None:
    """Plain: each function's first worker, with all it has imported, stays for ever. AWS ends idle ones."""

    def reap(ttl: float = lambda_runtime._LOCAL_WORKER_TTL) -> int:
        idle, oldest = [], time.time() - ttl
        with lambda_runtime._lock:
            for key, workers in list(lambda_runtime._workers.items()):
                gone = [w for w in workers if not w.in_use and w.last_used < oldest]
                lambda_runtime._workers[key] = [w for w in workers if w not in gone]
                idle += gone
        lambda_runtime.kill_workers(idle)
        return len(idle)

    lambda_svc.reap_idle_workers = reap


def s3_memory() -> None:
    """Plain: every version of every object stays in memory although it is on disk as well."""
    persist = s3._persist_object

    def persist_and_let_go(bucket: str, key: str, record: Any) -> None:
        persist(bucket, key, record)
        held = (v for v in s3._object_versions.get((bucket, key)) or [] if v.get("data") is not None)
        for version in held:  # a look at the disk for each of hundreds of versions would cost more than the put
            current = version["version_id"] == record.get("version_id")
            if current or s3._version_file_exists(bucket, key, version["version_id"]):
                version["data"] = None

    s3._persist_object = persist_and_let_go


# --- CloudWatch -------------------------------------------------------------------------------------------------------


def metrics_from_logs() -> None:
    """Plain: metrics printed in CloudWatch's embedded metric format stay text."""
    deliver = logs._fanout_to_subscription_filters

    def extract(group: str, stream: str, events: list[Document]) -> None:
        deliver(group, stream, events)
        for event in events:
            if '"_aws"' in event["message"]:
                embedded_metrics.store(event["message"])

    logs._fanout_to_subscription_filters = extract


def alarm_evaluation(seconds: float) -> None:
    """Plain: alarms are evaluated only by PutMetricData, over all dimensions at once, as if no data could be missing
    and one average over all periods would do."""
    lock = threading.RLock()

    def evaluate(alarm: Document) -> None:
        with lock:
            alarms.evaluate(alarm)

    def evaluate_all() -> None:
        for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
            with request_scope(account, region):
                cloudwatch._evaluate_all_alarms()

    cloudwatch._evaluate_alarm = evaluate
    periodic.repeat(evaluate_all, seconds)


def queue_metrics(seconds: float) -> None:
    """Plain: SQS writes no metrics, so that no alarm on dead letters can fire."""
    last: dict[tuple[str, ...], tuple[int, float]] = {}

    def record() -> None:
        now = time.time()
        for key, letters in list(sqs._queues._data.items()):
            count = sum(message["visible_at"] <= now for message in list(letters["messages"]))
            before, at = last.get(key, (0, 0.0))
            if count != before or (count and now - at >= 60):
                last[key] = count, now
                with request_scope(*key[:2]):
                    metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", count, "Count")
                    cloudwatch.record_metric(*metric, {"QueueName": letters["name"]})

    periodic.repeat(record, seconds)


def alarm_query_protocol() -> None:
    """Plain: PutMetricAlarm and DescribeAlarms in the Query protocol (Terraform's) lose fields, so that every plan
    shows a difference. The JSON protocol keeps them: the Query one is answered through it."""
    answer = app.SERVICE_HANDLERS["monitoring"]
    model = roles.SESSION.get_service_model("cloudwatch")
    target_prefix = model.metadata["targetPrefix"]

    async def monitoring(method: str, path: str, headers: dict[str, str], body: bytes, query: Document) -> Any:
        given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        action, form = given.get("Action", [""])[0], "x-www-form-urlencoded" in headers.get("content-type", "")
        if not form or action not in ("PutMetricAlarm", "DescribeAlarms"):
            return await answer(method, path, headers, body, query)
        operation = model.operation_model(action)
        request = query_protocol.read(given, operation.input_shape) or {}
        target = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"{target_prefix}.{action}"}
        status, _, document = await answer(method, path, target, json.dumps(request).encode(), query)
        if status >= 300:
            return await answer(method, path, headers, body, query)  # the error as this protocol writes it
        shape = operation.output_shape
        result = query_protocol.write(f"{action}Result", json.loads(document), shape) if shape else ""
        return cloudwatch._xml(200, f"{action}Response", result)

    app.SERVICE_HANDLERS["monitoring"] = monitoring


def rest_api_records() -> None:
    """Plain: API Gateway writes neither metrics, so that no alarm on 5XXError can fire, nor access logs."""
    execute = apigateway_v1.handle_execute

    async def recorded(api_id: str, stage: str, method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
        started = time.time()
        answer = await execute(api_id, stage, method, path, headers, *rest)
        if (scope := apigateway_v1.find_api_scope(api_id)) is not None:
            timing = started, time.time() - started
            with request_scope(*scope):
                served = rest_api.Served(
                    api_id, stage, method, path, headers, *timing, answer[0], len(answer[2] or b"")
                )
                rest_api.record(served)
        return answer

    apigateway_v1.handle_execute = recorded


# --- EventBridge ------------------------------------------------------------------------------------------------------


def event_times() -> None:
    """Plain: PutEvents replaces the Time of an entry by the present."""
    put, now = eventbridge._put_events, eventbridge._now_ts
    given: contextvars.ContextVar[float | None] = contextvars.ContextVar("given", default=None)

    def put_each(data: Document, *args: Any, **named: Any) -> Any:
        entries = data.get("Entries", [])
        if len(entries) > 10 or not any("Time" in entry for entry in entries):
            return put(data, *args, **named)
        answers = []
        for entry in entries:
            token = given.set(eventbridge._coerce_timestamp(entry["Time"]) if "Time" in entry else None)
            try:
                status, headers, body = put({**data, "Entries": [entry]}, *args, **named)
            finally:
                given.reset(token)
            answers.append(json.loads(body))
        failed = sum(answer["FailedEntryCount"] for answer in answers)
        results = [result for answer in answers for result in answer["Entries"]]
        return status, headers, json.dumps({"FailedEntryCount": failed, "Entries": results}).encode()

    eventbridge._put_events = put_each
    eventbridge._now_ts = lambda: given.get() or now()


def event_retries() -> None:
    """Plain: a rule's function is tried once; its retries, dead-letter queue and failure destination are ignored."""

    def invoke_asynchronously(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            log.warning("EventBridge: function %s not found", name)
            return
        record = lambda_svc._execution_record_for_config(function, config)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    eventbridge._dispatch_to_lambda = invoke_asynchronously


# --- Permissions between services -------------------------------------------------------------------------------------


def event_permissions() -> None:
    """Plain: a rule invokes any function and starts any state machine, whatever their policies and its role say; what
    cannot be delivered is lost, whatever dead-letter queue the target names."""
    invoke = eventbridge._invoke_target

    def check_and_invoke(target: Document, event: Document, rule: Document, view: Any = None) -> Any:
        arn, deliverable = target["Arn"], True
        if ":function:" in arn:
            exists = lambda_svc._get_func_record_for_ref(arn)[0] is not None
            deliverable = exists and roles.function_allows(arn, "events.amazonaws.com", rule.get("Arn", ""))
        elif ":stateMachine:" in arn:
            deliverable = roles.allows(target.get("RoleArn", ""), "states:StartExecution", arn)
        if deliverable:
            return invoke(target, event, rule, view)
        log.warning("EventBridge: rule %s may not invoke %s", rule.get("Name"), arn)
        if letters := target.get("DeadLetterConfig", {}).get("Arn"):
            return invoke({"Arn": letters}, event, rule, view)
        return None

    eventbridge._invoke_target = check_and_invoke


def rest_api_permissions() -> None:
    """Plain: a REST API invokes any function, whatever the function's policy says."""
    invoke = apigateway_v1._invoke_lambda_proxy_v1

    async def check_and_invoke(
        integration: Document, api_id: str, stage: str, settings: Any, resource: Document, path: str, method: str,
        *args: Any, **named: Any,
    ) -> Any:  # fmt: skip
        function = apigateway_v1._extract_lambda_ref_from_integration_uri(integration.get("uri", ""))
        api = f"arn:aws:execute-api:{get_region()}:{get_account_id()}:{api_id}"
        if not roles.function_allows(
            str(function), "apigateway.amazonaws.com", f"{api}/{stage}/{method}{resource['path']}"
        ):
            return 500, {"Content-Type": "application/json"}, b'{"message": "Internal server error"}'
        return await invoke(integration, api_id, stage, settings, resource, path, method, *args, **named)

    apigateway_v1._invoke_lambda_proxy_v1 = check_and_invoke
