"""A trained cube for other programs: one matrix, or a sentence-transformers model.

Both need a linear rule, which the dense map and plane sweeps without gates and hidden layers are:
three sweeps are one matrix.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cube.errors import ModelError
from cube.lattice.core import Cube
from cube.model import load_model
from cube.teacher.encoder import Teacher

_TOLERANCE = 1e-4


@torch.no_grad()
def affine_map(cube: Cube) -> tuple[Float[Tensor, "dim dim"], Float[Tensor, " dim"]]:
    """Return W and b with cube(x) = x W + b.

    Raises:
        ModelError: when the cube is not linear.
    """
    origin = torch.zeros(1, cube.dimension)
    bias = cube(origin)[0]
    weight = cube(torch.eye(cube.dimension)) - bias
    probe = torch.randn(64, cube.dimension, generator=torch.Generator().manual_seed(0))
    if (cube(probe) - (probe @ weight + bias)).abs().max() > _TOLERANCE * probe.abs().max():
        raise ModelError(
            "This cube is not linear: it cannot be written as one matrix. Train one with "
            "core.gated: false and core.hidden: 0 for that."
        )
    return weight, bias


def export_sentence_transformers(model: Path, out: Path) -> None:
    """Write the teacher with the cube behind it as one sentence-transformers model.

    `encode_query` gives moved questions, `encode_document` the teacher's own vectors, so an index
    of documents stays as it is. Only stock modules are used: no remote code to trust.

    Raises:
        ModelError: when the cube is not linear or knows no teacher.
    """
    saved = load_model(model)
    config = saved.teacher_config
    if config is None:
        raise ModelError(f"{model} was trained on stored vectors: there is no encoder to export.")
    teacher = Teacher(config)
    saved.check_teacher(teacher)
    weight, bias = affine_map(saved.cube)

    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Router

    dense = Dense(saved.cube.dimension, saved.cube.dimension, activation_function=None)
    dense.linear.load_state_dict({"weight": weight.T.contiguous(), "bias": bias})
    encoder: list[Any] = list(teacher.model)
    if config.normalize and not isinstance(encoder[-1], Normalize):
        encoder.append(Normalize())
    router = Router.for_query_document([*encoder, dense, Normalize()], encoder)
    prompts = {"query": config.query_prompt, "document": config.passage_prompt}
    SentenceTransformer(modules=[router], prompts=prompts).save(str(out), create_model_card=False)
