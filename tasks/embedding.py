"""Tasks that run the teacher."""

from pathlib import Path
from typing import Any

from cube.config import Config
from cube.data.corpus import Corpus
from tasks.common import publish_table, step


@step(
    "Embed corpus",
    "Encode the texts the cache lacks and lay all vectors out as one memory-mapped matrix.",
    "Embed corpus {corpus[digest]}",
    retry=True,
)
def embed_corpus(config: Config, corpus: dict[str, Any]) -> dict[str, Any]:
    """Return folder, digest and shape of the vector matrix, and what the cache gave."""
    from cube import steps

    vectors = steps.embed(config, Corpus(Path(corpus["folder"])))
    manifest = vectors.manifest
    shown = ("model", "texts", "dimension", "dtype")
    rows = [{"what": name.replace("_", " "), "value": manifest[name]} for name in shown]
    rows += [
        {"what": "taken from the cache", "value": vectors.hits},
        {"what": "encoded now", "value": vectors.misses},
    ]
    publish_table("vectors", rows, f"Vector matrix {vectors.digest}")
    return {
        "folder": str(vectors.folder),
        "digest": vectors.digest,
        "texts": manifest["texts"],
        "dimension": manifest["dimension"],
        "hits": vectors.hits,
        "misses": vectors.misses,
    }
