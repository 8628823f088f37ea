"""What many commands share: options, and JSON instead of words."""

import io
import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

Overrides = Annotated[
    list[str] | None,
    Parameter(name="--set", negative=(), help="Override a setting: a.b=c, value in YAML."),
]
ConfigFile = Annotated[Path | None, Parameter(help="YAML file; without it, the demo's settings.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]


def print_any_text() -> None:
    """From now on, write as an escape what the encoding of the output lacks, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_json(value: Any) -> None:
    """Print a value for programs, texts as they are where the output's encoding has them all."""
    as_they_are = (sys.stdout.encoding or "utf-8").lower() == "utf-8"
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not as_they_are) + "\n")
