"""Reading a suite of expectations and checking a frame against it with Great Expectations.

Importing this takes Great Expectations' seconds: tasks do so where they use it.
"""

import difflib
import json
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.exceptions import ExpectationNotFoundError
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)

from cube import storage
from cube.errors import ConfigError

# Their INFO lines are about its own temporary folders; the second has a level of its own.
for _name in ("great_expectations", "great_expectations.data_context.types.base"):
    logging.getLogger(_name).setLevel(logging.WARNING)

SEVERITIES = ("critical", "warning", "info")
_KEYS = ("type", "kwargs", "severity", "description", "quarantine")
_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list", "column_set")
_OF_ROWS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
_EXAMPLES = 5
_FAILING_ROWS = 1_000  # listed for each expectation, however many there are
_LONGEST_TEXT = 200  # characters of an example: it is shown to a person, not read back


@dataclass(frozen=True)
class Suite:
    """A suite that was read and checked."""

    name: str
    path: Path
    entries: list[dict[str, Any]]  # as in the file
    expectations: list[Any] = field(repr=False)  # as Great Expectations knows them
    example_columns: list[str]  # columns that tell a person which row is meant

    @property
    def quarantines(self) -> bool:
        """Whether rows that fail some of it are to be left out."""
        return any(entry.get("quarantine") for entry in self.entries)


def load_suite(source: str | Path) -> Suite:
    """Read a suite: one of this folder by its name, such as "pairs", or any JSON file.

    Raises:
        ConfigError: when the file is missing or anything in it is wrong, naming file and entry.
    """
    path = Path(source)
    if not path.suffix and path.name == str(source):
        path = Path(__file__).parent / f"{source}.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read suite {path}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"Suite {path} is not valid JSON: {error}.") from None
    if not isinstance(values, dict) or not isinstance(values.get("name"), str):
        raise ConfigError(f'Suite {path} must be an object with "name" and "expectations".')
    _check_keys(values, ("name", "description", "example_columns", "expectations"), f"Suite {path}")
    entries = values.get("expectations")
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f'Suite {path} has no list "expectations" with at least one entry.')
    # One by one: a whole suite from JSON skips what it does not know with no more than a log line.
    built = [_build(e, i, f"Suite {path}, expectation {i + 1}") for i, e in enumerate(entries)]
    return Suite(values["name"], path, entries, built, values.get("example_columns") or ["row"])


def validate(
    frame: pd.DataFrame, suite: Suite, data_docs: Path | None = None, failing: Path | None = None
) -> dict[str, Any]:
    """Check a frame and return plain values, JSON-safe.

    Args:
        frame: one row per thing checked; a column "row" identifies it.
        suite: from `load_suite`.
        data_docs: also build Great Expectations' own pages into this folder.
        failing: write the first rows that do not fit, with the reason, into this JSON Lines file.

    Returns:
        suite, success (no critical failure), rows, and for every expectation its type, column,
        kwargs, severity, description, success, observed, unexpected_count and examples.

    Raises:
        ConfigError: when the suite names a column the frame does not have, or cannot be evaluated.
    """
    context = gx.get_context(mode="ephemeral")
    ordered = _outcomes(
        frame,
        suite,
        context,
        {
            "result_format": "SUMMARY",
            "partial_unexpected_count": _FAILING_ROWS,
            "unexpected_index_column_names": suite.example_columns,
        },
    )
    if data_docs is not None:
        _build_data_docs(context, data_docs)
    if failing is not None:
        _write_failing(failing, ordered, suite)
    results = [
        _to_plain(result, entry) for result, entry in zip(ordered, suite.entries, strict=True)
    ]
    success = all(r["success"] for r in results if r["severity"] == "critical")
    return {"suite": suite.name, "success": success, "rows": len(frame), "expectations": results}


def rows_to_quarantine(frame: pd.DataFrame, suite: Suite) -> dict[int, str]:
    """Return the reason why a row is left out, for all that fail what is marked `quarantine`.

    None are where a critical expectation is not met: then the data as a whole is at fault, and
    checking the suite stops the run.

    Args:
        frame: one row per thing checked; a column "row" identifies it.
        suite: from `load_suite`.
    """
    if frame.empty or not suite.quarantines:
        return {}
    marked = [i for i, entry in enumerate(suite.entries) if entry.get("quarantine")]
    entries, expectations = ([of[i] for i in marked] for of in (suite.entries, suite.expectations))
    part = replace(suite, entries=entries, expectations=expectations)
    settings = {"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]}
    reasons: dict[int, str] = {}
    outcomes = _outcomes(frame, part, gx.get_context(mode="ephemeral"), settings)
    for outcome, entry in zip(outcomes, entries, strict=True):
        if not outcome.success and entry.get("severity", "critical") == "critical":
            return {}
        reason = f"suite {suite.name}: {entry.get('description') or entry['type']}"
        for found in outcome.result.get("unexpected_index_list") or []:
            reasons.setdefault(int(found["row"]), reason)
    return reasons


def _outcomes(frame: pd.DataFrame, suite: Suite, context: Any, result_format: dict) -> list[Any]:
    """Check a frame and return Great Expectations' results in the order of the suite."""
    _check_columns(frame.columns, suite)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("all")
    # Copies: an expectation belongs to one context, and a suite may be used again.
    gx_suite = context.suites.add(
        gx.ExpectationSuite(suite.name, expectations=[e.copy() for e in suite.expectations])
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.name, data=batch, suite=gx_suite)
    )
    outcome = definition.run(batch_parameters={"dataframe": frame}, result_format=result_format)
    results = sorted(outcome.results, key=lambda r: r.expectation_config.meta["position"])
    for result, entry in zip(results, suite.entries, strict=True):
        if message := _raised(result.exception_info or {}):
            raise ConfigError(f"Suite {suite.path}: {entry['type']} cannot be evaluated: {message}")
    return results


def _raised(info: dict[str, Any]) -> str | None:
    """Return the message of the exception there was: one, or one for each metric behind it."""
    found = [info, *(of_metric for of_metric in info.values() if isinstance(of_metric, dict))]
    return next((one["exception_message"] for one in found if one.get("raised_exception")), None)


def _build(entry: Any, position: int, where: str) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise ConfigError(f'{where}: expected an object with "type" and "kwargs".')
    _check_keys(entry, _KEYS, where)
    severity = entry.get("severity", "critical")
    if severity not in SEVERITIES:
        raise ConfigError(f"{where}: severity {severity!r} must be one of {', '.join(SEVERITIES)}.")
    if not isinstance(entry.get("quarantine", False), bool):
        raise ConfigError(f'{where}: "quarantine" must be true or false.')
    try:
        kind = get_expectation_impl(entry["type"])
    except ExpectationNotFoundError:
        known = list_registered_expectation_implementations()
        raise ConfigError(
            f"{where}: unknown type {entry['type']!r}{_advice(entry['type'], known)}."
        ) from None
    kwargs = entry.get("kwargs", {})
    if not isinstance(kwargs, dict):
        raise ConfigError(f'{where}: "kwargs" must be an object.')
    if entry.get("quarantine") and not issubclass(kind, _OF_ROWS):
        raise ConfigError(f"{where}: {entry['type']} judges no single rows to quarantine.")
    try:
        return kind(
            **kwargs,
            severity=severity,
            meta={"position": position},
            description=entry.get("description"),
        )
    except (TypeError, ValueError) as error:  # Great Expectations' validation errors among them
        errors = getattr(error, "errors", None)
        details = "; ".join(_explain(e) for e in errors()) if errors else str(error)
        raise ConfigError(f"{where} ({entry['type']}): {details}.") from None


def _explain(error: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "__root__")
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def _check_keys(values: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{_advice(key, known)}.")


def _check_columns(columns: Iterable[str], suite: Suite) -> None:
    known = list(columns)
    named = [(column, "example_columns") for column in suite.example_columns]
    for i, entry in enumerate(suite.entries):
        for name in _COLUMN_KWARGS:
            value = entry.get("kwargs", {}).get(name, [])
            listed = [value] if isinstance(value, str) else value
            named += [(column, f"expectation {i + 1}") for column in listed]
    for column, where in named:
        if column not in known:
            raise ConfigError(
                f"Suite {suite.path}, {where}: no column {column!r}"
                f"{_advice(column, known)}; columns: {', '.join(known)}."
            )


def _advice(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}" if near else ""


def _to_plain(result: Any, entry: dict[str, Any]) -> dict[str, Any]:
    kwargs = entry.get("kwargs", {})
    found = result.result
    return {
        "type": entry["type"],
        "column": kwargs.get("column"),
        "kwargs": kwargs,
        "severity": entry.get("severity", "critical"),
        "description": entry.get("description", ""),
        "success": bool(result.success),
        "observed": _plain(found.get("observed_value")),
        "unexpected_count": _plain(found.get("unexpected_count")),
        "examples": _plain(found.get("partial_unexpected_index_list") or [])[:_EXAMPLES],
    }


def _write_failing(path: Path, outcomes: list[Any], suite: Suite) -> None:
    lines = []
    for outcome, entry in zip(outcomes, suite.entries, strict=True):
        reason = {
            "suite": suite.name,
            "severity": entry.get("severity", "critical"),
            "reason": entry.get("description") or entry["type"],
        }
        rows = outcome.result.get("partial_unexpected_index_list") or []
        lines += [
            json.dumps({**reason, "row": _plain(row)}, ensure_ascii=False) + "\n" for row in rows
        ]
    storage.write_bytes(path, "".join(lines).encode())


def _plain(value: Any) -> Any:
    """Return a JSON-safe copy: no numpy scalars, no NaN, no endless texts."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _build_data_docs(context: Any, folder: Path) -> None:
    site = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.resolve()),
        },
    }
    context.add_data_docs_site("cube", site)
    context.build_data_docs(site_names=["cube"])
