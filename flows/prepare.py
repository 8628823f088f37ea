"""The first steps of every flow that works on a run; each is quick where its work is done."""

from cube.config import Config
from tasks.data import ingest_data
from tasks.embedding import embed_corpus
from tasks.screening import screen_pairs
from tasks.training import start_run
from tasks.validation import (
    validate_dialogues,
    validate_embeddings,
    validate_pairs,
    validate_records,
)


def prepare(config: Config) -> dict[str, str]:
    """Ingest, screen, embed, and open the run of these settings."""
    corpus = screen_pairs(config, ingest_data(config))
    return start_run(config, corpus, embed_corpus(config, corpus))


def validate_all(run: dict[str, str]) -> dict[str, int]:
    """Check everything known before training; return warnings by suite."""
    checks = (validate_records, validate_pairs, validate_dialogues, validate_embeddings)
    results = [check(run) for check in checks]
    return {result["suite"]: result["warnings"] for result in results}
