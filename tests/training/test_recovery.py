"""A training survives: killed, told to stop, its newest checkpoint broken, its settings changed."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from cube.config import CoreConfig
from cube.errors import ModelError, TrainingInterruptedError
from cube.training.trainer import CHECKPOINTS, METRICS, Trainer
from tests.training.test_trainer import config, data, weights_of

__all__ = ["data"]

# A process that trains in a folder and sends itself a signal before a step.
CHILD = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    import torch
    from cube.config import CoreConfig
    from cube.errors import CubeError
    from cube.training.trainer import Trainer
    sys.path.insert(0, os.getcwd())
    from tests.conftest import planted
    from tests.training.test_trainer import config, training_set

    torch.set_num_threads(1)
    folder, die_at, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    data = training_set(planted.__wrapped__())
    trainer = Trainer(config(checkpoint_seconds=1e-9), CoreConfig(), data, folder)
    step = trainer._step
    def dying(plan):
        if plan.step == die_at:
            os.kill(os.getpid(), number)
        return step(plan)
    trainer._step = dying
    try:
        cube, _ = trainer.train()
    except CubeError as error:
        sys.exit(error.exit_code)
    torch.save(cube.state_dict(), folder / "final.pt")
""")


def run_until(folder: Path, die_at: int = -1, number: int = signal.SIGKILL) -> int:
    command = [sys.executable, "-c", CHILD, str(folder), str(die_at), str(int(number))]
    return subprocess.run(command, check=False, capture_output=True, env=os.environ).returncode


def test_killed_or_stopped_and_started_again_gives_the_same_bits(tmp_path):
    undisturbed, disturbed = tmp_path / "a", tmp_path / "b"
    assert run_until(undisturbed) == 0
    for die_at in (13, 57):
        assert run_until(disturbed, die_at) == -signal.SIGKILL
    assert run_until(disturbed, 71, signal.SIGTERM) == 75
    assert run_until(disturbed) == 0
    a, b = (torch.load(f / "final.pt", weights_only=True) for f in (undisturbed, disturbed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert (undisturbed / METRICS).read_bytes() == (disturbed / METRICS).read_bytes()


def stopping(trainer: Trainer, at: int, number: int) -> None:
    """Let a trainer receive a signal before a step."""
    step = trainer._step

    def wrapped(plan):
        if plan.step == at:
            os.kill(os.getpid(), number)
        return step(plan)

    trainer._step = wrapped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_training_after_its_step_with_everything_saved(tmp_path, data, number):
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    trainer = Trainer(config(), CoreConfig(), data, tmp_path)
    stopping(trainer, 33, number)
    with pytest.raises(TrainingInterruptedError, match="at step 34") as caught:
        trainer.train()
    assert caught.value.signal_number == number
    assert caught.value.exit_code == 75
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == handlers

    again = Trainer(config(), CoreConfig(), data, tmp_path)
    taken = []
    step = again._step
    again._step = lambda plan: taken.append(plan.step) or step(plan)
    cube, _ = again.train()
    assert taken == list(range(34, 100))
    undisturbed, _ = Trainer(config(), CoreConfig(), data).train()
    assert torch.equal(weights_of(cube), weights_of(undisturbed))


def test_a_signal_at_the_last_step_is_not_swallowed(tmp_path, data):
    trainer = Trainer(config(), CoreConfig(), data, tmp_path)
    stopping(trainer, 99, signal.SIGTERM)
    with pytest.raises(TrainingInterruptedError, match="at step 100"):
        trainer.train()
    _, result = Trainer(config(), CoreConfig(), data, tmp_path).train()
    assert result.steps == 100


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "one bit"])
def test_a_broken_checkpoint_is_passed_over_for_the_one_before(tmp_path, data, damage, caplog):
    trainer = Trainer(config(checkpoint_seconds=1e-9), CoreConfig(), data, tmp_path)
    stopping(trainer, 50, signal.SIGTERM)
    with pytest.raises(TrainingInterruptedError):
        trainer.train()
    newest, before = sorted((tmp_path / CHECKPOINTS).glob("*.pt"), reverse=True)[:2]
    content = newest.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
    broken = {"truncated": content[:middle], "garbage": b"\x00half" * 99, "empty": b""}
    newest.write_bytes(broken.get(damage, flipped))

    with caplog.at_level("WARNING", logger="cube"):
        cube, _ = Trainer(config(), CoreConfig(), data, tmp_path).train()
    assert f"{newest.name} is broken: going on from {before.name}" in caplog.text
    undisturbed, _ = Trainer(config(), CoreConfig(), data).train()
    assert torch.equal(weights_of(cube), weights_of(undisturbed))


def test_only_the_newest_checkpoints_and_the_best_weights_are_kept(tmp_path, data):
    keep = config(checkpoint_seconds=1e-9, keep_checkpoints=2)
    trainer = Trainer(keep, CoreConfig(memory_pairs=0), data, tmp_path)
    (tmp_path / CHECKPOINTS).mkdir()
    left = tmp_path / CHECKPOINTS / ".000003.pt.abc"  # what a kill in mid write leaves
    left.write_bytes(b"half")
    cube, _ = trainer.train()
    names = sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir())
    stages = [f"stage-{stage.name}.safetensors" for stage in keep.stages]
    assert len([name for name in names if name.endswith(".pt")]) == 2
    assert [name for name in names if not name.endswith(".pt")] == sorted(
        ["best.safetensors", *stages]
    )
    from safetensors.torch import load_file

    best = load_file(tmp_path / CHECKPOINTS / "best.safetensors")
    assert all(torch.equal(best[name], value) for name, value in cube.state_dict().items())


def test_another_training_is_refused_and_every_difference_named(tmp_path, data):
    def trainer(**facts) -> Trainer:
        return Trainer(config(), CoreConfig(), data, tmp_path, facts)

    trainer(training={"seed": 0, "stages": [{"rate": 0.1}]}, data="abc").train()
    with pytest.raises(ModelError) as caught:
        trainer(training={"seed": 1, "stages": [{"rate": 0.1}, {"rate": 0.2}]}, data="abd").train()
    message = str(caught.value)
    assert "data was 'abc' and is 'abd'; " in message
    assert "training.seed was 0 and is 1; " in message
    assert "training.stages.1 was None and is {'rate': 0.2}" in message
    assert "rate was" not in message


def test_only_broken_checkpoints_are_an_error_not_a_new_beginning(tmp_path, data):
    Trainer(config(), CoreConfig(), data, tmp_path).train()
    for path in (tmp_path / CHECKPOINTS).glob("*.pt"):
        path.write_bytes(b"half a file")
    with pytest.raises(ModelError, match=r"All checkpoints in .* are broken"):
        Trainer(config(), CoreConfig(), data, tmp_path).train()


def test_a_rollback_is_the_same_after_a_kill(tmp_path, data):
    """The good state a divergence returns to is part of the checkpoint."""

    def training(folder: Path) -> Trainer:
        trainer = Trainer(config(checkpoint_seconds=1e-9), CoreConfig(), data, folder)
        step = trainer._step

        def exploding(plan):
            if plan.step == 47 and trainer.state.rollbacks == 0:
                with torch.no_grad():
                    for weight in trainer.cube.parameters():
                        weight.mul_(-500.0)
            return step(plan)

        trainer._step = exploding
        return trainer

    undisturbed, result = training(tmp_path / "a").train()
    assert result.skipped_steps == 1
    stopped = training(tmp_path / "b")
    stopping(stopped, 45, signal.SIGTERM)
    with pytest.raises(TrainingInterruptedError):
        stopped.train()
    cube, _ = training(tmp_path / "b").train()
    assert torch.equal(weights_of(undisturbed), weights_of(cube))
    assert (tmp_path / "a" / METRICS).read_bytes() == (tmp_path / "b" / METRICS).read_bytes()
