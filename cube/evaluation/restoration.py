"""How well the autoencoder restores corrupted vectors, and how well predictions keep their context.

Both are shown beside what doing nothing scores, since doing nothing can score high.
"""

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from cube.config import TrainingConfig
from cube.evaluation.baselines import Predict
from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import normalized
from cube.lattice.core import Cube
from cube.training.objectives import corrupt

_MAX_ROWS = 2_000
_MAX_PAIRWISE = 500


def restoration(
    experiment: Experiment, cubes: dict[str, Cube], config: TrainingConfig
) -> dict[str, Any]:
    """Corrupt test questions and measure the cosine of each cube's output with the clean vector.

    Returns, by cube and for `corrupted` (nothing done): `cosine`, and `spearman`, the rank
    correlation of all pairwise similarities with those of the clean vectors.
    """
    pairs = np.concatenate(list(experiment.slices.values()))
    rows = np.unique(experiment.questions[pairs])[:_MAX_ROWS]
    clean = experiment.gather(rows)
    generator = torch.Generator().manual_seed(config.seed)
    noise = (config.noise, config.dropped_dimensions)
    corrupted = corrupt(torch.from_numpy(clean), *noise, generator).numpy()
    outputs = {"corrupted": corrupted} | {n: c.apply_to(corrupted) for n, c in cubes.items()}
    return {name: _closeness(output, clean) for name, output in outputs.items()}


def _closeness(output: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    output, clean = normalized(output), normalized(clean)
    upper = np.triu_indices(min(len(clean), _MAX_PAIRWISE), k=1)
    before = (clean[:_MAX_PAIRWISE] @ clean[:_MAX_PAIRWISE].T)[upper]
    after = (output[:_MAX_PAIRWISE] @ output[:_MAX_PAIRWISE].T)[upper]
    spearman = spearmanr(before, after).statistic if len(before) > 1 else np.nan  # type: ignore[attr-defined]
    return {
        "cosine": float((output * clean).sum(axis=1).mean()),
        "spearman": float(np.nan_to_num(spearman)),
    }


def context_preservation(experiment: Experiment, predict: Predict) -> float | None:
    """Return how near predictions lie to their context, relative to the true answers.

    Nearness is the largest cosine with a turn of the context; the value is its mean over test
    turns for predictions divided by the mean for true answers (the paraphrase ratio of the Large
    Concept Model paper, as a ratio of means, which no single unrelated answer can blow up).
    1 is like the reference, above 1 leans towards copying. None without test dialogues.
    """
    pairs = experiment.slices.get("dialogue_turns", np.array([], np.int64))
    if not len(pairs):
        return None
    predictions = normalized(predict(experiment.gather(experiment.questions[pairs])))
    answers = normalized(experiment.gather(experiment.answers[pairs]))
    ours, reference = 0.0, 0.0
    for pair, prediction, answer in zip(pairs, predictions, answers, strict=True):
        context = normalized(experiment.gather(np.asarray(experiment.context[pair])))
        ours += float((context @ prediction).max())
        reference += float((context @ answer).max())
    return ours / reference
