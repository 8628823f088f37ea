"""What a run's page shows: text, tables, links and progress.

Without a task run (a test, a notebook) there is nowhere to put them, and nothing is published.
"""

import os
import shlex
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import TaskRunContext
from pydantic import HttpUrl, ValidationError

from cube.errors import ConfigError

_PORT = 9100  # where reports are served unless CUBE_REPORTS_URL says otherwise
_UPDATE_SECONDS = 3.0  # between two updates of a bar: each is a request to the server


def publish_markdown(key: str, markdown: str, description: str) -> None:
    """Publish text to the run's page."""
    if TaskRunContext.get():
        create_markdown_artifact(markdown, key=key, description=description)


def publish_table(key: str, rows: list[dict[str, Any]], description: str) -> None:
    """Publish a table to the run's page."""
    if TaskRunContext.get():
        create_table_artifact(rows, key=key, description=description)


def publish_facts(key: str, facts: dict[str, Any], description: str) -> None:
    """Publish names and values as a table of two columns."""
    rows = [{"what": name.replace("_", " "), "value": str(v)} for name, v in facts.items()]
    publish_table(key, rows, description)


def publish_link(key: str, path: Path, home: Path, text: str, description: str) -> None:
    """Publish a link to a page under `home`, see `page_url`."""
    if TaskRunContext.get():
        link = page_url(path, home)
        create_link_artifact(link, link_text=text, key=key, description=description)


def page_url(path: Path, home: Path) -> str:
    """Return the address of a page where the folder `home` is served.

    Browsers refuse file:// links on an http page, so the folder needs a server: see `serve_hint`.

    Raises:
        ConfigError: when CUBE_REPORTS_URL is no address that a browser can open.
    """
    return f"{_reports_url()}/{path.relative_to(home).as_posix()}"


def _reports_url() -> str:
    address = (os.environ.get("CUBE_REPORTS_URL") or f"http://127.0.0.1:{_PORT}").rstrip("/")
    try:
        HttpUrl(address)
    except ValidationError as error:
        raise ConfigError(
            f"CUBE_REPORTS_URL={address} is no address of a web server "
            f"({error.errors()[0]['msg']}): set it for the worker, such as to "
            f"http://127.0.0.1:{_PORT}."
        ) from None
    return address


def serve_hint(home: Path) -> str:
    """Return the command that serves reports and pages, in markdown."""
    address = _reports_url()
    port = urlsplit(address).port or _PORT
    folder = shlex.quote(str(home.resolve()))
    return (
        f"Links to pages lead to {address}, where the home folder has to be served, such as by "
        f"`python -m http.server --bind 127.0.0.1 -d {folder} {port}`; another address "
        "goes into `CUBE_REPORTS_URL`."
    )


class Progress:
    """A bar on the run's page; call it with what is done and what there is in all."""

    def __init__(self, key: str, description: str):
        self._key, self._description = key, description
        self._artifact: Any = None
        self._updated = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Move the bar, not more often than a person would look."""
        if not TaskRunContext.get():
            return
        if self._artifact is None:
            self._artifact = create_progress_artifact(
                0.0, key=self._key, description=self._description
            )
        now = time.monotonic()
        if now - self._updated >= _UPDATE_SECONDS or done >= total:
            share = min(100.0, 100 * done / max(1, total))
            update_progress_artifact(self._artifact, progress=share)
            self._updated = now
