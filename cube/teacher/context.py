"""One vector for several turns: each turn encoded by itself, combined by weight."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from cube.data.corpus import Corpus
from cube.teacher.encoder import Teacher

_PAIRS = 4_096


def combine_turns(
    turns: Float[np.ndarray, "turns dim"], weights: list[float], normalize: bool
) -> Float[np.ndarray, " dim"]:
    """Return the weighted mean of the turns.

    Args:
        turns: oldest first.
        weights: of the last turn, the one before it, …; the last number is that of all before.
        normalize: bring the result to length 1, as the teacher does with its vectors.
    """
    newest_first = np.minimum(np.arange(len(turns)), len(weights) - 1)
    by_turn = np.asarray(weights, np.float32)[newest_first[::-1]]
    combined = by_turn @ np.asarray(turns, np.float32)
    if not normalize:
        return combined / by_turn.sum()
    length = np.linalg.norm(combined)
    # Turns that cancel out leave no direction: then the last one speaks for all.
    return combined / length if length > 1e-6 else np.asarray(turns[-1], np.float32)


def encode_question(
    teacher: Teacher, turns: list[str], context: str, num_turns: int, weights: list[float]
) -> Float[np.ndarray, "1 dim"]:
    """Encode a question after its turns as the corpus did, by the same strategy.

    Args:
        teacher: the encoder.
        turns: oldest first, the question last.
        context: `weighted`, `last` or `joined`.
        num_turns: as many of the last turns are seen.
        weights: see `combine_turns`.
    """
    turns = turns[-num_turns:]
    if context == "weighted" and len(turns) > 1:
        vectors = teacher.encode(turns, "query")
        return combine_turns(vectors, weights, teacher.config.normalize)[None]
    return teacher.encode([turns[-1] if context == "last" else "\n".join(turns)], "query")


def fill_context_rows(path: Path, corpus: Corpus, is_context: np.ndarray, teacher: Teacher) -> None:
    """Write the combined vectors into the rows of a matrix that were left for them.

    Args:
        path: the .npy file.
        corpus: whose pairs say which turns a context row combines.
        is_context: by row of the matrix.
        teacher: whether vectors have length 1.
    """
    if not is_context.any():
        return
    weights = corpus.manifest["settings"]["context_weights"]
    filled = np.zeros(len(is_context), bool)
    for batch in corpus.iter_pairs(["question", "context"], _PAIRS):
        # Mapped anew each time: pages that were touched do not pile up in memory.
        matrix = np.load(path, mmap_mode="r+", allow_pickle=False)
        questions = batch.column("question").to_numpy()
        contexts = batch.column("context")
        for i in np.flatnonzero(is_context[questions] & ~filled[questions]).tolist():
            turns = matrix[np.asarray(contexts[i].as_py())]
            matrix[questions[i]] = combine_turns(turns, weights, teacher.config.normalize)
            filled[questions[i]] = True
        matrix.flush()
        del matrix
