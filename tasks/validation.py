"""Tasks that check data against suites of expectations (Great Expectations)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cube import storage
from cube.config import Config
from cube.errors import ConfigError
from cube.runs import Run, read_metrics
from tasks.artifacts import publish_link, publish_markdown, publish_table
from tasks.common import open_run, step

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

logger = logging.getLogger(__name__)

_SHIPPED = Path(__file__).parent.parent / "expectations"
_SUITES = ("records", "pairs", "dialogues", "embeddings", "curves")


@step(
    "Validate records",
    "Check how many of the rows could be used; a critical failure stops the run.",
    "Validate records of {run[id]}",
)
def validate_records(run: dict[str, str]) -> dict[str, Any]:
    """Return suite, rows and the number of failed expectations."""
    opened = open_run(run)
    digest = opened.facts["corpus"]
    return _check(opened, "records", digest, lambda frames: frames.records_frame(opened.corpus))


@step(
    "Validate pairs",
    "Check questions and answers against the suite of pairs; a critical failure stops the run.",
    "Validate pairs of {run[id]}",
)
def validate_pairs(run: dict[str, str]) -> dict[str, Any]:
    """Return suite, rows and the number of failed expectations."""
    opened = open_run(run)
    digest = opened.facts["corpus"]
    return _check(opened, "pairs", digest, lambda frames: frames.pairs_frame(opened.corpus))


@step(
    "Validate dialogues",
    "Check dialogues against their suite; a critical failure stops the run.",
    "Validate dialogues of {run[id]}",
)
def validate_dialogues(run: dict[str, str]) -> dict[str, Any]:
    """Return suite, rows and the number of failed expectations."""
    opened = open_run(run)
    digest = opened.facts["corpus"]
    return _check(opened, "dialogues", digest, lambda frames: frames.dialogues_frame(opened.corpus))


@step(
    "Validate embeddings",
    "Check the vectors against the suite of embeddings; a critical failure stops the run.",
    "Validate embeddings of {run[id]}",
)
def validate_embeddings(run: dict[str, str]) -> dict[str, Any]:
    """Return suite, rows and the number of failed expectations."""
    opened = open_run(run)

    def frame(frames: Any) -> "pd.DataFrame":
        kinds = [kind for batch in opened.corpus.iter_texts() for kind in batch["kind"].to_pylist()]
        return frames.embeddings_frame(opened.vectors, kinds, opened.config.teacher.normalize)

    return _check(opened, "embeddings", opened.facts["vectors"], frame)


@step(
    "Validate curves",
    "Check the course of the training; a critical failure stops the run before it is judged.",
    "Validate curves of {run[id]}",
)
def validate_curves(run: dict[str, str]) -> dict[str, Any]:
    """Return suite, rows and the number of failed expectations."""
    opened = open_run(run)
    events = read_metrics(opened)
    digest = storage.digest_of(events)
    return _check(opened, "curves", digest, lambda frames: frames.curves_frame(events))


def suite_of(config: Config, name: str) -> tuple[Path, str]:
    """Return a suite's file and its text, "" where it is missing: loading it tells so."""
    source = config.validation.suites.get(name, _SHIPPED / f"{name}.json")
    return source, source.read_text("utf-8") if source.is_file() else ""


def _check(
    run: Run, name: str, identity: str, make_frame: "Callable[[Any], pd.DataFrame]"
) -> dict[str, Any]:
    """Check a frame against its suite, unless the same data met the same suite before.

    Args:
        run: the one that is checked.
        name: of the suite.
        identity: digest of the data.
        make_frame: builds it with the module `expectations.frames`, called where it is needed.

    Raises:
        ExpectationError: when a critical expectation is not met.
    """
    source, text = suite_of(run.config, name)
    inputs = storage.digest_of([identity, text, run.config.validation.data_docs])
    done = run.read(f"validation/{name}.json")
    if done is not None and done["success"] and done["inputs"] == inputs:
        logger.info("%s: this data met this suite before, nothing to check", name)
        return _summary(name, done)
    # Great Expectations takes seconds to import: only where there is something to check.
    from expectations import describe_failures, frames, load_suite, require_success, validate

    frame = make_frame(frames)
    if frame.empty:
        logger.info("%s: none to validate", name)
        return {"suite": name, "rows": 0, "warnings": 0}
    suite = load_suite(source)
    if name != "pairs" and suite.quarantines:
        raise ConfigError(f'Suite {source}: only the suite of pairs can "quarantine" rows.')
    folder = run.folder / "validation"
    docs = folder / "data_docs" / name if run.config.validation.data_docs else None
    result = validate(frame, suite, docs, folder / f"{name}-failing.jsonl")
    run.write(f"validation/{name}.json", {**result, "inputs": inputs})
    page = _write_page(run)
    _publish(run, name, result, page)
    for sentence in describe_failures(result, ("warning", "info")):
        logger.warning("%s", sentence)
    for sentence in describe_failures(result, ("critical",)):
        logger.error("%s", sentence)
    require_success(result, suite.path, page)
    summary = _summary(name, result)
    logger.info("%s: %d rows, %d of %d expectations not met", name, result["rows"],
                summary["warnings"], len(result["expectations"]))  # fmt: skip
    return summary


def _summary(name: str, result: dict[str, Any]) -> dict[str, Any]:
    failed = sum(not e["success"] for e in result["expectations"])
    return {"suite": name, "rows": result["rows"], "warnings": failed}


def _write_page(run: Run) -> Path:
    """Render the results that are there, first suite first."""
    from cube.report.page import render_page

    path = run.folder / "validation" / "index.html"
    results = []
    for name in _SUITES:
        if result := run.read(f"validation/{name}.json"):
            docs = f"data_docs/{name}/index.html"
            there = (path.parent / docs).is_file()
            results.append({**result, "data_docs": docs if there else None})
    html = render_page("validation.html", run=run.run_id, results=results)
    storage.write_bytes(path, html.encode())
    return path


def _publish(run: Run, name: str, result: dict[str, Any], page: Path) -> None:
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
    publish_link("validation-page", page, run.config.home, "Validation results", "All results")
    failures = describe_failures(result, ("critical", "warning", "info"))
    if failures:
        lines = "\n".join(f"- {_as_text(sentence)}" for sentence in failures)
        listed = page.with_name(f"{name}-failing.jsonl")
        text = f"## Not met by the {name}\n\n{lines}\n\nRows: `{listed.resolve()}`\n"
        publish_markdown(f"validation-{name}-failures", text, verdict)


def _as_text(sentence: str) -> str:
    """Return markdown that shows a sentence with texts of the data as they are."""
    return "`" + sentence.replace("`", "'") + "`"
