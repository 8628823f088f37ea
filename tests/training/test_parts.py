"""Sampler, objectives and curriculum: the trainer's pure functions."""

import numpy as np
import pytest
import torch

from cube.config import StageConfig, TrainingConfig
from cube.config.training import PlateauConfig
from cube.training.curriculum import StageProgress, learning_rate
from cube.training.objectives import contrastive_loss, corrupt, cosine_loss, same_answers
from cube.training.result import loss_convergence
from cube.training.sampler import batch_rows, steps_per_epoch


def test_an_epoch_takes_every_row_at_most_once():
    for rows, batch in [(10, 3), (256, 256), (5, 8), (1_000, 64)]:
        steps = steps_per_epoch(rows, batch)
        for epoch in range(2):
            taken = [batch_rows(rows, batch, 0, 0, epoch * steps + s) for s in range(steps)]
            positions = np.concatenate(taken)
            assert len(set(positions.tolist())) == len(positions) == min(rows, steps * batch)


def test_a_batch_depends_on_seed_stream_and_step_alone():
    first = batch_rows(100, 10, 1, 0, 7)
    batch_rows(100, 10, 1, 0, 93)
    np.testing.assert_array_equal(first, batch_rows(100, 10, 1, 0, 7))
    for other in [(2, 0, 7), (1, 1, 7), (1, 0, 8), (1, 0, 17)]:
        assert not np.array_equal(first, batch_rows(100, 10, *other))


def test_false_negatives_share_a_question_or_an_answer():
    same = same_answers(np.array([0, 1, 2, 3, 4, 0]), np.array([10, 11, 11, 13, 14, 15]))
    assert sorted(same.T.tolist()) == [[0, 5], [1, 2], [2, 1], [5, 0]]


def test_a_batch_of_one_answer_has_no_contrast():
    x = torch.nn.functional.normalize(torch.randn(3, 4), dim=-1)
    same = same_answers(np.arange(3), np.zeros(3, np.int64))
    assert contrastive_loss(x, x, same, 0.1).item() == 0


def test_a_prediction_that_could_not_be_farther_off_has_a_finite_loss():
    x = torch.tensor([[1.0, 0], [-1.0, 0]], requires_grad=True)
    loss = contrastive_loss(x, -x.detach(), torch.zeros(2, 0, dtype=torch.int64), 0.01)
    loss.backward()
    assert 80 < loss.item() < 200
    assert torch.isfinite(x.grad).all()


def test_cosine_loss_is_zero_for_equal_directions():
    x = torch.nn.functional.normalize(torch.randn(5, 8), dim=-1)
    assert cosine_loss(x, x).item() == pytest.approx(0, abs=1e-6)
    assert cosine_loss(-x, x).item() == pytest.approx(2, abs=1e-6)


def test_corruption_has_the_asked_length_and_repeats():
    x = torch.nn.functional.normalize(torch.randn(400, 384), dim=-1)
    noisy = corrupt(x, 0.5, 0.0, torch.Generator().manual_seed(1))
    assert (noisy - x).norm(dim=-1).mean().item() == pytest.approx(0.5, abs=0.01)
    dropped = corrupt(x, 0.0, 0.25, torch.Generator().manual_seed(1))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    again = corrupt(x, 0.5, 0.0, torch.Generator().manual_seed(1))
    assert torch.equal(noisy, again)
    assert torch.equal(corrupt(x, 0.0, 0.0, torch.Generator()), x)


def test_the_rate_rises_then_falls_to_nothing():
    rates = [learning_rate(0.1, step, 100, 0.1) for step in range(101)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[10] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100] == pytest.approx(0)


def test_a_stage_ends_by_budget_or_by_plateau():
    stage = StageConfig(name="a", mode="dialogue", max_steps=10, max_epochs=3, patience=2)
    assert (stage.budget(100), stage.budget(2)) == (10, 6)
    progress = StageProgress()
    for score in (0.1, 0.2, 0.2):
        progress.validated(score, stage, PlateauConfig())
        assert progress.finished(stage, 10) is None
    progress.validated(0.15, stage, PlateauConfig())
    assert progress.finished(stage, 10) == "plateau"
    progress = progress.next_stage()
    assert progress == StageProgress(stage=1)
    progress.step = 10
    assert progress.finished(stage, 10) == "budget"


def test_dialogue_alone_leaves_out_what_restores():
    training = TrainingConfig()
    assert [stage.mode for stage in training.dialogue_alone().stages] == ["dialogue"]
    only_restoring = training.model_copy(update={"stages": training.stages[:1]})
    assert only_restoring.dialogue_alone() == only_restoring


def test_modes_weigh_the_losses():
    def weight(mode, share=None):
        return StageConfig(name="a", mode=mode, autoencoder_share=share).restoring_weight()

    assert [weight(m) for m in ("autoencoder", "mixed", "dialogue")] == [1.0, 0.5, 0.0]
    assert weight("mixed", 0.25) == 0.25


def test_a_threshold_that_is_just_reached_ends_a_stage():
    stage = StageConfig(name="a", mode="dialogue", threshold=0.5)
    assert StageProgress(score=0.5).finished(stage, 10) == "threshold"
    assert StageProgress(score=0.4999).finished(stage, 10) is None


@pytest.mark.parametrize(
    ("losses", "epoch", "last_stage", "expected"),
    [
        ([9.0] * 10 + [2.0] * 20 + [1.5] * 20, 20, 40, 0.25),
        ([9.0] * 10 + [2.0] * 20 + [1.5] * 20, 20, 39, None),  # losses of two stages
        ([2.0] * 16 + [3.0] * 16, 4, 32, 0.5),  # an epoch of few steps says little
        ([2.0] * 16 + [3.0] * 16, 4, 31, None),
        ([0.0] * 40, 20, 40, None),
    ],
)
def test_a_loss_has_converged_by_the_change_from_epoch_to_epoch(
    losses, epoch, last_stage, expected
):
    assert loss_convergence(losses, epoch, last_stage) == expected
