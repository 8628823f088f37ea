"""Two processes and many micro-batches are one large batch: the same losses, the same weights."""

import json
import os
import signal
import socket
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed

from cube.config import CoreConfig
from cube.devices import usable_device
from cube.errors import ConfigError, ModelError
from cube.lattice.core import Cube
from cube.training import launch
from cube.training.batches import Batches
from cube.training.curriculum import StageProgress, plan_step
from cube.training.launch import run_in_processes
from cube.training.loss import accumulate_gradient
from cube.training.processes import Processes
from cube.training.trainer import CHECKPOINTS, METRICS, Trainer
from tests.conftest import planted
from tests.training.test_trainer import config, data, training_set

__all__ = ["data"]

MIXED = [{"name": "mixed", "mode": "mixed", "max_steps": 30, "learning_rate": 3e-3}]


ALONE = [Processes()]


def gradient(data, processes=ALONE, **changes) -> tuple[float, torch.Tensor]:
    """Return loss and gradient of one mixed step, summed over the processes."""
    settings = config(stages=MIXED, precision="float32", **changes)  # equal but for rounding
    torch.manual_seed(0)
    cube = Cube(data.dimension, CoreConfig())
    for weight in cube.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    device = usable_device(settings.device)
    cube = cube.to(device)
    plan = plan_step(settings, StageProgress(), 3, 7)
    loss = sum(
        accumulate_gradient(cube, Batches(data, settings, p, device).load(plan), 0.5, settings)
        for p in processes
    )
    return loss, torch.cat([w.grad.flatten() for w in cube.parameters()])


@pytest.mark.parametrize("size", [1, 7, 32, 63, 64, 1000])
def test_micro_batches_have_the_gradient_of_the_large_batch(data, size):
    loss, expected = gradient(data)
    again, accumulated = gradient(data, micro_batch_size=size)
    assert again == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(accumulated, expected, rtol=1e-4, atol=1e-6)


def test_small_batches_have_another_gradient(data):
    """The comparison above would notice negatives that are missing."""
    _, expected = gradient(data)
    _, other = gradient(data, batch_size=16)
    assert not torch.allclose(other, expected, rtol=1e-2)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shares_of_processes_add_up_to_the_large_batch(data, count):
    loss, expected = gradient(data)
    again, added = gradient(data, [Processes(rank, count) for rank in range(count)])
    assert again == pytest.approx(loss, rel=1e-5)
    torch.testing.assert_close(added, expected, rtol=1e-4, atol=1e-6)


def train(folder: Path, die: bool = False) -> None:
    """Train in a folder, as one process or one of several."""
    trainer = Trainer(
        config(stages=MIXED, checkpoint_seconds=1e-9),
        CoreConfig(),
        training_set(planted.__wrapped__()),
        folder,
    )
    step = trainer._step

    def dying(plan):
        if plan.step == 17 and trainer.processes.rank == 1 and not (folder / "died").exists():
            (folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return step(plan)

    if die:
        trainer._step = dying
    begun, started = trainer.state.step, time.perf_counter()
    trainer.train()
    if trainer.processes.is_first:
        pairs = (trainer.state.step - begun) * trainer.config.batch_size
        rate = pairs / (time.perf_counter() - started)
        sys.stdout.write(f"{trainer.processes.count} processes: {rate:,.0f} pairs a second\n")


def fail(folder: Path) -> None:
    raise RuntimeError("nothing to be done")


def refuse(folder: Path, waiting: bool) -> None:
    """Count an attempt and be refused, all processes or the second alone while the first waits."""
    processes = Processes.joined()
    with (folder / f"attempts-{processes.rank}").open("a") as file:
        file.write("x")
    if waiting and processes.is_first:
        distributed.barrier()
    raise ConfigError("refused for good")


def events(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr("cube.training.launch.usable_device", lambda name: torch.device("cuda"))
    count = torch.cuda.device_count() + 1
    with pytest.raises(ConfigError, match=f"processes is {count}, .* has {count - 1}"):
        run_in_processes(count, "cuda", print)


def test_a_process_does_not_wait_for_ever_for_another_that_never_comes(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    group = {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    for name, value in {**group, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(launch, "TIMEOUT", timedelta(seconds=1))
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    with pytest.raises(distributed.DistError, match=r"[Tt]imed out"):
        launch._join_group("cpu", print)


@pytest.mark.slow
def test_two_processes_have_the_curve_of_one_and_survive_a_death(tmp_path):
    alone, together = tmp_path / "alone", tmp_path / "together"
    together.mkdir()
    train(alone)
    run_in_processes(2, "cpu", train, together, True)
    assert (together / "died").exists()
    ours, theirs = events(together), events(alone)
    assert [e["event"] for e in ours] == [e["event"] for e in theirs]
    for key in ("loss", "validation_mrr", "validation_restored_cosine"):
        a, b = ([e[key] for e in side if e.get(key) is not None] for side in (ours, theirs))
        np.testing.assert_allclose(a, b, rtol=1e-3)
    newest = sorted((together / CHECKPOINTS).glob("*.pt"))[-1]
    assert torch.load(newest, weights_only=True)["state"]["now"]["step"] == 30


@pytest.mark.slow
def test_processes_that_fail_again_and_again_are_an_error(tmp_path):
    with pytest.raises(
        ModelError, match=r"Process . of 2 failed 4 times: RuntimeError: nothing .* done$"
    ):
        run_in_processes(2, "cpu", fail, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("waiting", [False, True])
def test_what_will_not_pass_is_told_and_not_tried_again(tmp_path, waiting):
    with pytest.raises(ConfigError, match=r"^refused for good$"):
        run_in_processes(2, "cpu", refuse, tmp_path, waiting)
    for path in tmp_path.glob("attempts-*"):
        assert path.read_text() == "x"
