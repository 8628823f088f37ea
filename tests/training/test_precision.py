"""The type of matrix products: what is asked for, or what the processor multiplies."""

import pytest
import torch

from cube.training import precision
from cube.training.precision import product_dtype

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_cache():
    product_dtype.cache_clear()
    yield
    product_dtype.cache_clear()


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(name):
    assert product_dtype(name, CPU) == getattr(torch, name)


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_asks_the_processor(monkeypatch, capabilities, dtype):
    monkeypatch.setattr(precision, "_cpu_capabilities", lambda: capabilities)
    assert product_dtype("auto", CPU) == dtype


def test_auto_is_float32_on_devices_it_knows_nothing_of():
    assert product_dtype("auto", torch.device("mps")) == torch.float32


def test_a_torch_that_cannot_tell_multiplies_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert product_dtype("auto", CPU) == torch.float32
