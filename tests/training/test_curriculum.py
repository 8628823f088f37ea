"""Curricula: mixes that ramp, pairs that get harder, ends of stages, plateaus, presets."""

from dataclasses import replace

import numpy as np
import pytest

from cube.config import CoreConfig, PacingConfig, StageConfig, TrainingConfig, parse_config
from cube.config.curriculum import PRESETS
from cube.config.training import PlateauConfig
from cube.errors import ConfigError
from cube.training.batches import Batches
from cube.training.curriculum import StageProgress, plan_step
from cube.training.difficulty import easiest_first
from cube.training.processes import Processes
from cube.training.sampler import paced_rows
from cube.training.trainer import Trainer
from tests.training.test_trainer import config, data

__all__ = ["data"]


def stage(**values) -> StageConfig:
    return StageConfig(name="a", **{"mode": "dialogue", "max_steps": 100, **values})


def plans(one: StageConfig, steps=range(101)):
    settings = TrainingConfig(stages=[one])
    return [plan_step(settings, StageProgress(step=step), step, 1_000) for step in steps]


def test_a_mix_ramps_smoothly_from_its_start_to_its_end():
    ramp = stage(mode="mixed", autoencoder_share=1.0, autoencoder_share_end=0.2)
    weights = [plan.restoring_weight for plan in plans(ramp)]
    assert (weights[0], weights[50], weights[100]) == pytest.approx((1.0, 0.6, 0.2))
    assert weights == sorted(weights, reverse=True)
    assert max(-np.diff(weights)) < 0.02
    assert (ramp.restores, ramp.answers) == (True, True)
    assert {plan.restoring_weight for plan in plans(stage(mode="mixed"))} == {0.5}


def test_competence_grows_with_the_root_of_time_to_all_pairs():
    pacing = PacingConfig(start=0.2, complete_after=0.5)
    competence = [plan.competence for plan in plans(stage(pacing=pacing))]
    assert competence[0] == pytest.approx(0.2)
    assert competence[25] == pytest.approx((0.5 * (1 - 0.2**2) + 0.2**2) ** 0.5)
    assert competence[:51] == sorted(competence[:51])
    assert set(competence[50:]) == {1.0}
    assert {plan.competence for plan in plans(stage())} == {1.0}


@pytest.mark.parametrize(("share", "rising"), [(0.0, 1), (0.1, 10), (0.5, 50), (1.0, 100)])
def test_the_rate_rises_for_the_share_of_each_stage_that_is_set(share, rising):
    stages = [stage(), stage(learning_rate=4e-3).model_copy(update={"name": "b"})]
    settings = TrainingConfig(stages=stages, warmup_share=share)
    for number, one in enumerate(stages):
        progress = [StageProgress(stage=number, step=step) for step in range(100)]
        rates = [
            plan_step(settings, p, 100 * number + p.step, 1_000).learning_rate for p in progress
        ]
        assert rates[:rising] == pytest.approx(
            [one.learning_rate * (step + 1) / rising for step in range(rising)]
        )
        assert (np.diff(rates[rising:]) < 0).all()
        assert max(rates) == one.learning_rate


def test_difficulty_is_what_the_teacher_finds_hard(data):
    vectors = data.vectors / np.linalg.norm(data.vectors, axis=1, keepdims=True)
    questions, answers = vectors[data.questions], vectors[data.answers]
    similarity = (questions * answers).sum(axis=1)
    by_similarity = easiest_first(data, "similarity", seed=0)
    assert sorted(by_similarity) == list(range(data.num_pairs))
    assert (np.diff(similarity[by_similarity]) <= 1e-6).all()
    ranks = (questions @ answers.T > similarity[:, None] + 1e-6).sum(axis=1)
    assert (np.diff(ranks[easiest_first(data, "rank", seed=0)]) >= 0).all()


def test_a_paced_stage_draws_from_the_easiest_pairs_only(data):
    settings = config(batch_size=16, stages=[stage(pacing=PacingConfig(difficulty="similarity"))])
    batches = Batches(data, settings, Processes())
    order = easiest_first(data, "similarity", seed=0)
    for step in (0, 1, 40):
        plan = plan_step(settings, StageProgress(step=step), step, 1_000)
        allowed = data.gather(data.questions[order[: round(plan.competence * data.num_pairs)]])
        drawn = batches.load(plan).pairs.questions.numpy()
        assert all((allowed == row).all(axis=1).any() for row in drawn)
        assert len(np.unique(drawn, axis=0)) == 16
        again = Batches(data, settings, Processes()).load(plan).pairs.questions.numpy()
        np.testing.assert_array_equal(drawn, again)
    plan = plan_step(settings, StageProgress(), 0, 1_000)
    many = [batches.load(replace(plan, step=step)).pairs.questions.numpy() for step in range(60)]
    pool = round(plan.competence * data.num_pairs)
    assert len(np.unique(np.concatenate(many), axis=0)) == pool > 16
    assert not np.array_equal(paced_rows(99, 9, 0, 0, 1), paced_rows(99, 9, 0, 0, 2))


def test_a_stage_ends_at_its_threshold(data):
    first = {"name": "a", "mode": "dialogue", "max_steps": 60, "threshold": 0.0}
    trainer = Trainer(config(stages=[first, {**first, "name": "b", "threshold": 1.0}]),
                      CoreConfig(), data)  # fmt: skip
    _, result = trainer.train()
    assert [(s["steps"], s["ended_by"]) for s in result.stages] == [
        (10, "threshold"),
        (60, "budget"),
    ]


def test_a_plateau_lowers_the_rate_and_grows_the_batch():
    plateau = PlateauConfig(patience=2, rate_factor=0.5, batch_factor=2)
    one = stage(min_delta=0.1, patience=9)
    progress = StageProgress()
    for score, expected in [
        (0.1, 1.0),
        (0.15, 1.0),
        (0.19, 0.5),
        (0.3, 0.5),
        (0.0, 0.5),
        (0.0, 0.25),
    ]:
        progress.validated(score, one, plateau)
        assert progress.rate_scale == expected
    assert progress.batch_scale == 4
    settings = TrainingConfig(stages=[one], batch_size=64, plateau=plateau)
    before = plan_step(settings, StageProgress(step=30), 30, 1_000)
    after = plan_step(settings, StageProgress(step=30, rate_scale=0.25, batch_scale=4), 30, 1_000)
    assert after.learning_rate == before.learning_rate / 4
    assert (before.batch_size, after.batch_size) == (64, 256)


def test_a_plateau_in_a_training_is_taken_up_by_its_steps(data):
    plateau = {"patience": 1, "rate_factor": 0.5, "batch_factor": 2}
    still = {"name": "a", "mode": "dialogue", "max_steps": 40, "min_delta": 1.0, "patience": 9}
    trainer = Trainer(config(stages=[still], plateau=plateau), CoreConfig(), data)
    trainer.train()
    sizes = [e["batch_size"] for e in trainer.state.history if e["event"] == "validation"]
    assert sizes == [64, 64, 128, 256]


def test_stages_have_loss_settings_of_their_own():
    training = TrainingConfig(noise=0.4, temperature=0.05)
    own = training.in_stage(stage(noise=0.9))
    assert (own.noise, own.temperature) == (0.9, 0.05)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_curriculum_is_chosen_by_one_word(name, data):
    training = parse_config({"training": {"stages": name}}).training
    assert training.stages == PRESETS[name]
    short = [s.model_copy(update={"max_steps": 4}) for s in training.stages]
    settings = training.model_copy(update={"stages": short, "validate_every": 2, "batch_size": 32})
    _, result = Trainer(settings, CoreConfig(), data).train()
    assert [s["name"] for s in result.stages] == [s.name for s in training.stages]


def test_an_unknown_curriculum_is_told_what_there_is():
    with pytest.raises(ConfigError, match="no such curriculum; there are autoencoder, mixed"):
        parse_config({"training": {"stages": "hard_to_easy"}})
    assert TrainingConfig().stages == PRESETS["staged"]


def test_what_only_restores_is_judged_by_restoring(data):
    settings = config(stages=[{"name": "a", "mode": "autoencoder", "max_steps": 30}])
    assert settings.selection_metric == "validation_restored_cosine"
    trainer = Trainer(settings, CoreConfig(), data)
    _, result = trainer.train()
    restored = {e["step"]: e["validation_restored_cosine"] for e in trainer.state.history[:-1]}
    assert restored[result.best_step] == max(restored.values())
    assert TrainingConfig().selection_metric == "validation_mrr"


def test_a_stage_that_only_restores_ends_by_restoring(data):
    """Although the whole curriculum is judged by its answers."""
    first = {"name": "a", "mode": "autoencoder", "max_steps": 20, "threshold": 0.8}
    settings = config(stages=[first, {"name": "b", "mode": "dialogue", "max_steps": 10}])
    trainer = Trainer(settings, CoreConfig(), data)
    _, result = trainer.train()
    start = trainer.state.history[0]
    assert start["validation_mrr"] < 0.8 < start["validation_restored_cosine"]
    assert (result.stages[0]["steps"], result.stages[0]["ended_by"]) == (10, "threshold")
