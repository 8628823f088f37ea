"""How near the vectors of a quicker backend are to the exact ones, on the very texts at hand."""

import numpy as np

from cube.errors import TeacherError
from cube.teacher.cache import EmbeddingCache
from cube.teacher.encoder import Role, Teacher

SAMPLE_TEXTS = 32


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
    exact, quick = teacher.exact.encode(sample, role), teacher.encode(sample, role)
    lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(quick, axis=1)
    cosines = (exact * quick).sum(1) / np.maximum(lengths, np.finfo(np.float32).tiny)
    mean = float(cosines.mean())
    note_fidelity(cache, mean, float(cosines.min()))
    if mean < teacher.config.min_fidelity:
        raise TeacherError(
            f"Vectors of teacher.backend: {teacher.config.backend} have a mean cosine of "
            f"{mean:.5f} to the exact ones on {len(sample)} texts, below teacher.min_fidelity "
            f"{teacher.config.min_fidelity}. Use teacher.backend: torch, or allow less."
        )


def note_fidelity(cache: EmbeddingCache, mean: float, lowest: float) -> None:
    """Keep the lowest of the numbers seen so far beside the vectors."""
    known = fidelity(cache) or (1.0, 1.0)
    cache.set_meta("fidelity", str(min(mean, known[0])))
    cache.set_meta("fidelity_lowest", str(min(lowest, known[1])))


def fidelity(cache: EmbeddingCache) -> tuple[float, float] | None:
    """Return the mean and the lowest cosine to the exact vectors, None if these are them."""
    mean, lowest = cache.get_meta("fidelity"), cache.get_meta("fidelity_lowest")
    return None if mean is None or lowest is None else (float(mean), float(lowest))
