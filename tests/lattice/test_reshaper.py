"""Reshaper layouts: exact inverses, learned from vectors, kept with the weights."""

import numpy as np
import pytest
import torch

from cube.config import CoreConfig
from cube.lattice.core import Cube
from cube.lattice.layout import correlation_order
from cube.lattice.reshaper import Reshaper

LAYOUTS = ["row_major", "correlation", "random"]


def vectors_of_blocks(blocks=4, size=6, rows=400):
    """Dimensions of one block vary together; the blocks are shuffled among each other."""
    generator = np.random.default_rng(0)
    causes = generator.standard_normal((rows, blocks))
    signs = generator.choice([-1, 1], blocks * size)
    clean = np.repeat(causes, size, axis=1) * signs
    noisy = 9 + clean + 0.3 * generator.standard_normal(clean.shape)
    shuffle = generator.permutation(blocks * size)
    return noisy[:, shuffle].astype(np.float32), (np.arange(blocks * size) // size)[shuffle]


def learned(dimension, layout):
    reshaper = Reshaper(dimension, layout=layout)
    generator = np.random.default_rng(1)
    reshaper.learn_layout(generator.standard_normal((50, dimension)).astype(np.float32))
    return reshaper


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dimension", [1, 2, 7, 48, 769])
def test_flatten_undoes_fold_bit_for_bit(dimension, layout):
    reshaper, x = learned(dimension, layout), torch.randn(5, dimension, requires_grad=True)
    assert torch.equal(reshaper.flatten(reshaper.fold(x)), x)
    weights = torch.randn(5, dimension)
    (reshaper.flatten(reshaper.fold(x)) * weights).sum().backward()
    assert torch.equal(x.grad, weights)


@pytest.mark.parametrize("layout", ["correlation", "random"])
def test_a_cell_holds_the_dimension_that_the_order_names(layout):
    reshaper, x = learned(7, layout), torch.randn(2, 7)
    cells = reshaper.fold(x).flatten(1)
    for cell, dimension in enumerate(reshaper.order.tolist()):
        assert torch.equal(cells[:, cell], x[:, dimension])
    assert not cells[:, 7:].any()


def test_correlated_dimensions_lie_side_by_side():
    vectors, block = vectors_of_blocks()
    changes = np.count_nonzero(np.diff(block[correlation_order(vectors)]))
    assert changes == 3  # each of four blocks in one piece
    assert np.count_nonzero(np.diff(block)) > 10


def test_dimensions_that_never_vary_are_no_trouble():
    vectors = np.zeros((10, 8), np.float32)
    vectors[:, 3] = np.arange(10)
    assert sorted(correlation_order(vectors)) == list(range(8))


def test_learning_changes_no_layout_but_correlation():
    for layout in ("row_major", "random"):
        before = Reshaper(24, layout=layout)
        after = learned(24, layout)
        assert (after.order is None) == (layout == "row_major")
        if layout == "random":
            assert torch.equal(after.order, before.order)
            assert not torch.equal(after.order, torch.arange(24))
    assert torch.equal(Reshaper(24, layout="correlation").order, torch.arange(24))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_saved_cube_needs_nothing_else(layout):
    config = CoreConfig(layout=layout)
    cube = Cube(24, config)
    cube.reshaper.learn_layout(vectors_of_blocks()[0])
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.normal_(0, 0.1)
    x = torch.randn(3, 24)
    assert torch.equal(Cube.from_state(24, config, cube.state_dict())(x), cube(x))


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1, 3], [-1, 0, 1]])
def test_an_order_that_is_no_permutation_is_refused(order):
    reshaper = Reshaper(3, layout="random")
    with pytest.raises(ValueError, match="not a permutation"):
        reshaper.load_state_dict({"order": torch.tensor(order)})
