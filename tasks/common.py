"""What all tasks share: retries that can help, artifacts, and logs that reach the Prefect UI."""

import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.tasks import exponential_backoff

if TYPE_CHECKING:
    from cube.runs import Run

LOGGERS = ("cube", "expectations", "tasks")
_RETRIES = 2
_MAY_PASS = (OSError, sqlite3.OperationalError)  # a busy disk, a locked cache, a lost mount


def step(name: str, description: str, run_name: str, retry: bool = False) -> Callable[..., Any]:
    """Return a decorator that makes a function a Prefect task.

    Results are not cached by Prefect: every step finds its own earlier work by digest, in any
    process and on any night.

    Args:
        name: shown in the UI.
        description: shown in the UI.
        run_name: template over the parameters, with a digest where that helps.
        retry: try again after errors that may pass; never after a `CubeError`.
    """
    return task(
        name=name,
        description=description,
        task_run_name=run_name,
        cache_policy=NO_CACHE,
        retries=_RETRIES if retry else 0,
        retry_delay_seconds=exponential_backoff(backoff_factor=5) if retry else None,
        retry_jitter_factor=0.5 if retry else None,
        retry_condition_fn=may_pass if retry else None,
    )


def may_pass(task: Any, run: Any, state: Any) -> bool:
    """Whether the error of a failed task can be gone at the next try."""
    try:
        state.result()
    except _MAY_PASS:
        return True
    except BaseException:
        return False
    return False


def open_run(run: dict[str, str]) -> "Run":
    """Return the run a task was given."""
    from cube.runs import Run  # brings torch, which a worker need not load to find a flow

    return Run(Path(run["folder"]))


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


# Artifacts ----------------------------------------------------------------------------------------
# Without a task run (a test, a notebook) there is nowhere to put them, and nothing is published.


def publish_markdown(key: str, markdown: str, description: str) -> None:
    """Publish text to the run's page."""
    if TaskRunContext.get():
        create_markdown_artifact(markdown, key=key, description=description)


def publish_table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Publish a table to the run's page."""
    if TaskRunContext.get():
        create_table_artifact(rows, key=key, description=description)


def publish_link(key: str, path: Path, home: Path, text: str, description: str) -> None:
    """Publish a link to a page under `home/runs`, see `reports_url`."""
    if TaskRunContext.get():
        link = reports_url(path, home)
        create_link_artifact(link, link_text=text, key=key, description=description)


def reports_url(path: Path, home: Path) -> str:
    """Return the address of a page of a run where the folder `home/runs` is served.

    Browsers refuse file:// links on an http page, so the folder needs a server: see `serve_hint`.
    """
    base = os.environ.get("CUBE_REPORTS_URL", "http://127.0.0.1:9100").rstrip("/")
    return f"{base}/{path.relative_to(home / 'runs').as_posix()}"


def serve_hint(home: Path) -> str:
    """Return the command that serves the pages of runs, in markdown."""
    folder = (home / "runs").resolve()
    return (
        "Links to reports open where the folder of runs is served, for example with "
        f"`python -m http.server --bind 127.0.0.1 -d {folder} 9100`; another address goes into "
        "`CUBE_REPORTS_URL`."
    )
