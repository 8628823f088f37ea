"""Read the sources into a corpus, and nothing else: what is there, and what had to be rejected?"""

import sys

if __name__ == "__main__":
    from flows.local import main, parser_of

    sys.exit(main(parser_of("ingest_data", __doc__)))

from pathlib import Path
from typing import Any

from cube.config import load_config
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks import data


@cube_flow("ingest-data", "Read the sources into a corpus; rows it cannot use are quarantined.")
def ingest_data(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Return folder, digest and counts of the corpus.

    Args:
        config_file: YAML file of settings, relative to the folder the flow runs in.
        overrides: single settings to change, each as section.key=value, such as training.seed=1.
    """
    return data.ingest_data(load_config(Path(config_file), overrides))
