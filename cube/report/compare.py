"""Several runs on one page: what they score, how they learned, and what tells them apart."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cube import storage
from cube.differences import differing_settings
from cube.errors import DataError
from cube.evaluation.verdict import SLICE_NAMES
from cube.report.figures.intervals import interval_axis, interval_cells, shared_limit
from cube.report.figures.lines import Axes, Series, line_figure
from cube.report.numbers import compact, count, with_unit
from cube.report.page import render_page
from cube.report.render import REPORT
from cube.runs import Run, read_metrics

MOST_RUNS = 8
_COLUMNS = ("hit@1", "hit@10", "centred_cosine")


def render_comparison(runs: Sequence[Run], path: Path) -> Path:
    """Write the comparison of evaluated runs, the first being the one to compare with.

    Raises:
        DataError: when a run was not evaluated yet, is named twice, or there are too many.
    """
    storage.write_bytes(path, comparison_html(runs, path.parent).encode())
    return path


def comparison_html(runs: Sequence[Run], folder: Path) -> str:
    """Return the comparison as one HTML document.

    Args:
        runs: two or more evaluated runs.
        folder: where the page will lie, for links to the runs' reports.
    """
    different = {run.run_id for run in runs}
    if not 2 <= len(different) == len(runs) <= MOST_RUNS:
        given = ", ".join(run.run_id for run in runs)
        raise DataError(f"A comparison takes 2 to {MOST_RUNS} different runs, not {given}.")
    evaluations = []
    for run in runs:
        if (evaluation := run.read("evaluation.json")) is None:
            raise DataError(f"Run {run.run_id} has no evaluation.json yet: evaluate it first.")
        evaluations.append(evaluation)
    pairwise, notes = _pairwise(runs)
    names = [name for name in SLICE_NAMES if any(name in e["slices"] for e in evaluations)]
    settings = differing_settings([run.config.model_dump(mode="json") for run in runs])
    return render_page(
        "comparison.html",
        script="report/report.js",
        runs=[_heading(i, run, evaluations[i], folder) for i, run in enumerate(runs)],
        slices=[_slice(name, runs, evaluations, pairwise) for name in names],
        notes=notes,
        curves=_curves(runs),
        targets=_targets(evaluations),
        settings={name: [_as_set(value) for value in row] for name, row in settings.items()},
    )


def _as_set(value: Any) -> str:
    """Write a setting as a config file would: null and true, where Python has None and True."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _heading(place: int, run: Run, evaluation: dict[str, Any], folder: Path) -> dict[str, Any]:
    report = run.folder / REPORT
    verdict = run.read("published.json") or {"promoted": evaluation["verdict"]["promote"]}
    return {
        "kind": _kind(place),
        "run_id": run.run_id,
        "created": run.facts["created"],
        "link": os.path.relpath(report, folder) if report.is_file() else None,
        "promoted": verdict["promoted"],
        "teacher": evaluation["teacher"],
        "parameters": evaluation["parameters"],
        "pairs": evaluation["splits"]["train"],
        "best_step": evaluation["training"]["best_step"],
        "steps": evaluation["training"]["steps"],
    }


def _kind(place: int) -> str:
    return f"run-{place + 1}"


def _pairwise(runs: Sequence[Run]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return by run and slice the difference to the first run, where both see the same vectors."""
    from cube.evaluation.compare import compare_cubes
    from cube.model import load_model

    first, pairwise, notes = runs[0], {}, []
    for run in runs[1:]:
        if run.facts["vectors"] != first.facts["vectors"]:
            other = f"{run.run_id} has other data or another teacher than {first.run_id}"
            notes.append(f"{other}, or puts turns together otherwise (data.context).")
        elif run.config.data.splits != first.config.data.splits:
            notes.append(f"{run.run_id} splits the data otherwise than {first.run_id}.")
        else:
            cubes = [load_model(one.folder / "model").cube for one in (first, run)]
            judged = first.config.evaluation
            pairwise[run.run_id] = compare_cubes(first.experiment, cubes[0], cubes[1], judged)
    return pairwise, notes


def _slice(
    name: str,
    runs: Sequence[Run],
    evaluations: Sequence[dict[str, Any]],
    pairwise: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    known = [
        (_kind(i), run.run_id, evaluation["slices"][name], pairwise.get(run.run_id, {}).get(name))
        for i, (run, evaluation) in enumerate(zip(runs, evaluations, strict=True))
        if name in evaluation["slices"]
    ]
    intervals = [part["cube_minus"]["identity"] for _, _, part, _ in known]
    intervals += [compared["difference"] for *_, compared in known if compared]
    limit = shared_limit(intervals)
    rows = [
        {
            "kind": kind,
            "run_id": run_id,
            "questions": part["questions"],
            "bank": part["bank"],
            "mrr": part["scores"]["cube"]["mrr@10"],
            "teacher": part["scores"]["identity"]["mrr@10"],
            "cells": [part["scores"]["cube"][column] for column in _COLUMNS],
            "gain": interval_cells(part["cube_minus"]["identity"], limit, part["judged"]),
            "minus_first": interval_cells(compared["difference"], limit, part["judged"])
            if compared
            else None,
        }
        for kind, run_id, part, compared in known
    ]
    return {"title": SLICE_NAMES[name], "rows": rows, "axis": interval_axis(limit)}


def _curves(runs: Sequence[Run]) -> list[tuple[str, Any]]:
    events = [
        [event for event in read_metrics(run) if event["event"] in ("start", "validation")]
        for run in runs
    ]
    measures = (
        ("Validation MRR@10", "validation_mrr"),
        ("Restored cosine", "validation_restored_cosine"),
    )
    figures = []
    for title, key in measures:
        series = [
            Series(run.run_id, _kind(i), [(event["step"], event[key]) for event in measured])
            for i, (run, measured) in enumerate(zip(runs, events, strict=True))
        ]
        figures.append((title, line_figure(title, series, Axes("step", title, write_x=count))))
    return [(title, figure) for title, figure in figures if figure is not None]


def _targets(evaluations: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Return by target a (value, met) of every run, None where a run has no such target."""
    by_run = [{t["name"]: t for t in evaluation["targets"]} for evaluation in evaluations]
    names = list(dict.fromkeys(name for targets in by_run for name in targets))
    return [(name, [_target(targets.get(name)) for targets in by_run]) for name in names]


def _target(target: dict[str, Any] | None) -> tuple[str, bool | None] | None:
    if target is None:
        return None
    return with_unit(compact(target["value"]), target["unit"]), target["met"]
