"""Two views of what a cube does: a plane of embeddings, and how far each cell moves."""

from typing import Any

import numpy as np
import torch

from cube.evaluation.evaluate import Judged
from cube.evaluation.experiment import Experiment
from cube.lattice.core import Cube
from cube.ranking import normalized
from cube.sampling import sampled

_MOST_POINTS = 300
_MOST_ROWS = 2_000


def embedding_map(
    judged: Judged, experiment: Experiment, cube: Cube, texts: dict[int, str]
) -> dict[str, Any]:
    """Return what `EmbeddingMap` in `cube.evaluation.schema` describes, for the headline slice.

    Args:
        judged: scores of "cube" and "identity".
        experiment: the vectors.
        cube: moves the questions.
        texts: by row of the matrix.
    """
    scores = judged.scores[judged.headline]
    task = scores["cube"].task
    chosen = sampled(len(task), _MOST_POINTS)
    questions = experiment.gather(task.questions[chosen])
    answers = experiment.gather(task.bank[task.right[task.bounds[chosen]]])
    clouds = np.stack([normalized(questions), cube.apply_to(questions), normalized(answers)])
    # Axes of answers and predictions: the space the ranking takes place in.
    cloud = clouds[1:].reshape(-1, clouds.shape[2])
    mean = cloud.mean(axis=0)
    _, spread, axes = np.linalg.svd(cloud - mean, full_matrices=False)
    before, after, right = ((clouds - mean) @ axes[:2].T).round(4).tolist()
    total = float((spread**2).sum())
    return {
        "explained": float((spread[:2] ** 2).sum() / total) if total > 0 else 0.0,
        "points": [
            {
                "text": texts[int(task.questions[i])],
                "before": before[n],
                "after": after[n],
                "answer": right[n],
                "rank_before": int(scores["identity"].ranks[i]),
                "rank_after": int(scores["cube"].ranks[i]),
            }
            for n, i in enumerate(chosen.tolist())
        ],
    }


@torch.inference_mode()
def movement(judged: Judged, experiment: Experiment, cube: Cube) -> dict[str, Any]:
    """Return the mean absolute change of every cell over questions of the headline slice."""
    task = judged.scores[judged.headline]["cube"].task
    questions = normalized(experiment.gather(task.questions[:_MOST_ROWS]))
    change = torch.from_numpy(cube.apply_to(questions) - questions).abs().mean(dim=0)
    cells = cube.reshaper.fold(change[None])[0]
    shape = [int(side) for side in cube.reshaper.shape]
    return {"shape": shape, "mean_absolute": cells.reshape(-1).double().numpy().round(6).tolist()}
