"""Check records, pairs, dialogues and embeddings against their suites, without training."""

from pathlib import Path

from cube.config import load_config
from flows.prepare import prepare, validate_all
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow


@cube_flow("validate-data", "Ingest, embed, and check the data against the suites.")
def validate_data(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, int]:
    """Return warnings by suite; a critical failure fails the run."""
    return validate_all(prepare(load_config(Path(config_file), overrides)))
