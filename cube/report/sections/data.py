"""The data: what was read, what was rejected and why, and what validation and drift say."""

from pathlib import Path
from typing import Any

from cube import storage
from cube.drift.words import HOW_JUDGED, sees, what_to_do
from cube.report.figures.bars import share_bar
from cube.report.figures.strip import strip

_ORDER = {"critical": 0, "warning": 1, "info": 2}
_NO_DRIFT = {"score": None, "threshold": None, "null_scores": [], "note": ""}
_MOST_EXAMPLES = 5
_MOST_ROWS = 15  # of a table of names and counts
_MOST_CHARACTERS = 80


def data_section(
    manifest: dict[str, Any],
    vectors: dict[str, Any],
    facts: dict[str, Any],
    splits: dict[str, int],
) -> dict[str, Any]:
    """Return counts of rows, reasons, sources and splits.

    Args:
        manifest: of the corpus.
        vectors: manifest of the vector matrix.
        facts: of the run: cache hits and misses.
        splits: pairs by split.
    """
    rows = manifest["rows"]
    parts = [
        ("kept", rows["kept"]),
        ("merged as duplicates", rows["duplicates_merged"]),
        ("quarantined", rows["quarantined"]),
    ]
    by_source = manifest["pairs_by_source"]
    sources = _first(by_source, "source")
    most = max((n for _, n in sources), default=0)
    split_parts = list(splits.items())
    return {
        "manifest": manifest,
        "vectors": vectors,
        "hits": facts.get("cache_hits"),
        "misses": facts.get("cache_misses"),
        "rows": parts,
        "rows_bar": share_bar("Rows read, by what became of them", parts),
        "splits": split_parts,
        "splits_bar": share_bar("Pairs by split", split_parts),
        "sources": [(name, n, round(100 * n / most, 1)) for name, n in sources],
        "reasons": _first(manifest["reasons"], "reason"),
    }


def validation_section(folder: Path) -> dict[str, Any]:
    """Return the suites of a run's validation folder, failed expectations first.

    Args:
        folder: `validation/` of a run; it need not exist.
    """
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    contents = [storage.read_json(file) for file in files]
    suites = [c for c in contents if isinstance(c, dict) and {"suite", "expectations"} <= c.keys()]
    return {
        "suites": [_suite(suite) for suite in suites],
        "link": "../validation/index.html" if (folder / "index.html").is_file() else None,
    }


def drift_section(folder: Path) -> dict[str, Any]:
    """Return the drift summary of a run, with `drift` None where drift was not measured.

    Args:
        folder: `drift/` of a run; it need not exist.
    """
    file = folder / "drift.json"
    drift = {**_NO_DRIFT, **storage.read_json(file)} if file.is_file() else None
    link = "../drift/drift.html" if (folder / "drift.html").is_file() else None
    measures = [{**j, "sees": sees(j["method"])} for j in (drift or {}).get("judgements", [])]
    return {
        "drift": drift,
        "measures": measures,
        "how_judged": HOW_JUDGED,
        "what_to_do": what_to_do(bool(drift and drift["drifted"])),
        "figure": _drift_figure(drift),
        "link": link,
    }


def _first(counts: dict[str, int], what: str) -> list[tuple[str, int]]:
    """Return the largest counts, and all others as one."""
    items = sorted(counts.items(), key=lambda item: -item[1])
    if len(items) <= _MOST_ROWS:
        return items
    rest = items[_MOST_ROWS - 1 :]
    return [*items[: _MOST_ROWS - 1], (f"{len(rest)} other {what}s", sum(n for _, n in rest))]


def _drift_figure(drift: dict[str, Any] | None) -> Any:
    if drift is None or drift["score"] is None:
        return None
    threshold = drift["threshold"]
    return strip(
        f"Drift: {drift['metric']}",
        drift["null_scores"],
        "Scores of random parts of the known questions",
        None if threshold is None else ("threshold", threshold),
        ("new data", drift["score"]),
    )


def _suite(suite: dict[str, Any]) -> dict[str, Any]:
    rows = [_expectation(e) for e in suite["expectations"]]
    rows.sort(key=lambda row: (row["success"], _ORDER.get(row["severity"], 3)))
    return {
        "name": suite["suite"],
        "success": suite["success"],
        "rows": suite.get("rows"),
        "expectations": rows,
        "failed": sum(not row["success"] for row in rows),
    }


def _expectation(value: dict[str, Any]) -> dict[str, Any]:
    kwargs = {
        k: v for k, v in (value.get("kwargs") or {}).items() if k != "column" and v is not None
    }
    kind = value["type"].removeprefix("expect_").replace("_", " ")
    limits = ", ".join(f"{key} {_short(v)}" for key, v in kwargs.items())
    description, observed = value.get("description"), value.get("observed")
    return {
        "what": description or kind,
        "column": value.get("column"),
        "details": f"{kind} {limits}".rstrip() if description else limits,
        "severity": value.get("severity", "critical"),
        "success": value["success"],
        "observed": observed if isinstance(observed, int | float | None) else _short(observed),
        "unexpected_count": value.get("unexpected_count"),
        "examples": [_short(e) for e in (value.get("examples") or [])[:_MOST_EXAMPLES]],
    }


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"
