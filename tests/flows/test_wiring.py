"""How a flow ends when its training was told to stop: by a person, or with the worker."""

import logging
import signal
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run
from prefect.states import Cancelling

from cube.errors import DataError, TrainingInterruptedError
from flows.wiring import cube_flow
from tasks.common import step


@cube_flow("stopped", "Ends as a training does that was told to stop.")
def stopped(by_a_person: bool) -> None:
    """Raise what a training raises, cancelled before or not."""
    if by_a_person:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(flow_run.get_id()), Cancelling(), force=True)
    raise TrainingInterruptedError("Saved at step 7.", signal.SIGTERM)


@cube_flow("wrong", "Ends as bad input does.")
def wrong(error: str) -> None:
    """Raise an error a person can act on, in a task or beside it, or a bug."""
    if error == "task":
        in_task()
    if error == "caused":
        raise DataError(error) from ZeroDivisionError()
    if error == "bug":
        raise ZeroDivisionError
    raise DataError(error) if error == "data" else OSError(28, "No space left on device")


@step("in-task", "Fails as bad input does.", "in-task")
def in_task() -> None:
    """Raise an error a person can act on."""
    raise DataError("task")


@pytest.mark.parametrize(("by_a_person", "name"), [(True, "Cancelled"), (False, "Crashed")])
def test_only_what_a_person_stopped_stays_stopped(prefect_server, by_a_person, name):
    state = stopped(by_a_person, return_state=True)
    assert (state.name, state.message) == (name, "Saved at step 7.")


@pytest.mark.parametrize("error", ["data", "disk"])
def test_what_a_person_can_act_on_is_the_message(prefect_server, error):
    state = wrong(error, return_state=True)
    assert state.name == "Failed"
    assert state.message in ("data", "[Errno 28] No space left on device")


@pytest.mark.parametrize(
    ("flow", "parameters", "traced"),
    [
        (stopped, {"by_a_person": True}, False),
        (stopped, {"by_a_person": False}, False),
        (wrong, {"error": "data"}, False),
        (wrong, {"error": "task"}, False),
        (wrong, {"error": "caused"}, True),
        (wrong, {"error": "bug"}, True),
    ],
)
def test_only_what_no_sentence_tells_has_a_traceback(
    prefect_server, caplog, flow, parameters, traced
):
    logger, tasks = map(logging.getLogger, ("prefect.flow_runs", "prefect.task_runs"))
    logger.addHandler(caplog.handler)
    tasks.addHandler(caplog.handler)
    try:
        with pytest.raises((DataError, TrainingInterruptedError, ZeroDivisionError)):
            run_flow(flow, parameters=parameters, error_logger=logger)  # as a worker does
    finally:
        logger.removeHandler(caplog.handler)
        tasks.removeHandler(caplog.handler)
    assert ("Traceback" in caplog.text) is traced
