"""The nightly flow: from files of questions and answers to a judged, published cube.

    python -m flows.train_cube CONFIG.yaml [--set section.key=value]

runs it here and now; `deployments/prefect.yaml` runs it every night.
"""

import sys

if __name__ == "__main__":
    from flows.local import main  # Prefect reads its settings while it is imported: set them first

    sys.exit(main(sys.argv[1:]))

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Failed, State

from cube.config import Config, load_config
from cube.errors import CubeError
from tasks.common import forward_logs
from tasks.data import ingest_data
from tasks.drift import watch_drift
from tasks.embedding import embed_corpus
from tasks.evaluation import evaluate_cube, publish_cube
from tasks.report import write_report
from tasks.training import start_run, train_cube_model
from tasks.validation import validate_embeddings, validate_pairs

DEFAULT_CONFIG = "deployments/configs/nightly.yaml"


def _name_of_run() -> str:
    """Return name, date and digest of the settings, such as `nightly-20260131-0200-1f6c0a2b`."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M")
    parameters = flow_run.parameters
    file = parameters.get("config_file", DEFAULT_CONFIG)
    try:
        config = load_config(Path(file), parameters.get("overrides"))
    except CubeError:  # the flow itself tells what is wrong
        return f"{Path(file).stem}-{now}"
    return f"{config.name}-{now}-{config.digest()[:8]}"


@flow(
    name="train-cube",
    flow_run_name=_name_of_run,
    description="Ingest, embed, validate, watch drift, train, evaluate, publish, report.",
)
def train_cube(
    config_file: str = DEFAULT_CONFIG,
    overrides: list[str] = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any] | State:
    """Train a cube and let it replace the champion if it is really better.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as `section.key=value`.
    """
    forward_logs()
    try:
        return _train_cube(load_config(Path(config_file), overrides))
    except CubeError as error:
        # As a state, so that its message is the sentence for a person and nothing else.
        return Failed(message=str(error), data=error)


def _train_cube(config: Config) -> dict[str, Any]:
    corpus = ingest_data(config)
    vectors = embed_corpus(config, corpus)
    run = start_run(config, corpus, vectors)
    validate_pairs(run)
    validate_embeddings(run)
    watch_drift(run)
    train_cube_model(run)
    evaluate_cube(run)
    published = publish_cube(run)
    report = write_report(run)
    return {
        "run": run["folder"],
        "verdict": published["sentence"],
        "promoted": published["promoted"],
        "report": report,
    }
