"""Keys: a byte a number is near enough, and blocks find what all at once would."""

import numpy as np
import pytest
import torch

from cube.lattice.keys import Keys


def unit(*shape: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


@pytest.mark.parametrize("dimension", [2, 12, 384, 1024])
def test_keys_stay_near_to_what_they_were_made_of(dimension):
    vectors = unit(200, dimension, seed=1)
    keys = Keys.of(5 * vectors)
    assert keys.numbers.dtype == torch.int8
    assert torch.nn.functional.cosine_similarity(keys[:], vectors).min() > 0.9999
    torch.testing.assert_close(keys[:].norm(dim=-1), torch.ones(200), atol=0.01, rtol=0)


def test_a_row_of_zeros_stays_zero():
    keys = Keys.of(torch.zeros(1, 8))
    assert keys[:].eq(0).all()
    assert keys.nearest(unit(2, 8, seed=1), 1)[0].eq(0).all()


def test_rows_put_in_parts_are_those_put_at_once():
    vectors = unit(10, 8, seed=1)
    keys = Keys(10, 8)
    keys.put(0, vectors[:7])
    keys.put(7, vectors[7:])
    torch.testing.assert_close(keys[:], Keys.of(vectors)[:], rtol=0, atol=0)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_the_nearest_are_those_of_all_products(rows, monkeypatch):
    keys, x = Keys.of(unit(100, 12, seed=1)), unit(9, 12, seed=2)
    monkeypatch.setattr("cube.lattice.keys._BLOCK_KEYS", 7)
    monkeypatch.setattr("cube.lattice.keys._BLOCK_ROWS", 4)
    similarity, found = keys.nearest(3 * x, rows)
    expected = (x @ keys[:].T).sort(dim=-1, descending=True)
    torch.testing.assert_close(similarity, expected.values[:, :rows])
    np.testing.assert_array_equal(found, expected.indices[:, :rows])


def test_no_more_are_found_than_there_are():
    similarity, found = Keys.of(unit(3, 8, seed=1)).nearest(unit(2, 8, seed=2), 16)
    assert similarity.shape == found.shape == (2, 3)


def test_a_weighted_sum_is_that_of_the_rows(monkeypatch):
    keys, weights = Keys.of(unit(20, 8, seed=1)), torch.rand(9, 5)
    rows = torch.randint(20, (9, 5), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("cube.lattice.keys._BLOCK_ROWS", 4)
    expected = torch.stack([w @ keys[r] for w, r in zip(weights, rows, strict=True)])
    torch.testing.assert_close(keys.weighted_sum(weights, rows), expected)
