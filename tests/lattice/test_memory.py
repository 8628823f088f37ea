"""Memory: reads like the plain formula, keeps still until it is set, survives saving."""

import numpy as np
import pytest
import torch

from cube.config import CoreConfig
from cube.lattice.core import Cube
from cube.lattice.keys import Keys
from cube.lattice.memory import NEIGHBOURS, Memory, Shares


def unit(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


@pytest.fixture
def memory() -> Memory:
    """Fifty pairs, two of which share each of 25 answers."""
    memory = Memory(
        Keys.of(unit(50, 12, seed=1)), Keys.of(unit(25, 12, seed=2)), torch.arange(50) % 25
    )
    memory.use(Shares(answers=0.5), -np.inf)
    return memory


@pytest.mark.parametrize("floor", [-np.inf, 0.4])
@pytest.mark.parametrize("shares", [(0.5, 0, 0), (0, 0.25, 0), (0, 0, -0.5), (0.5, 0.25, 0.1)])
def test_reading_equals_the_plain_formula(memory, floor, shares):
    memory.use(Shares(*shares), floor)
    questions, answers = memory.questions[:].numpy(), memory.answers[:].numpy()
    x = unit(3, 12, seed=3)
    for query, read in zip(x.numpy(), memory(x), strict=True):
        similarity = questions @ query
        nearest = np.argsort(-similarity)[:NEIGHBOURS]
        weights = np.exp(np.append(similarity[nearest], floor) / 0.05)
        weights = weights[:-1] / weights.sum()  # one place more is for nothing
        directly = answers @ query
        closest = np.argsort(-directly)[:NEIGHBOURS]
        closeness = np.exp(directly[closest] / 0.025)
        expected = (
            shares[0] * weights @ answers[nearest % 25]
            + shares[1] * weights @ (query - questions[nearest])
            + shares[2] * (closeness / closeness.sum()) @ answers[closest]
        )
        np.testing.assert_allclose(read, expected, rtol=1e-4, atol=1e-6)


def test_a_question_remembered_draws_the_answer_to_its_own(memory):
    memory.use(Shares(answers=100.0), -np.inf)
    cube = Cube(12, CoreConfig(), memory)
    memory.temperature.fill_(0.001)
    answers = cube.apply_to(memory.questions[:].numpy())
    assert (answers * memory.answers[memory.answer_of].numpy()).sum(axis=1).min() > 0.99


def test_a_floor_above_every_similarity_leaves_the_core_alone(memory):
    memory.use(Shares(answers=0.5, differences=0.5), floor=5.0)
    x = unit(4, 12, seed=4).numpy()
    np.testing.assert_allclose(Cube(12, CoreConfig(), memory).apply_to(x), x, atol=1e-6)


def test_fewer_pairs_than_neighbours_are_enough():
    memory = Memory(
        Keys.of(unit(3, 12, seed=1)), Keys.of(unit(2, 12, seed=2)), torch.tensor([0, 1, 1])
    )
    memory.use(Shares(1.0, 1.0, 1.0), -np.inf)
    assert memory(unit(2, 12, seed=3)).shape == (2, 12)


def test_a_cube_comes_back_whole_from_its_state(memory):
    memory.use(Shares(0.5, 0.25, -0.1), 0.3)
    cube = Cube(12, CoreConfig(), memory)
    cube.strength.fill_(0.25)
    with torch.no_grad():
        for parameter in cube.parameters():
            parameter.normal_(0, 0.1)
    again = Cube.from_state(12, CoreConfig(), cube.state_dict())
    x = unit(5, 12, seed=5).numpy()
    np.testing.assert_array_equal(again.apply_to(x), cube.apply_to(x))
    assert again.num_parameters == Cube(12, CoreConfig()).num_parameters


def test_restoring_uses_neither_memory_nor_strength(memory):
    cube, bare = Cube(12, CoreConfig(), memory), Cube(12, CoreConfig())
    cube.strength.fill_(0.5)
    bare.load_state_dict({k: v for k, v in cube.state_dict().items() if "memory" not in k})
    x = unit(5, 12, seed=6).numpy()
    np.testing.assert_array_equal(cube.restore(x), bare.restore(x))
    assert np.abs(cube.restore(x) - cube.apply_to(x)).max() > 0.01


def test_the_length_of_a_question_does_not_matter(memory):
    memory.use(Shares(0.5, 0.25, 0.1), 0.3)
    x = unit(4, 12, seed=7)
    torch.testing.assert_close(memory(3 * x), memory(x))
