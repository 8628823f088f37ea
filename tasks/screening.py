"""The task that leaves out single pairs the suite of pairs turns down."""

import logging
from pathlib import Path
from typing import Any

from cube import storage
from cube.config import Config
from cube.data.corpus import Corpus
from cube.data.screening import without_pairs
from tasks.artifacts import publish_facts
from tasks.common import step
from tasks.validation import suite_of

logger = logging.getLogger(__name__)


@step(
    "Screen pairs",
    "Leave out pairs that fail an expectation marked `quarantine`, each with the reason.",
    "Screen pairs of {corpus[digest]}",
)
def screen_pairs(config: Config, corpus: dict[str, Any]) -> dict[str, Any]:
    """Return folder and digest of the corpus without them, and how many were left out."""
    read = Corpus(Path(corpus["folder"]))
    source, text = suite_of(config, "pairs")
    # What was left out last time, so that Great Expectations is imported only for new data.
    record = config.home / "screened" / f"{storage.digest_of([read.digest, text])}.json"
    known = storage.read_json(record) if record.is_file() else None
    if known is not None and (config.home / "corpora" / known["digest"]).is_dir():
        logger.info("pairs of %s were screened before: %d left out", read.digest, known["left_out"])
        screened, left_out = Corpus(config.home / "corpora" / known["digest"]), known["left_out"]
    else:
        from expectations import load_suite, pairs_frame, rows_to_quarantine

        suite = load_suite(source)
        reasons = rows_to_quarantine(pairs_frame(read), suite) if suite.quarantines else {}
        screened, left_out = without_pairs(read, reasons, config.home / "corpora"), len(reasons)
        storage.write_json(record, {"digest": screened.digest, "left_out": left_out})
        level = logging.WARNING if left_out else logging.INFO
        logger.log(level, "pairs: %d of %d left out", left_out, read.manifest["pairs"])
    if left_out:
        listed = screened.folder / "quarantine.jsonl"
        facts = {"left out": left_out, "kept": screened.manifest["pairs"], "listed in": listed}
        publish_facts("screened", facts, f"{left_out} pairs left out by the suite of pairs")
    return {"folder": str(screened.folder), "digest": screened.digest, "left_out": left_out}
