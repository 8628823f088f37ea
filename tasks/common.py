"""What all tasks share: retries that can help, time limits, and logs that reach the Prefect UI."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging.handlers import APILogHandler
from prefect.tasks import exponential_backoff

from cube.config import parse_config
from cube.locks import locked
from cube.runs import Run

LOGGERS = ("cube", "expectations", "tasks")
_RETRIES = 2
_FIRST_WAIT_SECONDS = 5  # doubled at every retry, up to half as much again at random
_MAY_PASS = (OSError, sqlite3.OperationalError)  # a busy disk, a locked cache, a time limit
_WILL_NOT_PASS = (PermissionError, IsADirectoryError, NotADirectoryError)


def step(name: str, description: str, run_name: str, hours: float = 1) -> Callable[..., Any]:
    """Return a decorator that makes a function a Prefect task.

    It is tried again after errors that may pass; never after a `CubeError`. Results are not cached
    by Prefect: every step finds its own earlier work by digest, in any process and on any night.

    Args:
        name: shown in the UI.
        description: shown in the UI.
        run_name: template over the parameters, with a digest where that helps.
        hours: time limit. It interrupts the step where it is (flows call tasks directly, in their
            main thread), and counts as an error that may pass.
    """
    return task(
        name=name,
        description=description,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        retries=_RETRIES,
        retry_delay_seconds=exponential_backoff(_FIRST_WAIT_SECONDS),
        retry_jitter_factor=0.5,
        retry_condition_fn=may_pass,
        timeout_seconds=hours * 3600,
    )


def may_pass(task: Any, run: Any, state: Any) -> bool:
    """Whether the error of a failed task can be gone at the next try."""
    try:
        state.result()
    except _WILL_NOT_PASS:
        return False
    except _MAY_PASS:
        return True
    except BaseException:
        return False
    return False


def open_run(run: dict[str, str]) -> Run:
    """Return the run a task was given, under the settings its flow was started with."""
    return Run(Path(run["folder"]), parse_config(yaml.safe_load(run["config"])))


def alone_in(run: Run) -> AbstractContextManager[Any]:
    """Wait until no other process works in a run's folder, and keep others waiting meanwhile.

    Two flows on equal data and settings are one run. The lock of a killed process is free at once.
    """
    return locked(run.folder / ".lock")


def forward_logs() -> None:
    """Send INFO records of this project to the Prefect UI, whatever the environment says.

    Prefect forwards only the loggers of PREFECT_LOGGING_EXTRA_LOGGERS, and leaves their level at
    WARNING.
    """
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        if not any(isinstance(handler, APILogHandler) for handler in logger.handlers):
            logger.addHandler(APILogHandler())
