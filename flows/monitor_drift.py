"""Compare the newest questions with those of the champion, between the nights."""

import sys

if __name__ == "__main__":
    from flows.local import main, parser_of

    sys.exit(main(parser_of("monitor_drift", __doc__)))

from pathlib import Path
from typing import Any

from cube.config import load_config
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks import drift


@cube_flow("monitor-drift", "Compare the newest questions and answers with the champion's.")
def monitor_drift(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Return whether drift was judged and found; where it was, `train-cube/on-drift` is started.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
    """
    return drift.monitor_drift(load_config(Path(config_file), overrides))
