"""Fill the cache of embeddings, so that the night finds it warm."""

from pathlib import Path
from typing import Any

from cube.config import load_config
from flows.wiring import DEFAULT_CONFIG, ConfigFile, Overrides, cube_flow
from tasks import embedding
from tasks.data import ingest_data


@cube_flow("embed-corpus", "Ingest, then encode every text that the cache lacks.")
def embed_corpus(
    config_file: ConfigFile = DEFAULT_CONFIG,
    overrides: Overrides = [],  # noqa: B006 - never changed, and a list makes the better form
) -> dict[str, Any]:
    """Return folder, digest and shape of the vector matrix."""
    config = load_config(Path(config_file), overrides)
    return embedding.embed_corpus(config, ingest_data(config))
