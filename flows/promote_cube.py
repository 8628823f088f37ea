"""Let a person decide which version serves."""

import sys

if __name__ == "__main__":
    from flows.local import main, parser_of

    parser = parser_of("promote_cube", __doc__)
    parser.add_argument("--version", required=True, help="folder name under models/<name>")
    parser.add_argument("--by", required=True, help="who decides")
    parser.add_argument("--reason", required=True, help="kept in the registry's history")
    parser.add_argument(
        "--against-the-gate", action="store_true", help="promote even what the verdict turned down"
    )
    sys.exit(main(parser))

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from cube.config import load_config
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks.evaluation import promote_version

Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
By = Annotated[str, Field(min_length=2)]
Reason = Annotated[str, Field(min_length=3)]


@cube_flow(
    "promote-cube", "Make a version the champion: through the gate, or against it with who and why."
)
def promote_cube(
    version: Version,
    by: By,
    reason: Reason,
    against_the_gate: bool = False,
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Return version, previous champion, who and why.

    Args:
        version: folder name under models/<name>, such as 20260131-1f6c0a2b.
        by: who decides.
        reason: kept in the registry's history.
        against_the_gate: promote even what the verdict turned down.
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
    """
    config = load_config(Path(config_file), overrides)
    return promote_version(config, version, by, reason, against_the_gate)
