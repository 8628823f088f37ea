"""The teacher with a cube behind it as one sentence-transformers model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cube import __version__, storage
from cube.errors import ModelError
from cube.export.affine import affine_map
from cube.lattice.core import Cube
from cube.model import check_replaceable, load_model
from cube.teacher.encoder import Teacher

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MARK = "exported_cube.json"  # in every export: such a folder may be replaced


def to_sentence_transformer(
    model: Path | str, index: np.ndarray | None = None
) -> "SentenceTransformer":
    """Return a model whose `encode_query` moves questions.

    `encode_document` gives the teacher's own vectors, so an index of documents stays as it is.

    Args:
        model: model folder.
        index: answers that will be searched, shape (A, dim), which a cube that whitens fits itself
            to; None: as it was saved.

    Raises:
        ModelError: when the cube knows no teacher, or moves vectors of another dimension.
    """
    saved = load_model(model)
    saved.fit_to_index(index)
    config = saved.teacher_config
    if config is None:
        raise ModelError(f"{model} was trained on stored vectors: there is no encoder to export.")
    teacher = Teacher(config)
    saved.check_teacher(teacher)

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Router

    encoder: list[Any] = list(teacher.model)
    if config.normalize and not isinstance(encoder[-1], Normalize):
        encoder.append(Normalize())
    router = Router.for_query_document([*encoder, *_modules(saved.cube)], encoder)
    prompts = {"query": teacher.prompt("query"), "document": teacher.prompt("passage")}
    return SentenceTransformer(modules=[router], prompts=prompts)


def _modules(cube: Cube) -> list[Any]:
    """Return the cube as stock modules where it is one matrix, else as a module of this package."""
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    from cube.export.module import CubeModule

    try:
        weight, bias = affine_map(cube)
    except ModelError:
        return [CubeModule(cube)]
    dense = Dense(cube.dimension, cube.dimension, activation_function=None)
    dense.linear.load_state_dict({"weight": weight.T.contiguous(), "bias": bias})
    return [dense, Normalize()]


def export_sentence_transformers(
    model: Path | str, out: Path | str, index: np.ndarray | None = None
) -> bool:
    """Write the model of `to_sentence_transformer` to a folder.

    A cube that is one matrix needs stock modules only. Any other is loaded again by
    `SentenceTransformer(out, trust_remote_code=True)` where this package is installed: the code
    that is trusted is `cube.export.module`, and none is in the folder.

    Args:
        model: model folder.
        out: where it goes; only an earlier export is replaced.
        index: as in `to_sentence_transformer`.

    Returns:
        Whether stock modules are all it needs.

    Raises:
        ModelError: as `to_sentence_transformer`, or when something else is at `out`.
    """
    from cube.export.module import CubeModule

    out = Path(out)
    check_replaceable(out, [MARK], "export of a cube")
    encoder = to_sentence_transformer(model, index)
    with storage.atomic_folder(out, replace=True) as folder:
        encoder.save(str(folder), create_model_card=False)
        storage.write_json(folder / MARK, {"cube_version": __version__, "model": str(model)})
    return not any(isinstance(module, CubeModule) for module in encoder.modules())
