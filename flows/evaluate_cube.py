"""Judge a trained cube again: against today's champion, or with other settings of evaluation."""

import sys

if __name__ == "__main__":
    from flows.local import main, parser_of

    sys.exit(main(parser_of("evaluate_cube", __doc__)))

from pathlib import Path
from typing import Any

from cube.config import load_config
from flows.prepare import prepare
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks import evaluation
from tasks.report import write_report
from tasks.training import require_trained


@cube_flow("evaluate-cube", "Judge the trained cube of these settings again, and report.")
def evaluate_cube(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Return the verdict, the headline scores and the report; nothing is promoted.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
    """
    run = prepare(load_config(Path(config_file), overrides))
    require_trained(run)
    verdict = evaluation.evaluate_cube(run)
    return {"run": run["folder"], **verdict, "report": write_report(run)}
