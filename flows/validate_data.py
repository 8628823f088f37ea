"""Check records, pairs, dialogues and embeddings against their suites, without training."""

import sys

if __name__ == "__main__":
    from flows.local import main, parser_of

    sys.exit(main(parser_of("validate_data", __doc__)))

from pathlib import Path

from cube.config import load_config
from flows.prepare import prepare, validate_all
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow


@cube_flow("validate-data", "Ingest, embed, and check the data against the suites.")
def validate_data(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, int]:
    """Return warnings by suite; a critical failure fails the run.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
    """
    return validate_all(prepare(load_config(Path(config_file), overrides)))
