"""The verdict: may this cube replace the champion, and if not, what to use instead and why."""

import math

from cube.config import GateConfig
from cube.evaluation.schema.judgement import Reason, Verdict
from cube.evaluation.schema.part import Interval

SLICE_NAMES = {
    "new_wordings": "new wordings of known answers",
    "unseen_answers": "answers never seen in training",
    "dialogue_turns": "next turns of unseen dialogues",
    "all_pairs": "these pairs",
}


def judge(
    headline: str,
    num_questions: int,
    scores: dict[str, float],
    labels: dict[str, str],
    intervals: dict[str, Interval],
    alternative_over_teacher: Interval,
    other_slices: dict[str, Interval],
    min_questions: int,
    gate: GateConfig | None = None,
) -> Verdict:
    """Apply the gate to one slice: every rule is checked, the first that refuses is the verdict.

    Rules are enough_questions, over_identity, no_worse_than_champion, no_worse_than_best_baseline
    and no_loss_on_<slice>; a failed rule without a refusal only warns.

    Args:
        headline: slice the gate reads.
        num_questions: test questions in it.
        scores: MRR@10 by system; "cube" is the challenger.
        labels: words for the systems.
        intervals: cube minus system in MRR@10, by system.
        alternative_over_teacher: `best_alternative` minus frozen teacher.
        other_slices: cube minus frozen teacher on the other judged slices.
        min_questions: fewer are never enough.
        gate: the rules; without, the defaults.
    """
    gate = gate or GateConfig()
    where = SLICE_NAMES[headline]
    best = max((name for name in intervals if name != "champion"), key=lambda name: scores[name])
    instead, use = "identity", "the frozen teacher"
    alternative = best_alternative(scores, intervals)
    scored = f"{labels[alternative]} (MRR@10 {scores[alternative]:.3f})"
    if alternative_over_teacher.better:
        instead, use = alternative, scored
    elif alternative != "identity":
        use += f", as {scored} is not surely better either"
    reasons = [
        _enough_questions(num_questions, min_questions),
        _over_identity(where, intervals["identity"], gate.margin, instead, use),
    ]
    rivals = {"champion": "champion", "best_baseline": best}
    reasons += [
        _no_worse_than(rule, where, rivals[rule], labels[rivals[rule]], intervals[rivals[rule]])
        for rule in gate.no_worse_than
        if rivals[rule] in intervals
    ]
    refuse = gate.other_slices == "refuse"
    reasons += [_no_loss_on(name, other_slices[name], refuse) for name in other_slices]
    failed = [reason for reason in reasons if not reason.passed]
    warnings = [
        f"On {SLICE_NAMES[name]} the cube is significantly worse than the frozen teacher "
        f"({_difference(interval)})."
        for name, interval in other_slices.items()
        if interval.worse
    ]
    refusal = next((reason for reason in failed if reason.refusal), None)
    if refusal is not None:
        sentence = f"Not promoted: {refusal.refusal}"
    else:
        sentence = (
            f"Promoted: on {where} the cube scores MRR@10 {scores['cube']:.3f}, the frozen teacher "
            f"{scores['identity']:.3f} ({_difference(intervals['identity'])}, "
            f"{num_questions:,} questions)."
        )
    return Verdict(
        promote=refusal is None,
        sentence=sentence,
        use_instead=None if refusal is None else refusal.use_instead,
        warnings=warnings,
        reasons=reasons,
    )


def best_alternative(scores: dict[str, float], intervals: dict[str, Interval]) -> str:
    """Return the system of the highest MRR@10 beside the cube, be it the champion."""
    return max(intervals, key=lambda name: scores[name])


def as_judged(sentence: str) -> str:
    """Return a verdict's sentence as what the gate says, where nothing was promoted by it yet."""
    return sentence.replace("Promoted:", "The gate says yes:", 1)


def _enough_questions(num_questions: int, min_questions: int) -> Reason:
    questions = "test question is" if num_questions == 1 else "test questions are"
    times = math.ceil(10 * min_questions / num_questions) / 10
    return Reason(
        rule="enough_questions",
        asks=f"at least {min_questions} test questions",
        measured=f"{num_questions:,} questions",
        passed=num_questions >= min_questions,
        refusal=f"{num_questions} {questions} too few to judge (at least {min_questions}); "
        f"use the frozen teacher until there are about {times:g} times as many pairs.",
        use_instead="identity",
        interval=None,
    )


def _over_identity(where: str, against: Interval, margin: float, instead: str, use: str) -> Reason:
    by = f" by more than {margin:g}" if margin else ""
    return Reason(
        rule="over_identity",
        asks=f"surely better than the frozen teacher{by}",
        measured=_difference(against),
        passed=against.low > margin,
        refusal=f"on {where} the cube is not surely better than the frozen teacher{by} "
        f"({_difference(against)}); use {use}.",
        use_instead=instead,
        interval=against,
    )


def _no_worse_than(rule: str, where: str, rival: str, label: str, against: Interval) -> Reason:
    return Reason(
        rule=f"no_worse_than_{rule}",
        asks=f"not significantly worse than {label}",
        measured=_difference(against),
        passed=not against.worse,
        refusal=f"on {where} the cube is significantly worse than {label} "
        f"({_difference(against)}); use {label} instead.",
        use_instead=rival,
        interval=against,
    )


def _no_loss_on(name: str, against: Interval, refuse: bool) -> Reason:
    where = SLICE_NAMES[name]
    refusal = (
        f"on {where} the cube is significantly worse than the frozen teacher "
        f"({_difference(against)}); use the frozen teacher."
    )
    return Reason(
        rule=f"no_loss_on_{name}",
        asks=f"no significant loss against the frozen teacher on {where}"
        + ("" if refuse else " (a warning only)"),
        measured=_difference(against),
        passed=not against.worse,
        refusal=refusal if refuse else None,
        use_instead="identity" if refuse else None,
        interval=against,
    )


def _difference(interval: Interval) -> str:
    return f"{interval.difference:+.3f}, interval {interval.low:+.3f} to {interval.high:+.3f}"
