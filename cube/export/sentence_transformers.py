"""The teacher with a cube behind it as one sentence-transformers model."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError

from cube import __version__, storage
from cube.errors import ModelError
from cube.export.affine import affine_map
from cube.lattice.core import Cube
from cube.model import SavedCube, check_replaceable, load_model
from cube.report.card import export_card
from cube.teacher.encoder import Teacher

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)

MARK = "exported_cube.json"  # in every export: such a folder may be replaced


def to_sentence_transformer(
    model: Path | str, index: np.ndarray | None = None
) -> "SentenceTransformer":
    """Return a model whose `encode_query` moves questions.

    `encode_document` gives the teacher's own vectors, so an index of documents stays as it is.
    All is computed in torch; where the teacher's backend is another, a warning says so.

    Args:
        model: model folder.
        index: answers that will be searched, shape (A, dim), which a cube that whitens fits itself
            to; None: as it was saved.

    Raises:
        ModelError: when the cube knows no teacher, moves vectors of another dimension, or when the
            teacher cuts its vectors, which no module does, or adapts another model.
    """
    return _behind_its_teacher(load_model(model), index)


def _behind_its_teacher(saved: SavedCube, index: np.ndarray | None) -> "SentenceTransformer":
    saved.fit_to_index(index)
    config = saved.teacher_config
    if config is None:
        raise ModelError(
            f"{saved.folder} was trained on stored vectors: there is no encoder to export."
        )
    teacher = Teacher(config)
    if teacher.is_adapter:  # saved within a router, sentence-transformers does not find its base
        raise ModelError(
            f"{saved.folder} cannot be exported: its teacher adapts another model, whose weights "
            "are not saved with it. Merge them (merge_and_unload of peft), and train over what "
            "that gives."
        )
    saved.check_teacher(teacher)

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Router

    exact = teacher.exact.model
    if exact.truncate_dim is not None:
        raise ModelError(
            f"{saved.folder} cannot be exported: its teacher cuts vectors to {exact.truncate_dim} "
            "numbers (truncate_dim), which modules of sentence-transformers cannot do."
        )
    if config.backend != "torch":
        logger.warning(
            "%s was trained over teacher.backend: %s, and the export computes in torch: its "
            "vectors are near those, not equal (`cube cache stats` says how near)",
            saved.folder, config.backend,
        )  # fmt: skip
    encoder: list[Any] = list(exact)
    if config.normalize and not isinstance(encoder[-1], Normalize):
        encoder.append(Normalize())
    router = Router.for_query_document([*encoder, *_modules(saved.cube, exact.dtype)], encoder)
    prompts = {"query": teacher.prompt("query"), "document": teacher.prompt("passage")}
    return SentenceTransformer(modules=[router], prompts=prompts)


def _modules(cube: Cube, dtype: torch.dtype | None) -> list[Any]:
    """Return the cube as stock modules where it is one matrix, else as a module of this package.

    The stock one also takes nothing but float32, whatever the encoder before it computes in.
    """
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    from cube.export.module import CubeModule

    if dtype not in (None, torch.float32):
        return [CubeModule(cube)]
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

    A cube that is one matrix needs stock modules only, behind an encoder in float32. Any other is
    loaded again by `SentenceTransformer(out, trust_remote_code=True)` where this package is
    installed: the code that is trusted is `cube.export.module`, and none is in the folder.

    Args:
        model: model folder.
        out: where it goes; only an earlier export is replaced.
        index: as in `to_sentence_transformer`.

    Returns:
        Whether stock modules are all it needs.

    Raises:
        ModelError: as `to_sentence_transformer`, or when something else is at `out`, or when it
            cannot be written.
    """
    from cube.export.module import CubeModule

    out = Path(out).resolve()  # behind a link is where it goes, not in the place of the link
    check_replaceable(out, [MARK], "export of a cube")
    saved = load_model(model)
    encoder = _behind_its_teacher(saved, index)
    is_stock = not any(isinstance(module, CubeModule) for module in encoder.modules())
    with storage.atomic_folder(out, replace=True) as folder:
        try:
            encoder.save(str(folder), create_model_card=False)
        except SafetensorError as error:  # a full disk
            raise ModelError(f"{out} cannot be written: {error}.") from None
        for weights in folder.rglob("*.safetensors"):
            weights.chmod(0o644)  # the library lets nobody else read them
        card = export_card(out.name, saved.config["teacher"]["model"], is_stock)
        storage.write_bytes(folder / "README.md", card.encode())
        version = "/".join(saved.folder.resolve().parts[-2:])  # a pointer will name another one day
        storage.write_json(folder / MARK, {"cube_version": __version__, "model": version})
    return is_stock
