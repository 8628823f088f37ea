"""Whitening: the formula, other indexes, saving, and what it is for."""

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from cube.config import CoreConfig
from cube.export.affine import affine_map
from cube.lattice.core import Cube
from cube.lattice.whitening import Spectrum, Whitening
from cube.ranking import Rows

DIMENSION = 12


def index_of(seed: int, answers: int = 200) -> np.ndarray:
    """Answers that vary in some directions more than in others."""
    generator = np.random.default_rng(seed)
    spread = generator.uniform(0.2, 2.0, DIMENSION)
    vectors = generator.normal(size=(answers, DIMENSION)) * spread
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def whitening_cube(index: np.ndarray, strength: float) -> Cube:
    cube = Cube(DIMENSION, CoreConfig())
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.normal_(0, 0.2)
    cube.whitening = Whitening.of(Spectrum(index), strength)
    return cube


def test_full_strength_is_the_inverse_of_the_shrunk_covariance():
    index = index_of(0)
    whitening = Whitening.of(Spectrum(index), 1.0)
    covariance = LedoitWolf().fit(index.astype(np.float64)).covariance_
    product = whitening.matrix.double().numpy() @ covariance
    np.testing.assert_allclose(product / product[0, 0], np.eye(DIMENSION), atol=1e-5)


def test_half_strength_twice_is_full_strength():
    spectrum = Spectrum(index_of(1))
    half, full = Whitening.of(spectrum, 0.5), Whitening.of(spectrum, 1.0)
    np.testing.assert_allclose(half(half(torch.eye(DIMENSION))), full.matrix, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("answers", [0, 1, 2, 5])
def test_few_answers_leave_every_prediction_finite(answers):
    whitening = Whitening.of(Spectrum(index_of(2, answers)), 0.5)
    assert torch.isfinite(whitening(torch.eye(DIMENSION))).all()


def test_equal_answers_change_nothing():
    index = np.repeat(index_of(3, 1), 50, axis=0)
    moved = Whitening.of(Spectrum(index), 0.5)(torch.eye(DIMENSION))
    np.testing.assert_allclose(moved / moved[0, 0], np.eye(DIMENSION), atol=1e-5)


def test_another_index_is_another_covariance_at_the_same_strength():
    first, second = index_of(4), index_of(5)
    cube = whitening_cube(first, 0.3)
    cube.fit_to_index(Rows(second, np.arange(len(second))))
    expected = whitening_cube(second, 0.3)
    torch.testing.assert_close(cube.whitening.matrix, expected.whitening.matrix)
    assert cube.whitening.strength == expected.whitening.strength
    bare = Cube(DIMENSION, CoreConfig())
    bare.fit_to_index(second)
    assert bare.whitening is None


def test_a_whitening_cube_comes_back_whole_from_its_state():
    cube = whitening_cube(index_of(6), 0.4)
    again = Cube.from_state(DIMENSION, CoreConfig(), cube.state_dict())
    questions = index_of(7)
    np.testing.assert_array_equal(again.apply_to(questions), cube.apply_to(questions))
    assert again.num_parameters == Cube(DIMENSION, CoreConfig()).num_parameters


def test_a_linear_cube_that_whitens_is_still_one_matrix():
    cube = whitening_cube(index_of(8), 0.4)
    weight, bias = (part.numpy() for part in affine_map(cube))
    questions = index_of(9)
    moved = questions @ weight + bias
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(moved, cube.apply_to(questions), atol=1e-5)


def test_restoring_is_not_whitened():
    cube = whitening_cube(index_of(10), 0.5)
    x = index_of(11)
    whitened, restored = cube.apply_to(x), cube.restore(x)
    cube.whitening = None
    np.testing.assert_array_equal(restored, cube.restore(x))
    assert np.abs(whitened - cube.apply_to(x)).max() > 0.01
