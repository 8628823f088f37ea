"""Samples a second of training and inference, beside what this machine can do at these shapes.

    python -m benchmarks.speed [--pairs 20000] [--dimension 384] [--epoch-pairs 1000000]

Every number is measured in the same run and in turns: what is compared alternates, so a busy moment
hits both sides, and the best of the repeats counts. Three ways of training are compared on random
unit vectors at one batch size:

- cube: the default cube in the project's trainer, batches drawn and gathered, false negatives
  masked, weights averaged; and a dense residual map in the same trainer;
- dense: that map in a plain PyTorch loop over tensors on the device, float32, with the same loss;
- roofline: the matrix products of the cube's step alone, see `benchmarks.roofline`, in the types
  the cube multiplies in, and in float32.

`make peers` adds the trainers of sentence-transformers and LlamaIndex, timed by their own training
call. The epoch over many pairs runs in a process of its own, whose peak memory is VmHWM.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from benchmarks import peers
from benchmarks.epoch import dialogue_stage
from benchmarks.machine import machine
from benchmarks.matrices import random_pairs
from benchmarks.roofline import MatrixProducts
from cube import storage
from cube.config import Config, CoreConfig, load_config
from cube.devices import usable_device
from cube.errors import CubeError
from cube.lattice.core import Cube
from cube.lattice.keys import Keys
from cube.lattice.memory import Memory, Shares
from cube.training.batches import PairBatch
from cube.training.dataset import TrainingSet
from cube.training.loss import answering_loss
from cube.training.trainer import Trainer

Action = Callable[[], object]
_TIMED_STEPS = 5  # a turn


def cube_training(config: Config, core: CoreConfig, data: TrainingSet) -> Action:
    """Return some steps of the project's trainer."""
    stage = dialogue_stage(config, 1_000_000)
    trainer = Trainer(config.training.model_copy(update={"stages": [stage]}), core, data)
    return lambda: trainer.run_steps(_TIMED_STEPS)


def dense_training(config: Config, data: TrainingSet) -> Action:
    """Return some steps of a dense residual map in a plain loop over tensors in memory."""
    device = usable_device(config.training.device)
    x = torch.from_numpy(data.gather(data.questions)).to(device)
    y = torch.from_numpy(data.gather(data.answers)).to(device)
    dense = torch.nn.Linear(data.dimension, data.dimension, device=device)
    torch.nn.init.zeros_(dense.weight)
    optimizer = torch.optim.AdamW(dense.parameters(), lr=1e-3)
    training, batch = config.training, min(config.training.batch_size, data.num_pairs)

    def steps() -> None:
        for _ in range(_TIMED_STEPS):
            rows = torch.randperm(data.num_pairs, device=device)[:batch]
            predictions, targets = x[rows], y[rows]
            predictions = predictions + dense(predictions)
            logits = normalize(predictions, dim=-1) @ normalize(targets, dim=-1).T
            same = (rows[:, None] == rows).fill_diagonal_(False)
            logits = (logits / training.temperature).masked_fill(same, -torch.inf)
            loss = cross_entropy(logits, torch.arange(batch, device=device))
            far = 1 - cosine_similarity(predictions, targets, dim=-1).mean()
            loss = loss + training.cosine_weight * far
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def rooflines(config: Config, data: TrainingSet, batch: int) -> dict[str, Action]:
    """Return the matrix products of some steps of training and of inference."""
    device = usable_device(config.training.device)
    cube = Cube(data.dimension, config.core).to(device)
    x = torch.from_numpy(data.gather(data.questions[:batch])).to(device)
    y = torch.from_numpy(data.gather(data.answers[:batch])).to(device)
    pairs = PairBatch(x, y, torch.zeros(2, 0, dtype=torch.int64, device=device))

    def step() -> None:
        answering_loss(cube, pairs, config.training).backward()

    return {
        "training": repeat(MatrixProducts(step)),
        "training in float32": repeat(MatrixProducts(step, torch.float32)),
        "inference": repeat(MatrixProducts(lambda: cube(x))),
    }


def repeat(action: Action) -> Action:
    """Return as many runs of an action as a turn has steps."""

    def steps() -> None:
        for _ in range(_TIMED_STEPS):
            action()

    return steps


def dense_map(dimension: int, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """Return a dense residual map that normalises its output, as `Cube.apply_to` does."""
    dense = torch.nn.Linear(dimension, dimension, device=device)

    @torch.inference_mode()
    def apply(block: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(block).to(device)
        return torch.nn.functional.normalize(x + dense(x), dim=-1).cpu().numpy()

    return apply


def in_turns(actions: dict[str, Action], samples: int, repeats: int) -> dict[str, dict[str, Any]]:
    """Time actions in alternation; the first round is a warm-up.

    Args:
        actions: by name.
        samples: that one call of an action handles.
        repeats: rounds that count.

    Returns:
        By name the best samples a second, and the median of the ratio of `cube` to it by round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(repeats + 1):
        names = list(actions) if turn % 2 else list(actions)[::-1]
        for name in names:
            started = time.perf_counter()
            actions[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {
        name: {
            "samples_per_second": samples / min(taken),
            "cube_ratio": min(taken) / min(seconds["cube"]),
            "cube_ratio_median": float(np.median(np.divide(taken, seconds["cube"]))),
        }
        for name, taken in seconds.items()
    }


def peer_speeds(python: Path, data: TrainingSet, pairs: int) -> dict[str, float]:
    """Return samples a second of other trainers' training calls."""
    q, a = data.gather(data.questions[:pairs]), data.gather(data.answers[:pairs])
    steps = max(1, pairs // 1024)
    options = {
        "sentence_transformers": {"batch": 1024, "steps": steps, "rate": 1e-3, "seed": 0},
        "llama_index": {"batch": 256, "epochs": 1, "rate": 1e-3, "seed": 0},
    }
    samples = {"sentence_transformers": steps * min(1024, pairs), "llama_index": pairs}
    return {
        name: samples[name] / float(peers.run_trainer(python, name, q, a, options[name])["seconds"])
        for name in options
    }


def measure(options: argparse.Namespace, config: Config) -> dict[str, Any]:
    """Run all measurements."""
    with tempfile.TemporaryDirectory(prefix="cube-speed-") as name:
        folder = Path(name)
        data = random_pairs(folder, options.pairs, options.dimension)
        batch = min(config.training.batch_size, data.num_pairs)
        roofline = rooflines(config, data, batch)
        device = usable_device(config.training.device)
        cube = Cube(options.dimension, config.core).to(device)
        dense = dense_map(options.dimension, device)
        kept = slice(config.core.memory_pairs)
        q, a = data.gather(data.questions[kept]), data.gather(data.answers[kept])
        asked, given = (Keys.of(torch.from_numpy(vectors)) for vectors in (q, a))
        memory = Memory(asked, given, torch.arange(len(a)))
        memory.use(Shares(answers=0.25, differences=0.5, near_answers=0.1), floor=0.0)
        remembering = Cube(options.dimension, config.core, memory).to(device)
        block = data.gather(data.questions[:batch])
        training = {
            "cube": cube_training(config, config.core, data),
            "dense in the trainer": cube_training(config, CoreConfig(rule="dense"), data),
            "dense": dense_training(config, data),
            "roofline": roofline["training"],
            "roofline in float32": roofline["training in float32"],
        }
        applying = {
            "cube": repeat(lambda: cube.apply_to(block)),
            "cube with memory": repeat(lambda: remembering.apply_to(block)),
            "dense": repeat(lambda: dense(block)),
            "roofline": roofline["inference"],
        }
        samples = batch * _TIMED_STEPS
        results: dict[str, Any] = {
            "machine": machine(),
            "batch": batch,
            "training": in_turns(training, samples, options.repeats),
            "inference": in_turns(applying, samples, options.repeats),
        }
        if note := peers.missing(options.peer_python):
            results["peers"] = note
        else:
            speeds = peer_speeds(options.peer_python, data, min(options.peer_pairs, data.num_pairs))
            after = in_turns({"cube": training["cube"]}, samples, options.repeats)
            ours = max(s["cube"]["samples_per_second"] for s in (results["training"], after))
            results["peers"] = {
                n: {"samples_per_second": s, "cube_ratio": ours / s} for n, s in speeds.items()
            }
        if options.epoch_pairs:
            results["epoch"] = _in_own_process(options, folder)
    return results


def _in_own_process(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.epoch", "--folder", str(folder)]
    command += ["--pairs", str(options.epoch_pairs), "--dimension", str(options.dimension)]
    command += [part for override in options.overrides for part in ("--set", override)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def make_table(results: dict[str, Any]) -> Table:
    """Lay the numbers out for the terminal."""
    table = Table(title=f"Batches of {results['batch']:,}", title_justify="left")
    table.add_column("what")
    table.add_column("samples a second", justify="right")
    table.add_column("cube ÷ it", justify="right")
    table.add_column("median of rounds", justify="right")
    kinds = {"training": results["training"], "inference": results["inference"]}
    if not isinstance(results["peers"], str):
        kinds["training call"] = results["peers"]
    for kind, systems in kinds.items():
        for name, s in systems.items():
            median = s.get("cube_ratio_median")
            table.add_row(
                f"{kind}, {name}", f"{s['samples_per_second']:,.0f}", f"{s['cube_ratio']:.2f}",
                "" if median is None else f"{median:.2f}",
            )  # fmt: skip
        table.add_section()
    return table


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=7, help="rounds that count")
    parser.add_argument("--epoch-pairs", type=int, default=1_000_000, help="0: leave it out")
    parser.add_argument("--peer-python", type=Path, default=peers.PYTHON)
    parser.add_argument("--peer-pairs", type=int, default=10_240)
    parser.add_argument("--out", type=Path, default=Path("var/bench/speed.json"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="a.b=c")
    options = parser.parse_args()
    try:
        config = load_config(None, options.overrides)
        results = measure(options, config)
    except CubeError as error:
        sys.exit(str(error))
    storage.write_json(options.out, results)
    console = Console(width=100)
    console.print(make_table(results))
    if isinstance(results["peers"], str):
        console.print(results["peers"])
    if epoch := results.get("epoch"):
        console.print(
            f"An epoch of {epoch['pairs']:,} pairs: {epoch['seconds']:.0f} s, "
            f"peak RSS {epoch['peak_rss_gb']:.2f} GB"
        )
    console.print(f"JSON: {options.out}")


if __name__ == "__main__":
    main()
