"""Let a person decide which version serves."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from cube.config import load_config
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks.evaluation import promote_version

Version = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        title="Version",
        description="folder name under models/<name>, such as 20260131-1f6c0a2b",
    ),
]
By = Annotated[str, Field(min_length=2, title="By", description="who decides")]
Reason = Annotated[
    str, Field(min_length=3, title="Reason", description="kept in the registry's history")
]
AgainstTheGate = Annotated[
    bool, Field(title="Against the gate", description="promote even what the verdict turned down")
]


@cube_flow(
    "promote-cube", "Make a version the champion: through the gate, or against it with who and why."
)
def promote_cube(
    version: Version,
    by: By,
    reason: Reason,
    against_the_gate: AgainstTheGate = False,
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Return version, previous champion, who and why."""
    config = load_config(Path(config_file), overrides)
    return promote_version(config, version, by, reason, against_the_gate)
