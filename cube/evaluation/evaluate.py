"""The cube against every other system, on every slice, with intervals and the verdict.

`to_json` gives what of it `evaluation.json` holds, `Judgement` in `cube.evaluation.schema`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cube.config import EvaluationConfig
from cube.evaluation.baselines import AnySystem, TextSystem
from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import NUM_TOP, SliceScores, score_slice
from cube.evaluation.schema.part import Interval
from cube.evaluation.significance import paired_bootstrap
from cube.evaluation.verdict import best_alternative, judge
from cube.ranking import RetrievalTask, Rows

_CURVE = tuple(m * 10**e for e in range(7) for m in (1, 2, 5))


@dataclass(frozen=True)
class Judged:
    """All scores of an evaluation, before they become plain values."""

    systems: Sequence[AnySystem]
    scores: dict[str, dict[str, SliceScores]]  # slice -> system -> scores
    intervals: dict[str, dict[str, Interval]]  # slice -> system -> cube minus system, MRR@10
    headline: str


def score_systems(
    experiment: Experiment, systems: Sequence[AnySystem], slice_name: str
) -> dict[str, SliceScores]:
    """Score systems on one slice, by name."""
    task = experiment.task(slice_name)
    return {system.name: score_system(experiment, system, task) for system in systems}


def score_system(experiment: Experiment, system: AnySystem, task: RetrievalTask) -> SliceScores:
    """Score one system on one task."""
    if isinstance(system, TextSystem):
        return SliceScores(system.rank(task, NUM_TOP), task, closeness=None)
    predictions = system.predict(experiment.gather(task.questions))
    bank, mean = Rows(experiment.vectors, task.bank), experiment.centre.answer
    return score_slice(predictions, bank, task, mean, system.rank_centred)


def judge_systems(
    experiment: Experiment,
    systems: Sequence[AnySystem],
    config: EvaluationConfig,
    learned: Mapping[str, np.ndarray] | None = None,
) -> Judged:
    """Score every system on every slice that has questions; "cube" must be among them.

    Args:
        experiment: what is asked.
        systems: who answers.
        config: of the bootstrap, and which slice is the headline.
        learned: rows of headline questions that a system was trained on; its interval is over
            the others.
    """
    headline = headline_of(experiment, config)
    scores: dict[str, dict[str, SliceScores]] = {}
    intervals: dict[str, dict[str, Interval]] = {}
    for name, pairs in experiment.slices.items():
        if not len(pairs):
            continue
        scores[name] = score_systems(experiment, systems, name)
        ours, asked = scores[name]["cube"].reciprocal_ranks, scores[name]["cube"].task.questions
        known = (learned or {}) if name == headline else {}
        intervals[name] = {}
        for other, theirs in scores[name].items():
            if other == "cube":
                continue
            new = ~np.isin(asked, known.get(other, []))
            intervals[name][other] = paired_bootstrap(
                ours[new],
                theirs.reciprocal_ranks[new],
                config.bootstrap_resamples,
                config.confidence,
            )
    return Judged(systems, scores, intervals, headline)


def headline_of(experiment: Experiment, config: EvaluationConfig) -> str:
    """Return the slice that the gate reads, of those that have questions."""
    slices = experiment.slices.items()
    sizes = {n: len(np.unique(experiment.questions[pairs])) for n, pairs in slices if len(pairs)}
    if config.headline in sizes:
        return str(config.headline)
    large = [name for name, size in sizes.items() if size >= config.min_questions]
    return large[0] if large else max(sizes, key=lambda name: sizes[name])


def to_json(judged: Judged, config: EvaluationConfig) -> dict[str, Any]:
    """Put scores, intervals and verdict into plain values."""
    headline = judged.headline
    labels = {system.name: system.label for system in judged.systems}
    sizes = {name: len(scores["cube"].ranks) for name, scores in judged.scores.items()}
    others = {
        name: intervals["identity"]
        for name, intervals in judged.intervals.items()
        if name != headline and sizes[name] >= config.min_questions
    }
    ranks = {name: scores.reciprocal_ranks for name, scores in judged.scores[headline].items()}
    mrr = {name: float(reciprocal.mean()) for name, reciprocal in ranks.items()}
    alternative = best_alternative(mrr, judged.intervals[headline])
    verdict = judge(
        headline,
        sizes[headline],
        mrr,
        labels,
        judged.intervals[headline],
        paired_bootstrap(
            ranks[alternative], ranks["identity"], config.bootstrap_resamples, config.confidence
        ),
        others,
        config.min_questions,
        config.gate,
    )
    return {
        "headline": headline,
        "verdict": verdict.model_dump(),
        "systems": {
            system.name: {
                "label": system.label,
                "parameters": system.num_parameters,
                "ranks_by": system.ranks_by,
            }
            for system in judged.systems
        },
        "slices": {
            name: _slice(by_system, judged.intervals[name], config.min_questions)
            for name, by_system in judged.scores.items()
        },
    }


def _slice(
    by_system: dict[str, SliceScores], intervals: dict[str, Interval], min_questions: int
) -> dict[str, Any]:
    task = by_system["cube"].task
    return {
        "questions": len(task),
        "bank": len(task.bank),
        "single_answer_share": float((np.diff(task.bounds) == 1).mean()),
        "judged": len(task) >= min_questions,
        "scores": {system: scores.summary() for system, scores in by_system.items()},
        "cube_minus": {system: interval.model_dump() for system, interval in intervals.items()},
        "rank_curve": _rank_curve(by_system, len(task.bank)),
    }


def _rank_curve(by_system: dict[str, SliceScores], bank: int) -> dict[str, Any]:
    """Return the share of questions answered within the first k, for k up to the whole bank."""
    cutoffs = [k for k in _CURVE if k < bank] + [bank]
    return {
        "k": cutoffs,
        "found": {
            name: [float((scores.ranks <= k).mean()) for k in cutoffs]
            for name, scores in by_system.items()
        },
    }
