"""Parts of a slice: by source, length of the question, script, and depth of the turn."""

import unicodedata
from collections import Counter
from typing import Any

import numpy as np

from cube.config import EvaluationConfig
from cube.evaluation.metrics import SliceScores
from cube.evaluation.significance import paired_bootstrap

_MOST_PARTS = 12  # of one kind: a report is read by people
_LENGTHS = ((4, "1–4 words"), (8, "5–8 words"), (16, "9–16 words"), (10**9, "17 words or more"))


def groups_of(
    kinds: dict[str, list[str]], by_system: dict[str, SliceScores], config: EvaluationConfig
) -> list[dict[str, Any]]:
    """Return what `Group` in `cube.evaluation.schema` describes, for every part of every kind.

    Args:
        kinds: by kind (source, script, …) the part of every question; kinds with one part only
            say nothing and are left out, and of many parts so are the smaller ones, see `left_out`.
        by_system: scores of "cube" and "identity" on these questions.
        config: bootstrap and the fewest questions for a conclusion.
    """
    cube, identity = by_system["cube"], by_system["identity"]
    found = []
    for kind, parts in kinds.items():
        sizes = _by_size(parts)
        if len(sizes) < 2:
            continue
        labels = np.array(parts, object)
        for part, size in sizes[:_MOST_PARTS]:
            inside = labels == part
            ours, theirs = cube.reciprocal_ranks[inside], identity.reciprocal_ranks[inside]
            interval = paired_bootstrap(ours, theirs, config.bootstrap_resamples, config.confidence)
            found.append(
                {
                    "by": kind,
                    "value": part,
                    "questions": size,
                    "bank": len(cube.task.bank),
                    "judged": size >= config.min_questions,
                    "cube": float(ours.mean()),
                    "identity": float(theirs.mean()),
                    "cube_minus_identity": interval.model_dump(),
                }
            )
    return found


def left_out(kinds: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return what `LeftOut` in `cube.evaluation.schema` describes, for every kind of many parts."""
    return [
        {"by": kind, "parts": len(smaller), "questions": sum(size for _, size in smaller)}
        for kind, parts in kinds.items()
        if (smaller := _by_size(parts)[_MOST_PARTS:])
    ]


def _by_size(parts: list[str]) -> list[tuple[str, int]]:
    """Return parts and their sizes, largest first, equal ones by name."""
    return sorted(Counter(parts).items(), key=lambda item: (-item[1], item[0]))


def length_of(text: str) -> str:
    """Return the part by number of words."""
    words = len(text.split())
    return next(name for most, name in _LENGTHS if words <= most)


def script_of(text: str) -> str:
    """Return the script of most letters, in the words of Unicode (Latin, Cyrillic, CJK)."""
    scripts = Counter(
        unicodedata.name(letter, "Unknown").split()[0] for letter in text if letter.isalpha()
    )
    return scripts.most_common(1)[0][0].capitalize() if scripts else "No letters"


def depth_of(turn: int) -> str:
    """Return the part by position of the answer in its dialogue, counted from 1."""
    return f"turn {turn + 1}" if turn < 9 else "turn 10 or later"
