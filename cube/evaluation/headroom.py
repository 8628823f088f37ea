"""Headroom before training, and whether answers belong to their questions at all.

Both look at training and validation pairs only, and take seconds: closed-form maps stand for what
a trained one may gain.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cube.config import EvaluationConfig
from cube.evaluation.baselines import System, untrained_baselines
from cube.evaluation.baselines.linear import linear_baselines
from cube.evaluation.baselines.tuning import Tuning
from cube.evaluation.evaluate import score_system
from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import SliceScores
from cube.evaluation.schema.judgement import Reason
from cube.evaluation.schema.part import Interval
from cube.evaluation.significance import paired_bootstrap
from cube.ranking import RetrievalTask

_MOST_QUESTIONS, _MOST_ANSWERS = 2_000, 8_192
_CHANCE = 0.55  # contrastive accuracy of unrelated texts is 0.5; below this it may well be
_FEWEST_QUESTIONS = 30  # below it nothing is told from them
_WORTHWHILE = 0.005  # MRR@10 that is worth a training


@dataclass(frozen=True)
class Outlook:
    """Scores on a sample of validation questions, before anything is trained."""

    task: RetrievalTask
    identity: SliceScores
    best: SliceScores
    best_system: System
    oracle: SliceScores  # predicts the right answer itself: only copies stand before it
    training: SliceScores  # the frozen teacher on training pairs


def look_ahead(experiment: Experiment) -> Outlook:
    """Score frozen teacher, closed-form maps and the right answers themselves on validation."""
    data = experiment.training_set
    task = data.validation.sample(_MOST_QUESTIONS, _MOST_ANSWERS, seed=0)
    trained = RetrievalTask.from_pairs(data.questions, data.answers, np.unique(data.answers))
    trained = trained.sample(_MOST_QUESTIONS, _MOST_ANSWERS, seed=0)
    systems = [
        *(s for s in untrained_baselines(experiment.centre) if s.name != "mean_answer"),
        *linear_baselines(experiment, Tuning(experiment)),
    ]
    scores = {s.name: score_system(experiment, s, task) for s in systems}
    best = max(systems, key=lambda system: scores[system.name].reciprocal_ranks.mean())
    answers = experiment.gather(task.bank[task.right[task.bounds[:-1]]])
    oracle = System("oracle", "the right answer itself", lambda _: answers)
    return Outlook(
        task,
        scores["identity"],
        scores[best.name],
        best,
        score_system(experiment, oracle, task),
        score_system(experiment, next(s for s in systems if s.name == "identity"), trained),
    )


def headroom(
    outlook: Outlook, labels: dict[str, Any], experiment: Experiment, config: EvaluationConfig
) -> dict[str, Any]:
    """Return what `Headroom` in `cube.evaluation.schema` describes.

    Args:
        outlook: the scores.
        labels: what `check_labels` says of them; what is gained on shuffled answers is chance.
        experiment: the vectors.
        config: of the bootstrap.
    """
    resamples, confidence = config.bootstrap_resamples, config.confidence
    linear, teacher = outlook.best.reciprocal_ranks, outlook.identity.reciprocal_ranks
    gain = paired_bootstrap(linear, teacher, resamples, confidence)
    identity = float(teacher.mean())
    ceiling = float(outlook.oracle.reciprocal_ranks.mean())
    task = outlook.task
    can_tell = len(task) >= _FEWEST_QUESTIONS and not labels["suspicious"]
    likely = _likely(gain, ceiling - identity) if can_tell else "unsure"
    seen = np.isin(task.bank[task.right], experiment.training_set.answers)
    known = np.add.reduceat(seen.astype(int), task.bounds[:-1]) > 0
    advice = {
        "yes": "an adapter is likely to help",
        "no": "an adapter is unlikely to help",
        "unsure": "whether an adapter helps cannot be told before training",
    }[likely]
    change = f"changes it by {gain.difference:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
    found = f"{outlook.best_system.label} {change}"
    if outlook.best_system.name == "identity":
        found = "no closed-form map is better"
    return {
        "questions": len(task),
        "bank": len(task.bank),
        "identity": identity,
        "linear": float(linear.mean()),
        "linear_name": outlook.best_system.label,
        "gain": gain.model_dump(),
        "resamples": resamples,
        "confidence": confidence,
        "ceiling": ceiling,
        "copied_share": float((outlook.oracle.ranks > 1).mean()),
        "known_answer_share": float(known.mean()),
        "likely": likely,
        "sentence": (
            f"Before training the frozen teacher has MRR@10 {identity:.3f} of at most "
            f"{ceiling:.3f} on {len(task):,} validation questions; {found}: {advice}."
        ),
    }


def check_labels(outlook: Outlook) -> dict[str, Any]:
    """Return what `LabelCheck` in `cube.evaluation.schema` describes.

    Suspicious are training answers no nearer to their questions than random ones, if held-out
    answers are nearer or if nothing that was learned carries over to them either.
    """
    training, validation, learned = (
        float(scores.summary()["contrastive_accuracy"] or 0.0)
        for scores in (outlook.training, outlook.identity, outlook.best)
    )
    suspicious = training < _CHANCE and (validation - training > 0.2 or learned < _CHANCE)
    measured = (
        f"a training question lies nearer to its own answer than to another one in {training:.0%} "
        f"of cases (chance 50%), a validation question in {validation:.0%}"
    )
    if training < _CHANCE and not suspicious:
        measured += f", after the best closed-form map in {learned:.0%}"
    return {
        "training": training,
        "validation": validation,
        "learned": learned,
        "suspicious": suspicious,
        "sentence": f"The answers look shuffled: {measured}."
        if suspicious
        else f"Answers belong to their questions: {measured}.",
    }


def refuse_shuffled(verdict: dict[str, Any], labels: dict[str, Any]) -> None:
    """Turn a verdict into a refusal that names the fault, if `check_labels` is suspicious.

    A map can beat the frozen teacher on shuffled pairs too, by centring alone: what it learned
    beyond that is wrong, so its scores do not speak for it.
    """
    refusal = (
        f"{labels['sentence']} Correct how questions and answers were joined, and train again; "
        "use the frozen teacher until then."
    )
    reason = Reason(
        rule="answers_belong_to_questions",
        asks="answers that belong to their questions",
        measured=f"contrastive accuracy {labels['training']:.0%} in training, "
        f"{labels['learned']:.0%} after the best closed-form map, chance 50%",
        passed=not labels["suspicious"],
        refusal=refusal,
        use_instead="identity",
        interval=None,
    )
    verdict["reasons"] = [*verdict["reasons"], reason.model_dump()]
    if labels["suspicious"]:
        verdict |= {
            "promote": False,
            "sentence": f"Not promoted: {refusal}",
            "use_instead": "identity",
        }


def _likely(gain: Interval, room: float) -> Literal["yes", "no", "unsure"]:
    if gain.better:
        return "yes"
    if room < _WORTHWHILE or gain.high < _WORTHWHILE:
        return "no"
    return "unsure"
