"""What more pairs should bring: trainings on a quarter and a half of them, extrapolated.

Texts to restore stay all there are.

MRR@10 is taken to grow by a constant with every doubling; the straight line through a quarter, a
half and all of the data is read off at twice the data. That is an expectation, not a measurement.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cube.config import EvaluationConfig
from cube.evaluation.schema.part import Interval
from cube.evaluation.significance import paired_bootstrap
from cube.sampling import sampled
from cube.training.dataset import TrainingSet

SHARES = (0.25, 0.5)
# Least squares through x = 0, 1, 2 at x = 3, as weights of the three values.
_AT_TWICE = (-2 / 3, 1 / 3, 4 / 3)

Score = Callable[[TrainingSet, float], np.ndarray]


def learning_curve(
    data: TrainingSet,
    slice_name: str,
    full: np.ndarray,
    score: Score,
    config: EvaluationConfig,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what `LearningCurve` in `cube.evaluation.schema` describes.

    Args:
        data: all training pairs; the parts are nested and drawn at random.
        slice_name: of the test part.
        full: reciprocal ranks of the cube trained on all of it, one a test question.
        score: trains on a part and gives reciprocal ranks of the same questions.
        config: resamples and confidence of the bootstrap.
        seed: of the parts.
    """
    by_question = [score(part(data, share, seed), share) for share in SHARES] + [full]
    pairs = [_num_pairs(data, share) for share in (*SHARES, 1.0)]
    # Linear in every question's scores, so the interval is that of a mean over questions.
    line = sum(w * scores for w, scores in zip(_AT_TWICE, by_question, strict=True))
    resamples, confidence = config.bootstrap_resamples, config.confidence
    gain, now = paired_bootstrap(np.asarray(line), full, resamples, confidence), float(full.mean())
    ends = gain.model_dump().items()  # no line makes an MRR above 1
    gain = Interval(**{name: float(np.clip(value, -now, 1 - now)) for name, value in ends})
    expected = now + gain.difference
    return {
        "slice": slice_name,
        "points": [
            {"pairs": n, "mrr@10": float(scores.mean())}
            for n, scores in zip(pairs, by_question, strict=True)
        ],
        "doubled_pairs": 2 * data.num_pairs,
        "expected": expected,
        "gain": gain.model_dump(),
        "sentence": (
            f"With twice the data ({2 * data.num_pairs:,} pairs) expect MRR@10 of about "
            f"{expected:.3f} ({gain.low:+.3f} to {gain.high:+.3f} against now); the line through "
            "a quarter, a half and all of it says so, nothing was measured there."
        ),
    }


def part(data: TrainingSet, share: float, seed: int) -> TrainingSet:
    """Return a share of the training pairs; smaller parts lie within larger ones."""
    kept = sampled(data.num_pairs, _num_pairs(data, share), seed)
    return replace(data, questions=data.questions[kept], answers=data.answers[kept])


def _num_pairs(data: TrainingSet, share: float) -> int:
    return max(1, round(data.num_pairs * share))
