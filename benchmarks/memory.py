"""Peak memory and time of a step as the corpus grows.

    python -m benchmarks.memory [--pairs 10000 1000000 5000000] [--dimension 384] [--steps 150]

Writes synthetic vectors (float16; 7.7 GB for 5 million pairs at 384 dimensions, deleted afterwards)
and trains on each size in a process of its own. The peak is VmHWM: mapped pages count.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.matrices import map_pairs, write_random
from cube import storage
from cube.config import CoreConfig, parse_config
from cube.peak import peak_rss_bytes
from cube.training.trainer import Trainer

WARM_UP_STEPS = 20


def measure(path: Path, steps: int) -> dict:
    """Train on a matrix whose first half answers to its second, and measure this process."""
    data = map_pairs(path)
    stage = {"name": "mixed", "mode": "mixed", "max_steps": steps, "max_epochs": 100_000}
    config = parse_config({"training": {"stages": [stage], "validate_every": steps}}).training
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, CoreConfig(), data, Path(folder))
        wall, processor = _timed_steps(trainer)
        trainer.train()
    return {
        "pairs": len(data.vectors) // 2,
        "file_gb": path.stat().st_size / 1e9,
        "peak_gb": peak_rss_bytes() / 1e9,
        "step_ms": 1000 * statistics.median(wall[WARM_UP_STEPS:]),
        "step_processor_ms": 1000 * statistics.median(processor[WARM_UP_STEPS:]),
    }


def _timed_steps(trainer: Trainer) -> tuple[list[float], list[float]]:
    """Let a trainer note wall and processor seconds of every step."""
    step = trainer._step
    wall: list[float] = []
    processor: list[float] = []

    def timed(plan) -> bool:
        began, began_processor = time.perf_counter(), time.process_time()
        taken = step(plan)
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - began_processor)
        return taken

    trainer._step = timed
    return wall, processor


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 1_000_000, 5_000_000])
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path("var/bench/memory.json"))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.steps)))
        return
    results = []
    folder = Path(tempfile.mkdtemp(prefix="cube-memory-"))
    try:
        for pairs in options.pairs:
            path = folder / "vectors.npy"
            write_random(path, 2 * pairs, options.dimension)
            command = [sys.executable, "-m", "benchmarks.memory", "--measure", str(path)]
            command += ["--steps", str(options.steps)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results.append(json.loads(done.stdout))
    finally:
        shutil.rmtree(folder)
    storage.write_json(options.out, results)
    title = f"Training on vectors on disk, {options.dimension} dimensions, float16"
    table = Table(title=title)
    for column in ("pairs", "file GB", "peak GB", "step ms", "of the processor"):
        table.add_column(column, justify="right")
    for row in results:
        table.add_row(
            f"{row['pairs']:,}", f"{row['file_gb']:.2f}", f"{row['peak_gb']:.2f}",
            f"{row['step_ms']:.1f}", f"{row['step_processor_ms']:.1f}",
        )  # fmt: skip
    Console(width=100).print(table)
    print(f"Written: {options.out}")


if __name__ == "__main__":
    main()
