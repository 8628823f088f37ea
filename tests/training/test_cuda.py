"""On a GPU a training is what it is on the CPU: the same losses, answers and files."""

import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cube.config import CoreConfig, TeacherConfig, parse_config
from cube.errors import TrainingInterruptedError
from cube.fit import fit_vectors
from cube.gathering import Gatherer
from cube.lattice.core import Cube
from cube.lattice.rules import RULES
from cube.model import load_model
from cube.ranking import RetrievalTask, search
from cube.teacher.encoder import Teacher
from cube.training.trainer import Trainer
from cube.training.validation import Validation
from tests.teacher.conftest import TEXTS, encoder
from tests.training.test_processes import gradient
from tests.training.test_recovery import stopping
from tests.training.test_trainer import SETTINGS, config, data, weights_of

__all__ = ["data", "encoder"]

CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_loss_and_gradient_are_those_of_the_cpu(data):
    clean = {"noise": 0, "dropped_dimensions": 0}  # a GPU draws noise of its own
    loss, expected = gradient(data, **clean)
    on_gpu, found = gradient(data, device="cuda", **clean)
    assert found.is_cuda
    assert on_gpu == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_it_learns_what_the_cpu_learns(data, precision):
    core = CoreConfig()
    _, expected = Trainer(config(precision="float32"), core, data).train()
    cube, result = Trainer(config(device="cuda", precision=precision), core, data).train()
    assert all(value.is_cuda for value in cube.state_dict().values())
    assert all(weight.dtype == torch.float32 for weight in cube.parameters())
    gain = expected.best_validation_mrr - expected.untrained_validation_mrr
    assert result.untrained_validation_mrr == pytest.approx(expected.untrained_validation_mrr)
    assert result.best_validation_mrr == pytest.approx(expected.best_validation_mrr, abs=gain / 10)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_computes_what_it_does_on_the_cpu(rule):
    cube = Cube(48, CoreConfig(rule=rule))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in cube.parameters():
            weight.normal_(0, 0.1, generator=generator)
    x = torch.randn(8, 48, generator=generator)
    torch.testing.assert_close(cube.cuda()(x.cuda()).cpu(), cube.cpu()(x), rtol=1e-4, atol=1e-5)


def test_a_matrix_without_room_on_the_gpu_is_read_ahead_in_a_thread(data, monkeypatch):
    expected, _ = Trainer(config(device="cuda"), CoreConfig(), data).train()
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))
    trainer = Trainer(config(device="cuda"), CoreConfig(), data)
    assert trainer._ahead > 0
    cube, _ = trainer.train()
    torch.testing.assert_close(weights_of(cube), weights_of(expected), rtol=0.05, atol=0.02)


def test_answers_with_memory_and_whitening_are_those_of_the_cpu(data, tmp_path):
    core = CoreConfig(memory_pairs=10_000, whitening=True)
    cube, _ = Trainer(config(device="cuda"), core, data).train()
    assert cube.memory is not None or cube.whitening is not None
    questions = Validation(data, config()).questions
    save_file(cube.state_dict(), tmp_path / "cube.safetensors")
    on_cpu = Cube.from_state(48, core, load_file(tmp_path / "cube.safetensors"))
    np.testing.assert_allclose(cube.apply_to(questions), on_cpu.apply_to(questions), atol=1e-4)


def test_stopped_and_started_again_gives_the_same_bits(data, tmp_path):
    settings = config(device="cuda", learn_temperature=True)
    expected, _ = Trainer(settings, CoreConfig(), data, tmp_path / "a").train()
    trainer = Trainer(settings, CoreConfig(), data, tmp_path / "b")
    stopping(trainer, 33, signal.SIGTERM)
    with pytest.raises(TrainingInterruptedError):
        trainer.train()
    cube, _ = Trainer(settings, CoreConfig(), data, tmp_path / "b").train()
    assert torch.equal(weights_of(cube), weights_of(expected))


def test_a_training_of_a_gpu_goes_on_without_one(data, tmp_path, monkeypatch):
    trainer = Trainer(config(device="cuda"), CoreConfig(), data, tmp_path)
    stopping(trainer, 33, signal.SIGTERM)
    with pytest.raises(TrainingInterruptedError):
        trainer.train()
    for module in ("trainer", "validation"):
        monkeypatch.setattr(f"cube.training.{module}.usable_device", lambda name: CPU)
    cube, result = Trainer(config(device="cuda"), CoreConfig(), data, tmp_path).train()
    assert cube.strength.is_cpu
    assert result.steps == 100
    assert result.best_validation_mrr > result.untrained_validation_mrr + 0.1


def test_batches_hold_what_they_hold_on_the_cpu(data):
    on_gpu = Trainer(config(device="cuda"), CoreConfig(), data)
    on_cpu = Trainer(config(), CoreConfig(), data)
    plan = on_gpu._plan()
    ours, theirs = (trainer._batches.get(plan, []).texts for trainer in (on_gpu, on_cpu))
    assert torch.equal(ours.clean.cpu(), theirs.clean)
    noise, expected = ((t.corrupted - t.clean).cpu() for t in (ours, theirs))  # drawn anew
    assert noise.norm() == pytest.approx(expected.norm(), rel=0.1)
    assert not torch.equal(noise, expected)


@pytest.mark.parametrize("room", [True, False])
@pytest.mark.parametrize("mapped", [True, False])
def test_rows_are_gathered_alike(data, tmp_path, monkeypatch, room, mapped):
    if not room:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (0, 0))
    monkeypatch.setattr("cube.gathering._SMALL_BYTES", 0)
    monkeypatch.setattr("cube.gathering._BLOCK_ROWS", 500)
    matrix, rows = data.vectors.astype(np.float16), np.array([7, 0, 7, 501, 1199], np.int32)
    if mapped:
        np.save(tmp_path / "vectors.npy", matrix)
        matrix = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    found = Gatherer(matrix, torch.device("cuda"))(rows)
    assert found.is_cuda
    assert torch.equal(found.cpu(), torch.from_numpy(matrix[rows].astype(np.float32)))


def test_ranks_are_those_of_the_cpu(planted):
    questions, answers = planted
    count = np.arange(len(questions))
    task = RetrievalTask.from_pairs(count, count // 2 * 2, count)
    ours, theirs = (
        search(questions, answers, task, num_top=5, device=torch.device(name))
        for name in ("cuda", "cpu")
    )
    assert np.array_equal(ours.ranks, theirs.ranks)
    assert np.array_equal(ours.top, theirs.top)
    np.testing.assert_allclose(ours.top_scores, theirs.top_scores, atol=1e-5)


@pytest.mark.parametrize(("backend", "error"), [("torch", 1e-5), ("bfloat16", 0.05)])
def test_a_teacher_encodes_as_on_the_cpu(encoder, backend, error):
    settings = {"model": str(encoder), "pooling": "default"}
    expected = Teacher(TeacherConfig(**settings)).encode(TEXTS, "query")
    teacher = Teacher(TeacherConfig(**settings, backend=backend, device="cuda"))
    assert teacher.model.device.type == "cuda"
    np.testing.assert_allclose(teacher.encode(TEXTS, "query"), expected, atol=error)


def test_a_cube_trained_on_a_gpu_is_judged_saved_and_used_without_one(planted, tmp_path):
    settings = {**SETTINGS, "device": "cuda"}
    known = parse_config({"training": settings, "evaluation": {"bootstrap_resamples": 200}})
    evaluation = fit_vectors(*planted, tmp_path / "model", known)
    scores = evaluation["slices"]["unseen_answers"]["scores"]
    assert scores["cube"]["mrr@10"] > scores["identity"]["mrr@10"]
    saved = load_model(tmp_path / "model")
    assert saved.cube.strength.is_cpu
    assert np.isfinite(saved.cube.apply_to(planted[0])).all()
