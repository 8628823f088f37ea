"""One vector for several turns: each turn encoded by itself, combined with decaying weights."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from cube.data.corpus import Corpus
from cube.teacher.encoder import Teacher

_PAIRS = 4_096


def combine_turns(
    turns: Float[np.ndarray, "turns dim"], decay: float, normalize: bool
) -> Float[np.ndarray, " dim"]:
    """Return the mean of the turns weighted by 1 for the last, decay, decay², … before it.

    Args:
        turns: oldest first.
        decay: weight of a turn relative to the one after it, in [0, 1].
        normalize: bring the result to length 1, as the teacher does with its vectors.
    """
    weights = np.float32(decay) ** np.arange(len(turns) - 1, -1, -1, dtype=np.float32)
    combined = weights @ np.asarray(turns, np.float32)
    if not normalize:
        return combined / weights.sum()
    length = np.linalg.norm(combined)
    # Turns that cancel out leave no direction: then the last one speaks for all.
    return combined / length if length > 1e-6 else np.asarray(turns[-1], np.float32)


def encode_question(
    teacher: Teacher, turns: list[str], context: str, decay: float
) -> Float[np.ndarray, "1 dim"]:
    """Encode a question after its turns as the corpus did, by the same strategy.

    Args:
        teacher: the encoder.
        turns: oldest first, the question last.
        context: `joined`, `last` or `decayed`.
        decay: see `combine_turns`.
    """
    if context == "decayed" and len(turns) > 1:
        vectors = teacher.encode(turns, "query")
        return combine_turns(vectors, decay, teacher.config.normalize)[None]
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
    decay = corpus.manifest["settings"]["context_decay"]
    filled = np.zeros(len(is_context), bool)
    for batch in corpus.iter_pairs(["question", "context"], _PAIRS):
        # Mapped anew each time: pages that were touched do not pile up in memory.
        matrix = np.load(path, mmap_mode="r+", allow_pickle=False)
        questions = batch.column("question").to_numpy()
        contexts = batch.column("context")
        for i in np.flatnonzero(is_context[questions] & ~filled[questions]).tolist():
            turns = matrix[np.asarray(contexts[i].as_py())]
            matrix[questions[i]] = combine_turns(turns, decay, teacher.config.normalize)
            filled[questions[i]] = True
        matrix.flush()
        del matrix
