"""Step Functions' sagemaker:createTrainingJob and its .sync form, acting as the state machine's role."""

import contextvars
import json
import time
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError
from ministack.services import stepfunctions

from localstack.embedded import roles, training_job

POLL_SECONDS = 0.3
EXECUTION: contextvars.ContextVar[str] = contextvars.ContextVar("execution", default="")  # ARN, of the calling thread


def remember_execution(execution_arn: str, run: Any = stepfunctions._run_execution) -> None:
    """Runs an execution so that its tasks know which one they belong to."""
    token = EXECUTION.set(execution_arn)
    try:
        run(execution_arn)
    finally:
        EXECUTION.reset(token)


def machine_role() -> str | None:
    """The role of the state machine that the calling thread works for, if it works for one."""
    execution = stepfunctions._executions.get(EXECUTION.get())
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
    return machine["roleArn"] if machine else None


def create_training_job(resource: str, parameters: dict[str, Any]) -> Any:
    """Creates the job and, with .sync, waits for its end: the task's output, or the error Step Functions reports."""
    execution = stepfunctions._executions[EXECUTION.get()]
    api = roles.client("sagemaker", roles.credentials(str(machine_role()), execution["name"]))
    name = parameters.get("TrainingJobName")
    try:
        created = api.create_training_job(**parameters)
        if ".sync" not in resource:
            return {"TrainingJobArn": created["TrainingJobArn"]}
        while (job := api.describe_training_job(TrainingJobName=name))["TrainingJobStatus"] not in training_job.FINAL:
            if execution["status"] != "RUNNING":  # StopExecution stops the job, as on AWS
                api.stop_training_job(TrainingJobName=name)
                raise stepfunctions._ExecutionError("States.TaskFailed", "The execution was stopped")
            time.sleep(POLL_SECONDS)
    except ParamValidationError as error:
        raise stepfunctions._ExecutionError("States.Runtime", str(error)) from None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        generic = code in ("ValidationException", "AccessDeniedException")
        kind = "AmazonSageMakerException" if generic else f"{code}Exception"
        raise stepfunctions._ExecutionError(f"SageMaker.{kind}", str(error)) from None
    job.pop("ResponseMetadata", None)
    answer = json.loads(json.dumps(job, default=lambda moment: int(moment.timestamp() * 1000)))
    if answer["TrainingJobStatus"] != "Completed":
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(answer))
    return answer
