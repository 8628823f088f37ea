"""How well the autoencoder restores corrupted vectors, beside what doing nothing scores."""

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from cube.config import TrainingConfig
from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube
from cube.ranking import normalized
from cube.sampling import sampled
from cube.training.objectives import corrupt

_MAX_ROWS = 2_000
_RIDGES = (1e-3, 1e-2, 0.1, 1.0, 10.0)  # of the mean variance of a dimension
_MAX_TRAINING_ROWS = 20_000
_MAX_PAIRWISE = 500


def restoration(
    experiment: Experiment, cubes: dict[str, Cube], config: TrainingConfig
) -> dict[str, Any]:
    """Corrupt test questions and measure the cosine of each cube's output with the clean vector.

    Returns, by cube, for `corrupted` (nothing done) and `wiener` (a linear map fitted to training
    texts): `cosine`, and `spearman`, the rank correlation of all pairwise similarities with those
    of the clean vectors, None where there are too few texts for an order.
    """
    pairs = np.concatenate(list(experiment.slices.values()))
    rows = sampled(np.unique(experiment.questions[pairs]), _MAX_ROWS)
    clean = experiment.gather(rows)
    generator = torch.Generator().manual_seed(config.seed)
    corrupted = corrupt(torch.from_numpy(clean), *config.corruption, generator).numpy()
    linear = corrupted @ _best_linear_map(experiment, config)
    outputs = {"corrupted": corrupted, "wiener": linear}
    outputs |= {name: cube.restore(corrupted) for name, cube in cubes.items()}
    return {name: _closeness(output, clean) for name, output in outputs.items()}


def _closeness(output: np.ndarray, clean: np.ndarray) -> dict[str, float | None]:
    output, clean = normalized(output), normalized(clean)
    upper = np.triu_indices(min(len(clean), _MAX_PAIRWISE), k=1)
    before = (clean[:_MAX_PAIRWISE] @ clean[:_MAX_PAIRWISE].T)[upper]
    after = (output[:_MAX_PAIRWISE] @ output[:_MAX_PAIRWISE].T)[upper]
    spearman = spearmanr(before, after).statistic if len(before) > 1 else np.nan  # type: ignore[attr-defined]
    return {
        "cosine": float((output * clean).sum(axis=1).mean()),
        "spearman": float(spearman) if np.isfinite(spearman) else None,
    }


def _best_linear_map(experiment: Experiment, config: TrainingConfig) -> np.ndarray:
    """Return the matrix that restores corrupted training texts in least squares.

    It is the Wiener filter of this noise, held to the identity as strongly as is best for the
    validation texts: what the cube has to beat, or cannot where the teacher's dimensions hold no
    more to tell signal from noise.
    """
    data = experiment.training_set
    generator = torch.Generator().manual_seed(config.seed + 1)

    def corrupted(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        clean = normalized(data.gather(rows))
        return corrupt(torch.from_numpy(clean), *config.corruption, generator).numpy(), clean

    rows = sampled(data.texts, _MAX_TRAINING_ROWS, config.seed)
    identity = np.eye(data.dimension)
    gram, cross = np.zeros_like(identity), np.zeros_like(identity)
    for block in np.array_split(rows, 1 + len(rows) // _MAX_ROWS):
        noisy, clean = corrupted(block)
        gram += noisy.T @ noisy
        cross += noisy.T @ clean
    pulls = [ridge * np.trace(gram) / len(gram) * identity for ridge in _RIDGES]
    maps = [identity, *(np.linalg.solve(gram + pull, cross + pull) for pull in pulls)]
    noisy, clean = corrupted(data.validation_texts[:_MAX_ROWS])
    cosines = [float((normalized(noisy @ m) * clean).sum()) for m in maps]
    return maps[int(np.argmax(cosines))].astype(np.float32)
