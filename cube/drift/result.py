"""What drift.json says: the judgements and their sum, or why there are none."""

from typing import Any

from cube.drift.judgement import Judgement


def result_of(judgements: list[Judgement]) -> dict[str, Any]:
    """Return all judgements, and on top the one that is farthest above its threshold."""
    worst = max(judgements, key=lambda j: j.score / j.threshold)
    found = [j for j in judgements if j.drifted]
    what = ", ".join(f"{j.method} {j.score:.3g} (threshold {j.threshold:.3g})" for j in found)
    return {
        "judged": True,
        "drifted": bool(found),
        "score": worst.score,
        "threshold": worst.threshold,
        "metric": worst.method,
        "null_scores": worst.null_scores,
        "judgements": [j.to_json() for j in judgements],
        "note": f"Drift: {what}." if found else f"No drift by {len(judgements)} measures.",
    }


def not_judged(note: str) -> dict[str, Any]:
    """Return the same without a judgement, and why there is none."""
    return {
        "inputs": "",
        "judged": False,
        "drifted": False,
        "score": None,
        "threshold": None,
        "metric": "",
        "null_scores": [],
        "judgements": [],
        "reference": "",
        "reference_rows": 0,
        "current_rows": 0,
        "note": note,
        "history": [],
    }
