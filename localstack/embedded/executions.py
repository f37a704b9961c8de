"""Gaps of ministack 1.5.33 in Step Functions, each closed by a function; see gaps.py."""

import contextvars
import json
import threading
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, stepfunctions

from localstack.embedded import roles, training_task

Document = dict[str, Any]


def close_all() -> None:
    """Closes every gap of Step Functions."""
    execution_metrics()
    execution_ends()
    map_items()
    state_machine_permissions()


def execution_metrics() -> None:
    """Plain: Step Functions writes no metrics, so that no alarm on ExecutionsFailed can fire."""
    tell = stepfunctions._emit_execution_status_event

    def measured(execution: Document) -> None:
        tell(execution)
        status = execution["status"].title().replace("_", "").replace("Running", "Started")
        dimensions = {"StateMachineArn": execution["stateMachineArn"]}
        cloudwatch.record_metric("AWS/States", f"Executions{status}", 1, "Count", dimensions)

    stepfunctions._emit_execution_status_event = measured


def execution_ends() -> None:
    """Plain: a machine's TimeoutSeconds is ignored, and an execution that was stopped fails when its task then does."""
    run, fail = stepfunctions._run_execution, stepfunctions._fail_execution

    def time_out(execution: Document) -> None:
        if execution["status"] == "RUNNING":
            execution.update(status="TIMED_OUT", stopDate=stepfunctions.now_iso())
            stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
            stepfunctions._emit_execution_status_event(execution)

    def limited(execution_arn: str) -> None:
        execution = stepfunctions._executions[execution_arn]
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"], {"definition": "{}"})
        seconds = json.loads(machine["definition"]).get("TimeoutSeconds", threading.TIMEOUT_MAX)
        timer = threading.Timer(seconds, contextvars.copy_context().run, (time_out, execution))
        timer.daemon = True
        timer.start()
        try:
            run(execution_arn)
        finally:
            timer.cancel()

    def fail_running(execution: Document, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    stepfunctions._run_execution, stepfunctions._fail_execution = limited, fail_running


def map_items() -> None:
    """Plain: no history tells what a Map does with its items; when its execution is stopped, it goes on with them."""
    run_items, run_states = stepfunctions._run_map_items, stepfunctions._run_sub_machine

    def started(state: Document, given: Any, execution: Document, context: Document) -> Any:
        items = stepfunctions._resolve_path_or_ctx(state.get("ItemsPath", "$"), given, context)
        length = len(items) if isinstance(items, list) else 1
        stepfunctions._add_event(execution, "MapStateStarted", {"mapStateStartedEventDetails": {"length": length}})
        return run_items(state, given, execution, context)

    def told(states: Document, start: str, given: Any, execution: Document, context: Document) -> Any:
        item = context.get("Map", {}).get("Item", {})
        if "Index" not in item or item.get("told"):  # a branch of a Parallel state
            return run_states(states, start, given, execution, context)
        if stepfunctions._executions[training_task.EXECUTION.get()]["status"] != "RUNNING":
            raise stepfunctions._ExecutionError("States.TaskFailed", "The execution was stopped")
        item["told"] = True
        if "mapRunArn" in execution and not execution["events"]:
            stepfunctions._add_event(execution, "ExecutionStarted")
            return run_states(states, start, given, execution, context)
        details = {"name": context["State"]["Name"], "index": item["Index"]}

        def tell(what: str) -> None:
            stepfunctions._add_event(execution, f"MapIteration{what}", {f"mapIteration{what}EventDetails": details})

        tell("Started")
        try:
            result = run_states(states, start, given, execution, context)
        except Exception:
            tell("Failed")
            raise
        tell("Succeeded")
        return result

    stepfunctions._run_map_items, stepfunctions._run_sub_machine = started, told


def state_machine_permissions() -> None:
    """Plain: a state machine invokes functions, publishes to topics and runs children, whatever its role allows."""
    call, dispatch = stepfunctions._call_lambda, stepfunctions._SERVICE_DISPATCH
    run_children = stepfunctions._run_distributed_map
    publish = dispatch["arn:aws:states:::sns:publish"]

    def demand(action: str, resource: str, error: str) -> None:
        role = training_task.machine_role()
        if role and not roles.allows(role, action, resource):
            denial = f"User: {role} is not authorized to perform: {action} on resource: {resource}"
            raise stepfunctions._ExecutionError(error, denial)

    def checked_call(function: str, event: Any) -> Any:
        prefix = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:"
        arn = function if function.startswith("arn:") else prefix + function
        demand("lambda:InvokeFunction", arn, "Lambda.AWSLambdaException")
        return call(function, event)

    def checked_publish(resource: str, message: Document) -> Any:
        demand("sns:Publish", message.get("TopicArn", ""), "SNS.AuthorizationErrorException")
        return publish(resource, message)

    def checked_children(
        state: Document, raw: Any, effective: Any, iterator: Any, execution: Document, ctx: Any
    ) -> Any:
        demand("states:StartExecution", execution["stateMachineArn"], "States.Permissions")
        return run_children(state, raw, effective, iterator, execution, ctx)

    stepfunctions._call_lambda, stepfunctions._run_distributed_map = checked_call, checked_children
    dispatch["arn:aws:states:::sns:publish"] = checked_publish
