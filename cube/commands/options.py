"""What many commands share: options, and JSON instead of words."""

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


def print_json(value: Any) -> None:
    """Print a value for programs, texts as they are."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
