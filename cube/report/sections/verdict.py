"""The verdict and the few numbers a reader wants first."""

from collections.abc import Sequence
from typing import Any

from cube.evaluation.verdict import SLICE_NAMES
from cube.registry import Promotion
from cube.report.figures.intervals import interval_axis, interval_plot, shared_limit, wording
from cube.report.figures.lattice import lattice_figure

_IN_WORDS = {
    "better": "the cube is better",
    "worse": "the cube is worse",
    "unclear": "no clear difference",
}
_MOST_PROMOTIONS = 10
_TRIVIAL = ("cube", "champion", "identity", "mean_answer", "random")


def verdict_section(
    evaluation: dict[str, Any],
    published: dict[str, Any] | None = None,
    history: Sequence[Promotion] = (),
) -> dict[str, Any]:
    """Return the verdict's values: mark, sentence, warnings and key numbers.

    Args:
        evaluation: content of evaluation.json.
        published: content of published.json, which has the last word: the registry keeps out what
            was rolled back, whatever it scores. None before the run was published.
        history: the registry's promotions, oldest first.
    """
    verdict, name = evaluation["verdict"], evaluation["headline"]
    promoted = published["promoted"] if published else verdict["promote"]
    part = evaluation["slices"][name]
    interval = part["cube_minus"]["identity"]
    limit = shared_limit([interval])
    return {
        "promote": promoted,
        "sentence": _without_mark((published or verdict)["sentence"]),
        "warnings": verdict["warnings"],
        "where": SLICE_NAMES[name],
        "questions": part["questions"],
        "bank": part["bank"],
        "cube": part["scores"]["cube"],
        "teacher": part["scores"]["identity"],
        "interval": interval,
        "wording": _in_words(interval, part),
        "plot": interval_plot(interval, limit),
        "axis": interval_axis(limit),
        "baseline": _best_baseline(evaluation, part),
        "champion": evaluation["champion"]["note"],
        "history": [*reversed(history[-_MOST_PROMOTIONS:])],
        "lattice": lattice_figure(evaluation["lattice"]),
        "shape": "×".join(map(str, evaluation["lattice"])),
        "dimension": evaluation["dimension"],
        "parameters": evaluation["parameters"],
        "teacher_model": evaluation["teacher"],
        "reasons": _reasons(verdict.get("reasons") or []),
        "recommendations": evaluation.get("recommendations") or [],
    }


def _reasons(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the gate's rules with a plot of each interval, on one scale."""
    limit = shared_limit([reason["interval"] for reason in reasons if reason["interval"]])
    return [
        {
            **reason,
            "refuses": reason["refusal"] is not None,
            "plot": interval_plot(reason["interval"], limit) if reason["interval"] else "",
        }
        for reason in reasons
    ]


def _without_mark(sentence: str) -> str:
    """Drop the sentence's first word where the page shows it as a mark of its own."""
    for mark in ("Promoted: ", "Not promoted: "):
        if sentence.startswith(mark):
            rest = sentence.removeprefix(mark)
            return rest[:1].upper() + rest[1:]
    return sentence


def _in_words(interval: dict[str, float], part: dict[str, Any]) -> str:
    return _IN_WORDS[wording(interval)] if part["judged"] else "too few to judge"


def _best_baseline(evaluation: dict[str, Any], part: dict[str, Any]) -> dict[str, Any] | None:
    names = [name for name in part["scores"] if name not in _TRIVIAL]
    if not names:
        return None
    best = max(names, key=lambda name: part["scores"][name]["mrr@10"])
    interval = part["cube_minus"].get(best)
    return {
        "label": evaluation["systems"][best]["label"],
        "mrr": part["scores"][best]["mrr@10"],
        "wording": _in_words(interval, part) if interval else "",
        "interval": interval,
    }
