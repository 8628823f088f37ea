"""The verdict: may this cube replace the champion, and if not, what to use instead and why."""

from dataclasses import asdict, dataclass, field
from typing import Any

from cube.evaluation.significance import Interval

SLICE_NAMES = {
    "new_wordings": "new wordings of known answers",
    "unseen_answers": "answers never seen in training",
    "dialogue_turns": "next turns of unseen dialogues",
    "all_pairs": "these pairs",
}


@dataclass(frozen=True)
class Verdict:
    """The gate's decision in one sentence, its reasons, and what to use instead."""

    promote: bool
    sentence: str
    use_instead: str | None = None
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def judge(
    headline: str,
    num_questions: int,
    scores: dict[str, float],
    labels: dict[str, str],
    intervals: dict[str, Interval],
    other_slices: dict[str, Interval],
    min_questions: int,
) -> Verdict:
    """Apply the gate to one slice.

    The cube is promoted if its interval against the frozen teacher lies above 0 and it is not
    significantly worse than the champion or the best baseline on the same questions.

    Args:
        headline: slice the gate reads.
        num_questions: test questions in it.
        scores: MRR@10 by system; "cube" is the challenger.
        labels: words for the systems.
        intervals: cube minus system in MRR@10, by system.
        other_slices: cube minus frozen teacher on the other judged slices, for warnings.
        min_questions: fewer are never enough.
    """
    where = SLICE_NAMES.get(headline, headline)
    warnings = [
        f"On {SLICE_NAMES.get(name, name)} the cube is significantly worse than the frozen teacher "
        f"({_difference(interval)})."
        for name, interval in other_slices.items()
        if interval.worse
    ]
    if num_questions < min_questions:
        return Verdict(
            False,
            f"Not promoted: {num_questions} test questions are too few to judge "
            f"(at least {min_questions}); use the frozen teacher until there are more.",
            "identity",
            warnings,
        )
    best = max((name for name in intervals if name != "champion"), key=lambda name: scores[name])
    against = intervals["identity"]
    if not against.better:
        return Verdict(
            False,
            f"Not promoted: on {where} the cube is not surely better than the frozen teacher "
            f"({_difference(against)}); use {labels[best]} (MRR@10 {scores[best]:.3f}).",
            best,
            warnings,
        )
    for name in ("champion", best):
        if name in intervals and intervals[name].worse:
            return Verdict(
                False,
                f"Not promoted: on {where} the cube is significantly worse than {labels[name]} "
                f"({_difference(intervals[name])}); use {labels[name]} instead.",
                name,
                warnings,
            )
    return Verdict(
        True,
        f"Promoted: on {where} the cube scores MRR@10 {scores['cube']:.3f}, the frozen teacher "
        f"{scores['identity']:.3f} ({_difference(against)}, {num_questions} questions).",
        None,
        warnings,
    )


def _difference(interval: Interval) -> str:
    return f"{interval.difference:+.3f}, interval {interval.low:+.3f} to {interval.high:+.3f}"
