"""Tasks that run the teacher."""

from pathlib import Path
from typing import Any

from cube import steps
from cube.config import Config
from cube.data.corpus import Corpus
from cube.teacher.vectors import Vectors
from tasks.artifacts import Progress, publish_facts
from tasks.common import step
from tasks.memory import halving


@step(
    "Embed corpus",
    "Encode the texts the cache lacks and lay all vectors out as one memory-mapped matrix.",
    "Embed corpus {corpus[digest]}",
    hours=24,
)
def embed_corpus(config: Config, corpus: dict[str, Any]) -> dict[str, Any]:
    """Return folder, digest and shape of the vector matrix, and what the cache gave."""
    vectors = _embed(config, Corpus(Path(corpus["folder"])))
    manifest = vectors.manifest
    facts = {name: manifest[name] for name in ("model", "texts", "dimension", "dtype")}
    facts |= {"taken from the cache": vectors.hits, "encoded now": vectors.misses}
    publish_facts("vectors", facts, f"Vector matrix {vectors.digest}")
    return {
        "folder": str(vectors.folder),
        "digest": vectors.digest,
        "texts": manifest["texts"],
        "dimension": manifest["dimension"],
        "hits": vectors.hits,
        "misses": vectors.misses,
    }


def _embed(config: Config, corpus: Corpus) -> Vectors:
    """Embed, with batches half as large each time memory runs out; what is cached stays."""
    progress = Progress("encoding-progress", "Texts encoded or found in the cache")

    def embed(batch_size: int) -> Vectors:
        teacher = config.teacher.model_copy(update={"batch_size": batch_size})
        return steps.embed(config.model_copy(update={"teacher": teacher}), corpus, progress)

    return halving("teacher.batch_size", config.teacher.batch_size, embed)
