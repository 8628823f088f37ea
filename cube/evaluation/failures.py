"""Error analysis: which questions fail together, and which misses are the label's fault."""

import math
import re
from collections import Counter
from typing import Any

import numpy as np

from cube.evaluation.evaluate import Judged
from cube.evaluation.experiment import Experiment
from cube.ranking import normalized
from cube.sampling import sampled

SAME_ANSWER = 0.9  # centred cosine of two answers that say nearly the same
_DEEP, _ENOUGH = 10, 20  # a failure is a rank beyond 10, or beyond 1 where those are few
_MOST_CLUSTERS, _SMALLEST_CLUSTERED = 8, 10
_MOST_FAILURES, _MOST_SHOWN = 5_000, 10
_NUM_WORDS, _NUM_EXAMPLES = 4, 3
_FAR_SHARE, _FAR_LEAST = 0.1, 20  # of the bank, and in answers: nobody comes near
_UNINFORMED = ("mean_answer", "random")

Texts = dict[int, str]


def failures(judged: Judged, experiment: Experiment, texts: Texts) -> dict[str, Any]:
    """Return what `Failures` in `cube.evaluation.schema` describes.

    Args:
        judged: scores of all systems.
        experiment: the vectors.
        texts: of questions, right answers and first answers, by row of the matrix.
    """
    ranks = judged.scores[judged.headline]["cube"].ranks
    beyond = _DEEP if (ranks > _DEEP).sum() >= _ENOUGH else 1
    failed = np.flatnonzero(ranks > beyond)
    wrong_labels = _wrong_labels(judged, experiment, texts)
    unanswerable = _unanswerable(judged, texts)
    return {
        "beyond": beyond,
        "count": len(failed),
        "share": len(failed) / len(ranks),
        "clusters": _clusters(judged, experiment, sampled(failed, _MOST_FAILURES), texts),
        "likely_wrong_labels": wrong_labels[:_MOST_SHOWN],
        "num_likely_wrong_labels": len(wrong_labels),
        "unanswerable": unanswerable[:_MOST_SHOWN],
        "num_unanswerable": len(unanswerable),
    }


def _clusters(
    judged: Judged, experiment: Experiment, failed: np.ndarray, texts: Texts
) -> list[dict[str, Any]]:
    """Group failures by k-means on the questions' vectors, largest group first."""
    from sklearn.cluster import KMeans

    if len(failed) < _SMALLEST_CLUSTERED:
        return []
    task = judged.scores[judged.headline]["cube"].task
    vectors = normalized(experiment.gather(task.questions[failed]))
    count = min(_MOST_CLUSTERS, round((len(failed) / 2) ** 0.5))
    cluster = KMeans(count, random_state=0).fit_predict(vectors)
    words = [words_of(texts[int(row)]) for row in task.questions]
    found = []
    for number, size in Counter(cluster.tolist()).most_common():
        inside = np.flatnonzero(cluster == number)
        nearest = inside[np.argsort(-(vectors[inside] @ vectors[inside].mean(axis=0)))]
        found.append(
            {
                "words": distinguishing_words(words, failed[inside]),
                "questions": size,
                "share": size / len(failed),
                "examples": [
                    texts[int(task.questions[failed[i]])] for i in nearest[:_NUM_EXAMPLES]
                ],
            }
        )
    return found


def words_of(text: str) -> set[str]:
    """Return the words of a text, caseless."""
    return set(re.findall(r"\w{2,}", text.casefold()))


def distinguishing_words(words: list[set[str]], inside: np.ndarray) -> list[str]:
    """Return the words that say most about a text being inside, most telling first.

    A word weighs share x log(share / elsewhere), its term of the Kullback-Leibler divergence, times
    its inverse document frequency: among few texts "the" and its like had the largest terms. Those
    of English are left out in any case.

    Args:
        words: of every text.
        inside: positions of the texts to tell from the others.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    chosen = set(inside.tolist())
    here = Counter(word for i in chosen for word in words[i])
    everywhere = Counter(word for some in words for word in some)
    outside = len(words) - len(chosen)
    weight = {}
    for word, count in here.items():
        share, elsewhere = count / len(chosen), (everywhere[word] - count + 1) / (outside + 1)
        if count > 1 and share > elsewhere and word not in ENGLISH_STOP_WORDS:
            rarity = math.log(len(words) / everywhere[word])
            weight[word] = share * math.log(share / elsewhere) * rarity
    return sorted(weight, key=lambda word: (-weight[word], word))[:_NUM_WORDS]


def _wrong_labels(judged: Judged, experiment: Experiment, texts: Texts) -> list[dict[str, Any]]:
    """Return misses whose first answer says nearly what the label says, most similar first."""
    scores = judged.scores[judged.headline]["cube"]
    task = scores.task
    missed = np.flatnonzero(scores.ranks > 1)
    first = scores.ranking.top[missed, 0]
    mean = experiment.centre.answer
    found = []
    for i, position in zip(missed.tolist(), first.tolist(), strict=True):
        right = task.right[task.bounds[i] : task.bounds[i + 1]]
        vectors = normalized(experiment.gather(task.bank[np.append(right, position)]) - mean)
        cosines = vectors[:-1] @ vectors[-1]
        nearest = int(cosines.argmax())
        if cosines[nearest] >= SAME_ANSWER:
            found.append(
                {
                    "question": texts[int(task.questions[i])],
                    "label": texts[int(task.bank[right[nearest]])],
                    "found": texts[int(task.bank[position])],
                    "similarity": float(cosines[nearest]),
                }
            )
    return sorted(found, key=lambda entry: -entry["similarity"])


def _unanswerable(judged: Judged, texts: Texts) -> list[dict[str, Any]]:
    """Return questions whose answer every system ranks far behind, worst first."""
    by_system = judged.scores[judged.headline]
    cube = by_system["cube"]
    task = cube.task
    best = np.min([s.ranks for name, s in by_system.items() if name not in _UNINFORMED], axis=0)
    far = np.flatnonzero(best > max(_FAR_LEAST, _FAR_SHARE * len(task.bank)))
    far = far[np.lexsort((far, -cube.ranks[far]))]
    return [
        {
            "question": texts[int(task.questions[i])],
            "label": texts[int(task.bank[task.right[task.bounds[i]]])],
            "rank": int(cube.ranks[i]),
        }
        for i in far
    ]
