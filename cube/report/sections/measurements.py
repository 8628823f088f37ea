"""Restoration, context, stability over seeds, time and memory."""

from typing import Any

from cube.report.figures.strip import strip
from cube.report.numbers import compact, count, duration, with_unit

_RESTORED = {
    "corrupted": "corrupted input, nothing done",
    "wiener": "linear restorer (Wiener filter)",
    "autoencoder": "cube at the end of its autoencoder stage",
    "final": "final cube",
}


def measurements_section(
    evaluation: dict[str, Any], timings: dict[str, Any] | None
) -> dict[str, Any]:
    """Return tables of what was measured besides retrieval.

    Args:
        evaluation: content of evaluation.json.
        timings: content of timings.json, or None.
    """
    restoration = evaluation.get("restoration") or {}
    context = next((t for t in evaluation["targets"] if t["name"] == "Context preservation"), None)
    return {
        "restoration": [
            (words, restoration[name]) for name, words in _RESTORED.items() if name in restoration
        ],
        "context": context,
        "dialogue": _dialogue(evaluation),
        "stability": _stability(evaluation),
        "timings": _timings(timings or {}, evaluation.get("training") or {}),
    }


def _dialogue(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    dialogue = evaluation.get("dialogue")
    if not dialogue:
        return None
    labels = {name: system["label"] for name, system in evaluation["systems"].items()}
    preserved, coherent = dialogue["context_preservation"], dialogue["coherence"]
    order = sorted(preserved.keys() | coherent.keys(), key=lambda name: (name != "cube", name))
    rows = [(labels.get(s, s), preserved.get(s), coherent.get(s)) for s in order]
    return {**dialogue, "rows": rows}


def _stability(evaluation: dict[str, Any]) -> dict[str, Any] | None:
    stability = evaluation.get("stability")
    if not stability:
        return None
    scores = stability["mrr@10"]
    # The teacher's score on the same line shows whether the spread is small beside the gain.
    teacher = evaluation["slices"][evaluation["headline"]]["scores"]["identity"]["mrr@10"]
    figure = None
    if len(scores) > 1:
        reference = ("frozen teacher", teacher)
        figure = strip("MRR@10 by seed", scores, "MRR@10 of each training", reference)
    return {**stability, "scores": scores, "figure": figure}


def _timings(timings: dict[str, Any], training: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, value and note of each row."""
    steps = training.get("steps")
    note = f"{count(steps)} steps, validation included" if steps else ""
    return [
        ("Training", duration(timings.get("training_seconds")), note),
        ("One epoch", duration(timings.get("epoch_seconds")), "one pass over the training pairs"),
        (
            "Peak memory",
            with_unit(compact(timings.get("peak_rss_gb")), "GB"),
            "resident set of the process that trained, mapped pages included",
        ),
        (
            "Speed against a plain loop",
            with_unit(compact(timings.get("speedup")), "×"),
            "samples a second, measured in the same run",
        ),
    ]
