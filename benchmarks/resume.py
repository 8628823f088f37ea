"""Kill one training again and again, and compare it with one that nobody touched.

    python -m benchmarks.resume [--kills 25] [--stops 5] [--out var/bench/resume.json]

A training of all three stages on synthetic vectors runs once undisturbed. Then it is killed with
SIGKILL at random moments, every fifth time in the middle of writing a checkpoint, and started again
each time by a new process. Then the same with SIGTERM. The final weights and metrics.jsonl must be
the same bytes.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import save

from cube import storage
from cube.config import CoreConfig, TrainingConfig, parse_config
from cube.data.splits import Split
from cube.errors import TrainingInterruptedError
from cube.training.checkpoint import Checkpoints
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.trainer import CHECKPOINTS, METRICS, Trainer

WEIGHTS = "model.safetensors"
PAIRS, DIMENSION = 4_000, 384
STEPS = 200
FACTS = {"data": "synthetic"}
IN_A_WRITE = 5  # every so-manieth kill waits for a half-written checkpoint

# Processes are forked from this one, which has torch loaded already: a start costs nothing.
fork = multiprocessing.get_context("fork")


def settings() -> TrainingConfig:
    """Return a training of all three stages that writes checkpoints all the time."""
    stages = [
        {"name": "autoencoder", "mode": "autoencoder", "max_steps": 60},
        {"name": "mixed", "mode": "mixed", "max_steps": 40, "autoencoder_share_end": 0.1},
        {"name": "dialogue", "mode": "dialogue", "max_steps": 100, "learning_rate": 3e-3},
    ]
    values = {"batch_size": 256, "validate_every": 10, "checkpoint_seconds": 0.02, "stages": stages}
    return parse_config({"training": values}).training


def synthetic() -> TrainingSet:
    """Return questions that are turned, noisy answers."""
    generator = np.random.default_rng(0)
    answers = generator.standard_normal((PAIRS, DIMENSION), np.float32)
    turn = np.eye(DIMENSION) + generator.standard_normal((DIMENSION,) * 2) / DIMENSION**0.5
    questions = answers @ turn.astype(np.float32)
    questions += generator.standard_normal(questions.shape, np.float32)
    splits = np.full(PAIRS, Split.TRAIN, np.int8)
    splits[: PAIRS // 10] = Split.VALIDATION
    vectors = np.concatenate([questions, answers])
    return make_training_set(vectors, np.arange(PAIRS), PAIRS + np.arange(PAIRS), splits)


def train(data: TrainingSet, folder: Path, begun) -> None:
    """Train to the end, from wherever the folder says; count the steps begun."""
    torch.set_num_threads(1)
    trainer = Trainer(settings(), CoreConfig(), data, folder, FACTS)
    step = trainer._step

    def counted(plan) -> bool:
        begun.value += 1
        return step(plan)

    trainer._step = counted
    try:
        cube, _ = trainer.train()
    except TrainingInterruptedError as stopped:
        os._exit(stopped.exit_code)
    storage.write_bytes(folder / WEIGHTS, save(cube.state_dict()))


def disturbed(data: TrainingSet, folder: Path, number: int, times: int) -> dict:
    """Send a signal to the training a number of times, and let it finish."""
    moments = random.Random(0)
    found: dict = {"signals": 0, "in_a_write": 0, "exit_codes": {}, "steps": []}
    while found["signals"] < times:
        begun = fork.Value("i", 0)
        process = fork.Process(target=train, args=(data, folder, begun))
        process.start()
        # On average a part of the way that leaves some for the last process.
        steps = moments.randint(1, 2 * STEPS // (times + 5))
        while begun.value < steps and process.exitcode is None:
            time.sleep(moments.uniform(0, 0.02))
        if number == signal.SIGKILL and (found["signals"] + 1) % IN_A_WRITE == 0:
            found["in_a_write"] += _wait_for_half_a_checkpoint(folder, process)
        if process.exitcode is not None:
            sys.exit("The training was over before the last signal: it needs more steps.")
        assert process.pid is not None
        os.kill(process.pid, number)
        process.join()
        found["signals"] += 1
        code = str(process.exitcode)
        found["exit_codes"][code] = found["exit_codes"].get(code, 0) + 1
        saved = Checkpoints(folder / CHECKPOINTS, FACTS, keep=3).load()
        found["steps"].append(saved["now"]["step"] if saved else 0)
    undisturbed(data, folder)
    return found


def undisturbed(data: TrainingSet, folder: Path) -> None:
    """Train to the end in a process of its own."""
    process = fork.Process(target=train, args=(data, folder, fork.Value("i", 0)))
    process.start()
    process.join()
    assert process.exitcode == 0


def _wait_for_half_a_checkpoint(folder: Path, process) -> bool:
    while process.exitcode is None:
        if any((folder / CHECKPOINTS).glob(".0*.pt.*")):
            return True
    return False


def main() -> None:
    """Run and print the comparison; exit code 1 if a byte differs."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--stops", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("var/bench/resume.json"))
    options = parser.parse_args()
    data = synthetic()
    folder = Path(tempfile.mkdtemp(prefix="cube-resume-"))
    try:
        started = time.perf_counter()
        undisturbed(data, folder / "undisturbed")
        seconds = time.perf_counter() - started
        cases = {
            "SIGKILL": (signal.SIGKILL, options.kills),
            "SIGTERM": (signal.SIGTERM, options.stops),
        }
        results: dict = {"undisturbed_seconds": seconds}
        for name, (number, times) in cases.items():
            found = disturbed(data, folder / name, number, times)
            for file in (WEIGHTS, METRICS):
                ours, theirs = (folder / f / file for f in ("undisturbed", name))
                found[f"equal_{file}"] = ours.read_bytes() == theirs.read_bytes()
            results[name] = found
    finally:
        shutil.rmtree(folder)
    storage.write_json(options.out, results)
    _print(results)
    print(f"Written: {options.out}")
    if not all(results[name][f"equal_{f}"] for name in cases for f in (WEIGHTS, METRICS)):
        sys.exit(1)


def _print(results: dict) -> None:
    title = f"One training of {STEPS} steps, {results['undisturbed_seconds']:.1f} s undisturbed"
    table = Table(title=title, title_justify="left")
    for column in ("signal", "times", "in a write", "exit codes", "saved at steps"):
        table.add_column(column)
    table.add_column(f"same {WEIGHTS}")
    table.add_column(f"same {METRICS}")
    for name in ("SIGKILL", "SIGTERM"):
        found = results[name]
        table.add_row(
            name,
            str(found["signals"]),
            str(found["in_a_write"]),
            ", ".join(f"{code} ({times}×)" for code, times in found["exit_codes"].items()),
            ", ".join(map(str, found["steps"])),
            *("yes" if found[f"equal_{file}"] else "NO" for file in (WEIGHTS, METRICS)),
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
