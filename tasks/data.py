"""Tasks that read the sources."""

from typing import Any

from cube import steps
from cube.config import Config
from tasks.artifacts import publish_table
from tasks.common import step


@step(
    "Ingest data",
    "Read the sources into a corpus; rows that cannot be used go to its quarantine.",
    "Ingest data of {config.name}",
    hours=6,
)
def ingest_data(config: Config) -> dict[str, Any]:
    """Return folder, digest and counts of the corpus."""
    corpus = steps.ingest(config)
    manifest = corpus.manifest
    counts = {**manifest["rows"], "pairs": manifest["pairs"], "texts": manifest["texts"]}
    rows = [{"what": name.replace("_", " "), "count": count} for name, count in counts.items()]
    rows += [
        {"what": f"quarantined: {reason}", "count": count}
        for reason, count in manifest["reasons"].items()
    ]
    publish_table("data", rows, f"Corpus {corpus.digest}: rows read, kept and quarantined")
    return {"folder": str(corpus.folder), "digest": corpus.digest, **counts}
