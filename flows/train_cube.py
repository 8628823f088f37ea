"""The nightly flow: from files of questions and answers to a judged, published cube.

    python -m flows.train_cube CONFIG.yaml [--set section.key=value]

runs it here and now; `deployments/prefect.yaml` runs it every night.
"""

import sys

if __name__ == "__main__":
    # Prefect reads its settings while it is imported: they are set first.
    from flows.local import main, parser_of

    sys.exit(main(parser_of("train_cube", __doc__)))

from pathlib import Path
from typing import Any

from cube.config import load_config
from flows.prepare import prepare, validate_all
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks.drift import watch_drift
from tasks.evaluation import evaluate_cube, publish_cube
from tasks.report import write_report
from tasks.training import train_cube_model
from tasks.validation import validate_curves


@cube_flow(
    "train-cube",
    "Ingest, screen, embed, validate, watch drift, train, evaluate, publish, report.",
)
def train_cube(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Train a cube and let it replace the champion if it is really better.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
    """
    config = load_config(Path(config_file), overrides)
    run = prepare(config)
    validate_all(run)
    watch_drift(run)
    train_cube_model(run)
    validate_curves(run)
    evaluate_cube(run)
    published = publish_cube(run)
    report = write_report(run)
    return {
        "run": run["folder"],
        "verdict": published["sentence"],
        "promoted": published["promoted"],
        "report": report,
    }
