"""The evaluation of a run: the cube against every baseline, on every slice, with intervals.

Returns plain values, the content of `evaluation.json`; the arrays stay here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cube.config import EvaluationConfig
from cube.evaluation.baselines import System
from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import SliceScores, normalized, score_slice
from cube.evaluation.significance import Interval, paired_bootstrap
from cube.evaluation.verdict import judge

_BINS = 40


@dataclass(frozen=True)
class Judged:
    """All scores of an evaluation, before they become plain values."""

    systems: list[System]
    scores: dict[str, dict[str, SliceScores]]  # slice -> system -> scores
    intervals: dict[str, dict[str, Interval]]  # slice -> system -> cube minus system, MRR@10
    headline: str


def score_systems(
    experiment: Experiment, systems: list[System], slice_name: str
) -> dict[str, SliceScores]:
    """Score systems on one slice, by name."""
    task = experiment.task(slice_name)
    questions, bank = experiment.gather(task.questions), experiment.gather(experiment.bank)
    mean = experiment.centre.answer
    return {
        system.name: score_slice(system.predict(questions), bank, task, mean, system.rank_centred)
        for system in systems
    }


def judge_systems(
    experiment: Experiment, systems: list[System], config: EvaluationConfig
) -> Judged:
    """Score every system on every slice that has questions; "cube" must be among them."""
    scores: dict[str, dict[str, SliceScores]] = {}
    intervals: dict[str, dict[str, Interval]] = {}
    for name, pairs in experiment.slices.items():
        if not len(pairs):
            continue
        scores[name] = score_systems(experiment, systems, name)
        ours = scores[name]["cube"].reciprocal_ranks
        intervals[name] = {
            other: paired_bootstrap(
                ours, theirs.reciprocal_ranks, config.bootstrap_resamples, config.confidence
            )
            for other, theirs in scores[name].items()
            if other != "cube"
        }
    return Judged(systems, scores, intervals, _headline(scores, config))


def _headline(scores: dict[str, dict[str, SliceScores]], config: EvaluationConfig) -> str:
    if config.headline in scores:
        return str(config.headline)
    sizes = {name: len(by_system["cube"].ranks) for name, by_system in scores.items()}
    large = [name for name, size in sizes.items() if size >= config.min_questions]
    return large[0] if large else max(sizes, key=lambda name: sizes[name])


def to_json(judged: Judged, experiment: Experiment, config: EvaluationConfig) -> dict[str, Any]:
    """Put scores, intervals and verdict into plain values."""
    headline = judged.headline
    labels = {system.name: system.label for system in judged.systems}
    sizes = {name: len(scores["cube"].ranks) for name, scores in judged.scores.items()}
    others = {
        name: intervals["identity"]
        for name, intervals in judged.intervals.items()
        if name != headline and sizes[name] >= config.min_questions
    }
    mrr = {
        name: float(scores.reciprocal_ranks.mean())
        for name, scores in judged.scores[headline].items()
    }
    verdict = judge(
        headline,
        sizes[headline],
        mrr,
        labels,
        judged.intervals[headline],
        others,
        config.min_questions,
        config.gate,
    )
    return {
        "headline": headline,
        "verdict": verdict.to_json(),
        "systems": {
            system.name: {
                "label": system.label,
                "parameters": system.num_parameters,
                "ranks_by": "centred cosine" if system.rank_centred else "cosine",
            }
            for system in judged.systems
        },
        "slices": {
            name: {
                "questions": sizes[name],
                "bank": len(experiment.bank),
                "single_answer_share": _single_answer_share(experiment, name),
                "judged": sizes[name] >= config.min_questions,
                "scores": {system: s.summary() for system, s in by_system.items()},
                "cube_minus": {s: i.to_json() for s, i in judged.intervals[name].items()},
            }
            for name, by_system in judged.scores.items()
        },
    }


def _single_answer_share(experiment: Experiment, name: str) -> float:
    return float((np.diff(experiment.task(name).bounds) == 1).mean())


def similarity_histograms(
    experiment: Experiment, systems: list[System], slice_name: str
) -> dict[str, Any]:
    """Count cosines of questions with right answers and with wrong ones, by system.

    Bins are equal over [-1, 1]; "wrong" takes for each question the bank's best wrong answer.
    """
    task = experiment.task(slice_name)
    bank = normalized(experiment.gather(experiment.bank))
    questions = experiment.gather(task.questions)
    edges = np.linspace(-1, 1, _BINS + 1)
    counts = {}
    for system in systems:
        scores = normalized(system.predict(questions)) @ bank.T
        owner = np.repeat(np.arange(len(task)), np.diff(task.bounds))
        right = scores[owner, task.right].copy()
        scores[owner, task.right] = -np.inf
        best_wrong = scores.max(axis=1)
        counts[system.name] = {
            "right": np.histogram(right, edges)[0].tolist(),
            "best_wrong": np.histogram(best_wrong, edges)[0].tolist(),
        }
    return {"edges": edges.round(4).tolist(), "counts": counts}


def find_examples(
    judged: Judged, experiment: Experiment, systems: dict[str, System], count: int
) -> dict[str, list[dict[str, Any]]]:
    """Return the questions of the headline slice that gained and lost most against the teacher.

    Texts are given as rows of the corpus; `top` lists the bank's three best answers.
    """
    name = judged.headline
    task = experiment.task(name)
    bank = experiment.gather(experiment.bank)
    before, after = judged.scores[name]["identity"], judged.scores[name]["cube"]
    gain = after.reciprocal_ranks - before.reciprocal_ranks
    # Equal gains are told apart by the plain ranks, so the order never depends on the sort.
    order = np.lexsort((after.ranks - before.ranks, -gain))
    chosen = {
        "better": [i for i in order[:count] if gain[i] > 0],
        "worse": [i for i in order[::-1][:count] if gain[i] < 0],
    }

    def describe(i: int) -> dict[str, Any]:
        question = experiment.gather(task.questions[[i]])
        right = task.right[task.bounds[i] : task.bounds[i + 1]]
        entry: dict[str, Any] = {
            "question": int(task.questions[i]),
            "right": [int(experiment.bank[r]) for r in right],
        }
        for key, system, scores in (("before", "identity", before), ("after", "cube", after)):
            cosines = normalized(bank) @ normalized(systems[system].predict(question))[0]
            top = np.argsort(-cosines, kind="stable")[:3]
            entry[key] = {
                "rank": int(scores.ranks[i]),
                "top": [
                    {"row": int(experiment.bank[t]), "score": round(float(cosines[t]), 4)}
                    for t in top
                ],
            }
        return entry

    return {kind: [describe(int(i)) for i in rows] for kind, rows in chosen.items()}
