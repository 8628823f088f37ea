"""Tasks that check data against suites of expectations (Great Expectations)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cube import storage
from tasks.common import open_run, publish_link, publish_markdown, publish_table, step

if TYPE_CHECKING:
    import pandas as pd

    from cube.runs import Run

logger = logging.getLogger(__name__)

_SUITES = ("pairs", "embeddings")


@step(
    "Validate pairs",
    "Check questions and answers against the suite of pairs; a critical failure stops the run.",
    "Validate pairs of {run[id]}",
)
def validate_pairs(run: dict[str, str]) -> dict[str, Any]:
    """Return rows, success and the number of failed expectations."""
    from expectations import pairs_frame

    opened = open_run(run)
    source = opened.config.validation.pairs_suite or "pairs"
    return _check(opened, "pairs", source, pairs_frame(opened.corpus))


@step(
    "Validate embeddings",
    "Check the vectors against the suite of embeddings; a critical failure stops the run.",
    "Validate embeddings of {run[id]}",
)
def validate_embeddings(run: dict[str, str]) -> dict[str, Any]:
    """Return rows, success and the number of failed expectations."""
    from expectations import embeddings_frame

    opened = open_run(run)
    source = opened.config.validation.embeddings_suite or "embeddings"
    kinds = [kind for batch in opened.corpus.iter_texts() for kind in batch["kind"].to_pylist()]
    unit_length = opened.config.teacher.normalize
    frame = embeddings_frame(opened.vectors, kinds, unit_length)
    return _check(opened, "embeddings", source, frame)


def _check(run: "Run", name: str, source: str | Path, frame: "pd.DataFrame") -> dict[str, Any]:
    from expectations import describe_failures, load_suite, require_success, validate

    suite = load_suite(source)
    folder = run.folder / "validation"
    docs = folder / "data_docs" / name if run.config.validation.data_docs else None
    result = validate(frame, suite, docs)
    run.write(f"validation/{name}.json", result)
    page = _write_page(run)
    _publish(run, name, result, page)
    for sentence in describe_failures(result, ("warning", "info")):
        logger.warning("%s", sentence)
    for sentence in describe_failures(result, ("critical",)):
        logger.error("%s", sentence)
    require_success(result, suite.path, page)
    failed = sum(not e["success"] for e in result["expectations"])
    logger.info("%s: %d rows, %d of %d expectations met", name, result["rows"],
                len(result["expectations"]) - failed, len(result["expectations"]))  # fmt: skip
    return {"success": True, "rows": result["rows"], "warnings": failed}


def _write_page(run: "Run") -> Path:
    """Render the results that are there, first suite first."""
    from cube.report.page import render_page

    results = [run.read(f"validation/{name}.json") for name in _SUITES]
    path = run.folder / "validation" / "index.html"
    docs = {
        name: f"data_docs/{name}/index.html"
        for name in _SUITES
        if (path.parent / "data_docs" / name / "index.html").is_file()
    }
    html = render_page(
        "validation.html", run=run.run_id, results=[r for r in results if r], data_docs=docs
    )
    storage.write_bytes(path, html.encode())
    return path


def _publish(run: "Run", name: str, result: dict[str, Any], page: Path) -> None:
    from expectations import describe_failures

    rows = [
        {
            "expectation": e["description"] or e["type"],
            "column": e["column"] or "",
            "severity": e["severity"],
            "met": "yes" if e["success"] else "NO",
            "do not fit": e["unexpected_count"] or 0,
        }
        for e in result["expectations"]
    ]
    verdict = "passed" if result["success"] else "FAILED"
    publish_table(f"validation-{name}", rows, f"Suite {result['suite']}: {verdict}")
    publish_link(
        f"validation-{name}-page", page, run.config.home, "Validation results", "All results"
    )
    failures = describe_failures(result, ("critical", "warning", "info"))
    if failures:
        lines = "\n".join(f"- {_as_text(sentence)}" for sentence in failures)
        publish_markdown(
            f"validation-{name}-failures", f"## Not met by the {name}\n\n{lines}\n", verdict
        )


def _as_text(sentence: str) -> str:
    """Return markdown that shows a sentence with texts of the data as they are."""
    return "`" + sentence.replace("`", "'") + "`"
