"""What all flows share: their form, the name of a run, and errors told as a sentence."""

import functools
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed, Failed, State
from pydantic import Field

from cube.config import load_config
from cube.errors import CubeError, TrainingInterruptedError
from tasks.common import forward_logs

DEFAULT_CONFIG = "deployments/configs/nightly.yaml"

# Prefect describes the fields of a form by the `Args` of a flow's docstring.
ConfigFile = Annotated[str, Field(min_length=1)]
Overrides = list[str]


def cube_flow(name: str, description: str) -> Callable[[Callable[..., Any]], Flow[..., Any]]:
    """Return a decorator that makes a function with `config_file` and `overrides` a flow.

    An error a person can act on becomes the state's message, so that a run's page shows the
    sentence and nothing else.
    """

    def decorate(function: Callable[..., Any]) -> Flow[..., Any]:
        @functools.wraps(function)
        def told(*args: Any, **kwargs: Any) -> Any:
            forward_logs()
            for logger in ("prefect.flow_runs", "prefect.task_runs"):
                logging.getLogger(logger).addFilter(_untold)
            try:
                return function(*args, **kwargs)
            except TrainingInterruptedError as stopped:
                return _stopped(stopped)
            except (CubeError, OSError) as error:
                return Failed(message=str(error), data=error)

        return flow(told, name=name, flow_run_name=name_of_run, description=description)

    return decorate


def _untold(record: logging.LogRecord) -> bool:
    """Whether a record says more than the run's state: Prefect logs its error with a traceback.

    Where an error has a cause, such as what a teacher's own code raised, the traceback tells of it.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, CubeError) or error.__cause__ is not None


def _stopped(error: TrainingInterruptedError) -> State:
    """Return Cancelled if a person asked for it, else Crashed: then the run is started again.

    Told here, as a training takes the signal itself to end after a step, with a checkpoint.
    """
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(flow_run.get_id())).state
    asked = state is not None and (state.is_cancelling() or state.is_cancelled())
    return (Cancelled if asked else Crashed)(message=str(error), data=error)


def name_of_run() -> str:
    """Return name, date and digest of the settings, such as `nightly-20260131-0200-1f6c0a2b`."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M")
    parameters = flow_run.parameters
    file = parameters.get("config_file", DEFAULT_CONFIG)
    try:
        config = load_config(Path(file), parameters.get("overrides"))
    except CubeError:  # the flow itself tells what is wrong
        return f"{Path(file).stem}-{now}"
    return f"{config.name}-{now}-{config.digest()[:8]}"
