"""Multi-turn measures: does the cube use the context, keep to it, and stay in its dialogue?

Each is shown beside what doing nothing scores, since doing nothing can score high.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cube.config import EvaluationConfig
from cube.evaluation.baselines import Predict, System
from cube.evaluation.experiment import Experiment
from cube.evaluation.significance import paired_bootstrap
from cube.ranking import TIE, normalized, search
from cube.sampling import sampled

EncodeTurns = Callable[[list[list[int]]], np.ndarray]
_MOST_TURNS = 500


def dialogue_measures(
    experiment: Experiment,
    systems: list[System],
    encode: EncodeTurns | None,
    config: EvaluationConfig,
) -> dict[str, Any] | None:
    """Return what `Dialogue` in `cube.evaluation.schema` describes; None without test dialogues.

    Args:
        experiment: with the rows of the turns before and the dialogue of every pair.
        systems: "cube" must be among them.
        encode: gives questions for lists of turn rows; None where questions hold no context.
        config: resamples and confidence of the bootstrap.
    """
    pairs = _test_turns(experiment)
    if not len(pairs):
        return None
    coherent = {system.name: coherence(experiment, system.predict) for system in systems}
    cube = next(system for system in systems if system.name == "cube")
    return {
        "turns": len(pairs),
        "bank": len(experiment.bank),
        "context_preservation": {
            system.name: context_preservation(experiment, system.predict) for system in systems
        },
        "coherence": {name: float(hits.mean()) for name, (hits, _) in coherent.items()},
        "coherence_chance": float(coherent["cube"][1].mean()),
        "ablation": encode and context_ablation(experiment, cube.predict, encode, config),
    }


def _test_turns(experiment: Experiment) -> np.ndarray:
    """Return the positions of the test turns of dialogues."""
    return experiment.slices.get("dialogue_turns", np.array([], np.int64))


def context_preservation(experiment: Experiment, predict: Predict) -> float:
    """Return how near predictions lie to their context, relative to the true answers.

    Nearness is the largest cosine with a turn of the context; the value is its mean over test
    turns for predictions divided by the mean for true answers (the paraphrase ratio of the Large
    Concept Model paper, as a ratio of means, which no single unrelated answer can blow up).
    1 is like the reference, above 1 leans towards copying.
    """
    pairs = _test_turns(experiment)
    predictions = normalized(predict(experiment.gather(experiment.questions[pairs])))
    answers = normalized(experiment.gather(experiment.answers[pairs]))
    ours, reference = 0.0, 0.0
    for pair, prediction, answer in zip(pairs, predictions, answers, strict=True):
        context = normalized(experiment.gather(np.asarray(experiment.context[pair])))
        ours += float((context @ prediction).max())
        reference += float((context @ answer).max())
    return ours / reference


def coherence(experiment: Experiment, predict: Predict) -> tuple[np.ndarray, np.ndarray]:
    """Return by test turn whether the true next turn is nearest of its dialogue, and the chance.

    Candidates are all turns of the dialogue that any pair names. A turn that is an answer and later
    stands before another has two rows, which count as one. Ties count against us.
    """
    pairs = _test_turns(experiment)
    turns = _turns_by_dialogue(experiment, pairs)
    predictions = normalized(predict(experiment.gather(experiment.questions[pairs])))
    hits, chance = np.zeros(len(pairs), bool), np.ones(len(pairs))
    for i, pair in enumerate(pairs):
        rows, said = turns[int(experiment.dialogues[pair])]
        scores = normalized(experiment.gather(rows)) @ predictions[i]
        is_true = said == said[rows == experiment.answers[pair]]
        others = scores[~is_true]
        hits[i] = not len(others) or scores[is_true].max() > others.max() + TIE
        chance[i] = 1 / len(np.unique(said))
    return hits, chance


def context_ablation(
    experiment: Experiment, predict: Predict, encode: EncodeTurns, config: EvaluationConfig
) -> dict[str, Any] | None:
    """Return MRR@10 with the true turns before and with those of another dialogue.

    The last turn stays; None where fewer than two turns have others before them.
    """
    pairs = _test_turns(experiment)
    pairs = pairs[[len(experiment.context[pair]) > 1 for pair in pairs]]
    pairs = pairs[np.unique(experiment.questions[pairs], return_index=True)[1]]
    pairs = sampled(pairs, _MOST_TURNS)
    pairs = pairs[np.argsort(experiment.questions[pairs], kind="stable")]
    donors = _another_dialogue(experiment.dialogues[pairs])
    if donors is None:
        return None
    task = experiment.task_of(pairs)
    mixed = [
        [*experiment.context[pairs[donor]][:-1], experiment.context[pair][-1]]
        for pair, donor in zip(pairs, donors, strict=True)
    ]
    bank = experiment.bank_vectors
    scores = {
        name: search(
            normalized(predict(questions)), bank, task, prepare=normalized
        ).reciprocal_ranks
        for name, questions in (
            ("true", experiment.gather(task.questions)),
            ("shuffled", encode(mixed)),
        )
    }
    gain = paired_bootstrap(
        scores["true"], scores["shuffled"], config.bootstrap_resamples, config.confidence
    )
    return {
        **{name: float(ranks.mean()) for name, ranks in scores.items()},
        "gain": gain.model_dump(),
    }


def _turns_by_dialogue(
    experiment: Experiment, pairs: np.ndarray
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return rows of each dialogue's turns, and a number for what is said in each row."""
    rows: dict[int, set[int]] = {}
    for pair in pairs:
        known = rows.setdefault(int(experiment.dialogues[pair]), set())
        known.update(experiment.context[pair], [int(experiment.answers[pair])])
    known = np.unique([row for turns in rows.values() for row in turns])
    said = known
    if experiment.texts:  # of all rows at once: it reads the corpus from end to end
        numbers: dict[str, int] = {}
        said = np.array([numbers.setdefault(t, len(numbers)) for t in experiment.texts(known)])
    places = {dialogue: np.searchsorted(known, sorted(turns)) for dialogue, turns in rows.items()}
    return {dialogue: (known[at], said[at]) for dialogue, at in places.items()}


def _another_dialogue(dialogues: np.ndarray) -> np.ndarray | None:
    """Return for each turn the position of one in another dialogue, None if all are of one."""
    if len(np.unique(dialogues)) < 2:
        return None
    generator = np.random.default_rng(0)
    order = generator.permutation(len(dialogues))
    donors = np.empty(len(dialogues), np.int64)
    for i in range(len(dialogues)):
        others = order[dialogues[order] != dialogues[i]]
        donors[i] = others[i % len(others)]
    return donors
