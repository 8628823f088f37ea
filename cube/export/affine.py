"""A cube as one matrix, where it is linear: plane sweeps without gates or hub are."""

import torch
from jaxtyping import Float
from torch import Tensor

from cube.errors import ModelError
from cube.lattice.core import Cube

_TOLERANCE = 1e-4


@torch.no_grad()
def affine_map(cube: Cube) -> tuple[Float[Tensor, "dim dim"], Float[Tensor, " dim"]]:
    """Return W and b with answers of the cube in the direction of x W + b.

    Raises:
        ModelError: when the cube is not linear, answers follow it in part only, or it remembers.
    """
    origin = torch.zeros(1, cube.dimension)
    bias = cube(origin)[0]
    weight = cube(torch.eye(cube.dimension)) - bias
    probe = torch.randn(64, cube.dimension, generator=torch.Generator().manual_seed(0))
    bent = (cube(probe) - (probe @ weight + bias)).abs().max() > _TOLERANCE * probe.abs().max()
    if bent or cube.strength != 1 or cube.memory is not None:
        raise ModelError(
            "This cube is not one matrix: it has gates, a hub, a memory or less than full "
            "strength. Train with core.gated=false, core.hub=0 and core.memory_pairs=0 for one "
            "that may be."
        )
    if cube.whitening is not None:
        weight, bias = cube.whitening(weight), cube.whitening(bias[None])[0]
    return weight, bias
