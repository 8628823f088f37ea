"""Sides of the lattice: exact where a dimension factors, a few cells of padding where not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.lattice.shape import lattice_shape


@pytest.mark.parametrize(
    ("dimension", "shape"),
    [(384, (8, 8, 6)), (768, (8, 8, 12)), (512, (8, 8, 8)), (1024, (8, 8, 16)), (64, (4, 4, 4))],
)
def test_usual_dimensions(dimension, shape):
    assert lattice_shape(dimension) == shape


@given(st.integers(1, 5_000))
def test_any_dimension_gets_a_near_cube_with_little_padding(dimension):
    shape = lattice_shape(dimension)
    cells = math.prod(shape)
    assert dimension <= cells <= dimension + max(8, dimension / 8)
    assert max(shape) <= max(4, 2 * min(shape))


def test_zero_is_an_error():
    with pytest.raises(ValueError, match="at least 1"):
        lattice_shape(0)
