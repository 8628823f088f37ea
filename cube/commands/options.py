"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Overrides = Annotated[
    list[str] | None,
    Parameter(name="--set", negative=(), help="Override a setting: a.b=c, value in YAML."),
]
ConfigFile = Annotated[Path | None, Parameter(help="YAML file; without it, the demo's settings.")]
