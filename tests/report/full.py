"""Values for every section an evaluation may have numbers for, and the same with hostile texts."""

from typing import Any

from tests.report.conftest import HOSTILE, evaluation_values, interval


def full_values() -> dict[str, Any]:
    """Return changes to `evaluation_values` that give every section its numbers."""
    known = evaluation_values()
    slices, verdict = known["slices"], known["verdict"]
    for name, part in slices.items():
        found = {system: [0.2, 0.5, 0.7] for system in part["scores"]}
        part["rank_curve"] = {"k": [1, 10, 100], "found": found}
        part["groups"] = [_group("source", "notes", 40), _group("script", f"Latin {name}", 12)]
    return {
        "slices": slices,
        "verdict": {**verdict, "reasons": _REASONS},
        "headroom": {
            "questions": 20, "bank": 836, "identity": 0.4, "linear": 0.45, "linear_name": "ridge",
            "gain": interval(0.05), "resamples": 10_000, "confidence": 0.95, "ceiling": 0.98,
            "copied_share": 0.02, "known_answer_share": 0.6, "likely": "yes",
            "sentence": "An adapter should help.",
        },
        "label_check": {
            "training": 0.9, "validation": 0.9, "learned": 0.92, "suspicious": False,
            "sentence": "Answers belong to their questions.",
        },
        "leaks": {
            "checked": 40, "leaked": 1, "share": 0.025, "limit": 0.05,
            "examples": [
                {"test": "How to sync?", "training": "How do I sync?", "similarity": 0.98}
            ],
        },
        "learning_curve": {
            "slice": "new_wordings",
            "points": [{"pairs": n, "mrr@10": 0.4 + n / 1000} for n in (25, 50, 100)],
            "doubled_pairs": 200, "expected": 0.52, "gain": interval(0.02),
            "sentence": "With twice the data expect about 0.52.",
        },
        "confidence": {
            "fitted_on": 20, "questions": 260, "accuracy": 0.4, "right_share": 0.2,
            "calibration_error": 0.03, "brier": 0.15, "threshold": 0.5, "answered_share": 0.3,
            "answered_accuracy": None, "answered_without": 0.123, "novel_share": 0.01,
            "bins": [
                {"low": 0.0, "high": 0.5, "questions": 200, "predicted": 0.2, "right": 0.22},
                {"low": 0.5, "high": 1.0, "questions": 0, "predicted": None, "right": None},
            ],
        },
        "failures": {
            "beyond": 10, "count": 60, "share": 0.24,
            "clusters": [{"words": ["sync", "phone"], "questions": 20, "share": 0.3,
                          "examples": ["Why does it not sync?"]}],
            "likely_wrong_labels": [{"question": "Print?", "label": "Menu, Print.",
                                     "found": "Print is in the menu.", "similarity": 0.95}],
            "num_likely_wrong_labels": 1,
            "unanswerable": [{"question": "hello", "label": "Hi.", "rank": 400}],
            "num_unanswerable": 1,
        },
        "dialogue": {
            "turns": 61, "bank": 836, "context_preservation": {"cube": 1.9, "identity": 2.6},
            "coherence": {"cube": 0.4, "identity": 0.35}, "coherence_chance": 0.2,
            "ablation": {"true": 0.24, "shuffled": 0.23, "gain": interval(0.01)},
        },
        "recommendations": ["Check the labels first."],
        "embedding_map": {
            "explained": 0.1,
            "points": [
                {"text": "How do I sync?", "before": (0.0, 0.1), "after": (0.2, 0.1),
                 "answer": (0.3, 0.2), "rank_before": 4, "rank_after": 1},
            ],
        },
        "movement": {"shape": (2, 2, 3), "mean_absolute": [i / 100 for i in range(12)]},
    }  # fmt: skip


def hostile(values: Any) -> Any:
    """Return values in which every text of data or of a person is hostile."""
    if isinstance(values, dict):
        return {
            key: hostile(value) if key not in _NAMES else value for key, value in values.items()
        }
    if isinstance(values, list):
        return [hostile(value) for value in values]
    return HOSTILE if isinstance(values, str) else values


_NAMES = ("slice", "likely", "by", "rule", "headline")  # names the program gives

_REASONS = [
    {
        "rule": "over_identity",
        "asks": "surely better than the frozen teacher",
        "measured": "+0.050",
        "passed": True,
        "refusal": "no",
        "use_instead": "identity",
        "interval": interval(0.05),
    },
    {
        "rule": "no_loss_on_unseen_answers",
        "asks": "no loss",
        "measured": "-0.06",
        "passed": False,
        "refusal": None,
        "use_instead": None,
        "interval": None,
    },
]


def _group(by: str, value: str, questions: int) -> dict[str, Any]:
    return {
        "by": by, "value": value, "questions": questions, "bank": 836, "judged": questions >= 30,
        "cube": 0.45, "identity": 0.4, "cube_minus_identity": interval(0.05),
    }  # fmt: skip
