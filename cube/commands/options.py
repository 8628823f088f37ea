"""What many commands share: options, and JSON instead of words."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

Overrides = Annotated[
    list[str] | None,
    Parameter(name="--set", negative=(), help="Override a setting: a.b=c, value in YAML."),
]
ConfigFile = Annotated[Path | None, Parameter(help="YAML file; without it, the demo's settings.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]


@contextmanager
def printing() -> Iterator[None]:
    """Print within the block to whatever the output is.

    Letters its encoding lacks are written as escapes; a reader who has seen enough ends the block
    and is no error; a full disk is told here, and not by Python at its very end.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with suppress(BrokenPipeError):
            yield
            sys.stdout.flush()
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # nobody takes what is left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(value: Any) -> None:
    """Print a value for programs, texts as they are where the output's encoding has them all."""
    as_they_are = (sys.stdout.encoding or "utf-8").lower() == "utf-8"
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not as_they_are) + "\n")
