"""Gaps in running functions and state machines.

Each test shows the gap on the plain emulator first, then that localstack/embedded/gaps.py has closed it.
"""

import subprocess
import time
from pathlib import Path
from typing import Any

from tests.embedded_aws.emulator import ROOT, Emulator, allow, eventually
from tests.embedded_aws.examples import TELL, call


def test_a_failed_function_tells_its_exceptions_class(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    assert plain.invoke(plain_function, {"fail": 1})["errorType"] == "Runtime.HandlerError"
    failure = emulator.invoke(function, {"fail": 1})
    assert (failure["errorType"], failure["errorMessage"]) == ("TooLittleData", "3 hours are not enough")
    assert "raise TooLittleData" in "".join(failure["stackTrace"])


COUNT = """
calls = 0
def handler(event, context):
    global calls
    calls += 1
    print("asked")
    if event:
        raise ValueError("no")
    return calls
"""


def test_a_function_that_failed_goes_on_in_the_same_worker(emulator: Emulator, plain: Emulator) -> None:
    def calls(emulator: Emulator) -> Any:
        function = emulator.function(COUNT)
        for event in ({}, {"fail": 1}):
            emulator.invoke(function, event)
        return emulator.invoke(function, {})

    assert calls(plain) == 1
    assert calls(emulator) == 3


def test_a_state_machine_catches_by_the_exceptions_class(
    emulator: Emulator, plain: Emulator, function: str, plain_function: str
) -> None:
    def outcome(emulator: Emulator, function: str) -> Any:
        catch = [{"ErrorEquals": ["TooLittleData"], "Next": "Caught"}]
        states = {"Call": call(function, {"fail": 1}, Catch=catch), "Caught": {"Type": "Succeed"}}
        return emulator.execute(emulator.machine(states, allow("lambda:InvokeFunction")))["status"]

    assert outcome(plain, plain_function) == "FAILED"
    assert outcome(emulator, function) == "SUCCEEDED"


WHERE = """
import os, shared
def handler(event, context):
    print("asked")
    return [shared.__file__, os.environ.get("LD_LIBRARY_PATH", "")]
"""


def test_functions_share_one_unpacked_copy_of_a_layer_and_find_its_libraries(
    emulator: Emulator, plain: Emulator
) -> None:
    def places(emulator: Emulator) -> list[list[str]]:
        layer = emulator.layer({"python/shared.py": "", "lib/libexample.so.1": "", "python/unique": emulator.url})
        return [emulator.invoke(emulator.function(WHERE, Layers=[layer]), {}) for _ in range(2)]

    (first, no_libraries), (second, _) = places(plain)
    assert first != second
    assert "layer" not in no_libraries
    (first, libraries), (second, _) = places(emulator)
    assert first == second
    assert libraries.split(":")[0] == first.replace("python/shared.py", "lib")


QUIET = """
def handler(event, context):
    return event
"""


def test_a_function_that_prints_nothing_answers_at_once(emulator: Emulator, plain: Emulator) -> None:
    def milliseconds(emulator: Emulator) -> float:
        function, taken = emulator.function(QUIET), []
        for _ in range(8):
            began = time.perf_counter()
            emulator.invoke(function, {})
            taken.append(time.perf_counter() - began)
        return min(taken) * 1000

    assert milliseconds(plain) > 50
    assert milliseconds(emulator) < 50


LATE = """
import sys, time
def handler(event, context):
    print('{"got": "first"}', flush=True)
    time.sleep(0.02)
    print('{"got": "last"}')
"""


def test_all_that_a_function_prints_is_logged_with_its_call(emulator: Emulator) -> None:
    function = emulator.function(LATE)
    emulator.invoke(function, {})
    assert eventually(lambda: emulator.events_of(function)) == ["first", "last"]


REAP = """
import time
from types import SimpleNamespace
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from localstack.embedded import gaps

def worker(age, in_use=False):
    return SimpleNamespace(last_used=time.time() - age, in_use=in_use, config={}, _proc=None, _discard_tmpdir=int)

def left():
    lambda_runtime._workers["f"] = [worker(3600), worker(3600, in_use=True), worker(1)]
    lambda_svc.reap_idle_workers()
    return len(lambda_runtime._workers["f"])

plain = left()
gaps.lambda_idle_workers()
print(plain, left())
"""


def test_an_idle_functions_last_worker_ends_too(emulator_venv: Path) -> None:
    """Of a worker idle for an hour, one at work and one just used, the plain emulator keeps the first as well."""
    program = [str(emulator_venv / "bin/python"), "-c", REAP]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "2"]


def test_an_execution_ends_at_its_machines_time_limit(emulator: Emulator, plain: Emulator) -> None:
    def outcome(emulator: Emulator) -> str:
        machine = emulator.machine({"Wait": {"Type": "Wait", "Seconds": 3, "End": True}}, TimeoutSeconds=1)
        return str(emulator.execute(machine)["status"])

    assert outcome(plain) == "SUCCEEDED"
    assert outcome(emulator) == "TIMED_OUT"


def test_a_stopped_execution_stays_stopped_when_its_task_then_fails(emulator: Emulator, plain: Emulator) -> None:
    def outcome(emulator: Emulator) -> str:
        late = TELL.replace('if "fail" in event:', "import time; time.sleep(2)\n    if True:")
        function, states = emulator.function(late, Timeout=10), emulator.client("stepfunctions")
        machine = emulator.machine({"Call": call(function, {})}, allow("lambda:InvokeFunction"))
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        assert eventually(lambda: len(states.get_execution_history(executionArn=execution)["events"]) > 1)
        states.stop_execution(executionArn=execution)
        time.sleep(3)
        return str(states.describe_execution(executionArn=execution)["status"])

    assert outcome(plain) == "FAILED"
    assert outcome(emulator) == "ABORTED"
