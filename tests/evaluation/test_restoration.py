"""What the cube's restoring is compared with."""

from dataclasses import replace

import numpy as np
import pytest

from cube.config import TrainingConfig
from cube.evaluation.restoration import restoration
from cube.evaluation.schema.analysis import Restored


@pytest.mark.parametrize("texts", [2, 20, 400])
def test_the_linear_map_is_not_worse_than_doing_nothing(planted_experiment, texts):
    """With few texts it stays at the identity, with many it tells signal from noise."""
    data = planted_experiment.training_set
    planted_experiment.__dict__["training_set"] = replace(data, texts=data.texts[:texts])
    found = restoration(planted_experiment, {}, TrainingConfig())
    gain = found["wiener"]["cosine"] - found["corrupted"]["cosine"]
    assert gain > -0.005
    assert np.isfinite(found["wiener"]["spearman"])
    assert texts < 400 or gain > 0


@pytest.mark.parametrize(("questions", "known"), [(1, False), (2, False), (3, True)])
def test_an_order_takes_three_questions(planted_experiment, questions, known):
    slices = {"unseen_answers": planted_experiment.slices["unseen_answers"][:questions]}
    found = restoration(replace(planted_experiment, slices=slices), {}, TrainingConfig())
    for values in found.values():
        assert (values["spearman"] is not None) == known
        Restored.model_validate(values)
