"""A training that diverges returns to its last good state with a lower rate, or says what to do."""

import dataclasses

import numpy as np
import pytest
import torch

from cube.config import CoreConfig
from cube.config.training import DivergenceConfig
from cube.data.splits import Split
from cube.errors import ModelError
from cube.training.dataset import make_training_set
from cube.training.divergence import objection
from cube.training.trainer import Trainer
from tests.training.test_trainer import SETTINGS, config, data, weights_of

__all__ = ["data"]

ANY = DivergenceConfig()
DIALOGUE = SETTINGS["stages"][2]


@pytest.mark.parametrize(
    ("loss", "norm", "before", "reason"),
    [
        (1.0, 1.0, [], None),
        (float("nan"), 1.0, [], "loss is not finite"),
        (1.0, float("inf"), [], "gradient is not finite"),
        (9.0, 1.0, [2.0] * 5, "exploded to 9"),
        (9.0, 1.0, [2.0] * 4, None),  # too few to say so
        (7.9, 1.0, [2.0] * 5, None),
        (0.9, 1.0, [0.04] * 9, None),  # a wrong label or two in a small batch
        (9.0, 1.0, [900.0] * 9 + [2.0] * 20, "exploded"),  # compared with the last ones only
    ],
)
def test_what_counts_as_divergence(loss, norm, before, reason):
    said = objection(loss, norm, before, ANY)
    assert said is None if reason is None else reason in said


def test_an_explosion_is_undone_and_the_rate_halved(data, monkeypatch):
    trainer = Trainer(config(stages=[DIALOGUE]), CoreConfig(), data)
    undisturbed = trainer._step
    exploded = []

    def step(plan):
        if plan.step == 27 and not exploded:
            exploded.append(weights_of(trainer.cube))
            with torch.no_grad():
                for weight in trainer.cube.parameters():
                    weight.mul_(-200.0)
        return undisturbed(plan)

    monkeypatch.setattr(trainer, "_step", step)
    _, result = trainer.train()
    told = [e for e in trainer.state.history if e["event"] == "rollback"]
    assert [(e["step"], e["back_to"], e["rate_scale"]) for e in told] == [(27, 20, 0.5)]
    assert result.skipped_steps == 1
    assert result.steps == len(trainer.state.losses) == 60
    assert result.best_validation_mrr > result.untrained_validation_mrr + 0.1
    rates = {e["step"]: e["learning_rate"] for e in trainer.state.history if "loss" in e}
    assert rates[30] < 0.6 * rates[20]


def test_what_no_rate_helps_against_is_an_error_that_names_the_stage(data):
    broken = np.array(data.vectors)
    broken[data.questions[3]] = np.nan
    bad = dataclasses.replace(data, vectors=broken)
    trainer = Trainer(config(stages=[DIALOGUE]), CoreConfig(), bad)
    with pytest.raises(
        ModelError, match=r"stage dialogue: the loss is not finite, after 3 returns"
    ):
        trainer.train()
    assert torch.isfinite(weights_of(trainer.cube)).all()
    assert [e["event"] for e in trainer.state.history].count("rollback") == 3


def test_wrong_labels_in_small_batches_are_no_divergence():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(500, 32, generator=generator), dim=-1)
    vectors = vectors.numpy()
    rows = np.arange(500)
    splits = np.where(rows < 400, Split.TRAIN, Split.VALIDATION)
    answers = rows.copy()
    answers[[3, 90, 170, 250, 330]] = answers[[90, 170, 250, 330, 3]]
    made = make_training_set(np.concatenate([vectors, vectors]), rows, 500 + answers, splits)
    _, result = Trainer(config(batch_size=16, stages=[DIALOGUE]), CoreConfig(), made).train()
    assert result.skipped_steps == 0


def test_weights_that_are_not_finite_are_nothing_to_return_to(data):
    trainer = Trainer(config(stages=[DIALOGUE]), CoreConfig(), data)
    good = trainer._good
    with torch.no_grad():
        next(trainer.cube.parameters()).fill_(float("nan"))
    trainer._validate("validation", None)
    assert trainer._good is good


def test_a_stage_is_not_compared_with_the_one_before(data):
    """Answering costs more than restoring does: that is no explosion."""
    stages = [SETTINGS["stages"][0], {**DIALOGUE, "temperature": 0.02}]
    settings = config(stages=stages, divergence={"explosion": 1.5})
    trainer = Trainer(settings, CoreConfig(), data)
    _, result = trainer.train()
    restoring, answering = trainer.state.losses[:20], trainer.state.losses[20:]
    assert min(answering[:5]) > 1.5 > 1.5 * max(restoring)
    assert result.skipped_steps == 0


def test_a_second_return_lowers_the_rate_again(data, monkeypatch):
    told = iter([None] * 25 + ["once", "twice"])
    monkeypatch.setattr("cube.training.trainer.objection", lambda *_: next(told, None))
    trainer = Trainer(config(stages=[DIALOGUE]), CoreConfig(), data)
    trainer.train()
    returns = [e for e in trainer.state.history if e["event"] == "rollback"]
    assert [e["rate_scale"] for e in returns] == [0.5, 0.25]


def test_a_snapshot_stays_what_it_was_while_the_training_goes_on(data):
    trainer = Trainer(config(stages=[DIALOGUE]), CoreConfig(memory_pairs=0), data)
    trainer.run_steps(3)
    snapshot = trainer.state.snapshot()
    trainer.run_steps(3)
    later = weights_of(trainer.cube)
    trainer.state.restore(snapshot)
    trainer.run_steps(3)
    assert torch.equal(weights_of(trainer.cube), later)
