"""How near the vectors of a quicker backend are to the exact ones, on the very texts at hand."""

from typing import NamedTuple

import numpy as np

from cube.errors import TeacherError
from cube.teacher.cache import EmbeddingCache
from cube.teacher.encoder import Role, Teacher

SAMPLE_TEXTS = 32


class Fidelity(NamedTuple):
    """Cosines of a backend's vectors to the exact ones: the lowest mean of a sample, the lowest."""

    backend: str
    mean: float
    lowest: float


def check_fidelity(teacher: Teacher, cache: EmbeddingCache, texts: list[str], role: Role) -> None:
    """Compare a sample of texts with the torch backend and note the result beside the vectors.

    Nothing to do for the torch backend itself.

    Args:
        teacher: with the backend to measure.
        cache: where its vectors go; keeps the lowest mean cosine and the lowest cosine of all.
        texts: those about to be encoded; up to 32 of them, evenly spaced, are compared.
        role: as which they are encoded.

    Raises:
        TeacherError: when the mean cosine is below `teacher.min_fidelity`.
    """
    if teacher.config.backend == "torch":
        return
    sample = texts[:: -(-len(texts) // SAMPLE_TEXTS)]
    exact, quick = (  # in float64: bfloat16 is off by less than what float32 can tell from 1
        backend.encode(sample, role).astype(np.float64) for backend in (teacher.exact, teacher)
    )
    lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(quick, axis=1)
    cosines = (exact * quick).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    mean = float(cosines.mean())
    refuse_far(teacher, mean)
    note_fidelity(cache, Fidelity(teacher.config.backend, mean, float(cosines.min())))


def refuse_far(teacher: Teacher, mean: float | None) -> None:
    """Refuse vectors whose mean cosine to the exact ones is below what is allowed.

    Raises:
        TeacherError: when it is below `teacher.min_fidelity`; None stands for the exact ones.
    """
    if mean is not None and mean < teacher.config.min_fidelity:
        raise TeacherError(
            f"Vectors of teacher.backend: {teacher.config.backend} have a mean cosine of "
            f"{mean:.5f} to the exact ones, below teacher.min_fidelity "
            f"{teacher.config.min_fidelity}. Use teacher.backend: torch, or allow less."
        )


def note_fidelity(cache: EmbeddingCache, found: Fidelity) -> None:
    """Keep the lowest of the numbers seen so far beside the vectors."""
    known = fidelity(cache) or found
    cache.set_meta("fidelity", str(min(found.mean, known.mean)))
    cache.set_meta("fidelity_lowest", str(min(found.lowest, known.lowest)))
    cache.set_meta("backend", found.backend)


def fidelity(cache: EmbeddingCache) -> Fidelity | None:
    """Return how near the vectors are to the exact ones, None if these are them."""
    mean, lowest = cache.get_meta("fidelity"), cache.get_meta("fidelity_lowest")
    if mean is None or lowest is None:
        return None
    # Files from before there was another backend do not name theirs.
    return Fidelity(cache.get_meta("backend") or "onnx", float(mean), float(lowest))
