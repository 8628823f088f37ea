"""The model card says what is in the folder, and nothing that is not."""

import pytest
import torch

from cube.config import CoreConfig
from cube.lattice.core import Cube
from cube.lattice.keys import Keys
from cube.lattice.memory import Memory
from cube.lattice.whitening import Whitening
from cube.report.card import model_card


@pytest.mark.parametrize("whole", [False, True])
def test_memory_and_whitening_are_told_where_they_are(whole):
    cube = Cube(24, CoreConfig())
    if whole:
        cube.memory = Memory(Keys(1_500, 24), Keys(9, 24), torch.zeros(1_500).int())
        cube.whitening = Whitening(24)
    card = model_card("mine", cube, {"pairs": 1156}, None)
    assert ("| memory | vectors of 1,500 training pairs" in card) is whole
    assert ("| whitening | fitted to the answers" in card) is whole
    assert "| pairs | 1,156 |" in card


@pytest.mark.parametrize("teacher", [None, "some/encoder"])
def test_only_a_run_has_a_report_to_point_at(teacher):
    card = model_card("mine", Cube(24, CoreConfig()), {}, teacher)
    assert ("report of the run" in card) is (teacher is not None)
    assert ("what `cube fit` printed" in card) is (teacher is None)
