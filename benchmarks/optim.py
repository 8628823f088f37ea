"""The trainer against a plain loop: samples a second and validation MRR, in one run.

    python -m benchmarks.optim [--queries Q.npy --answers A.npy] [--steps 150] [--repeats 3]

Both take the same number of steps with the same loss, batch, rates and optimiser, in turn; the
plain loop is float32 with a DataLoader that gathers sample by sample and reads nothing ahead.
Without files, the vectors are synthetic: answers that are turned and blurred.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.resume import synthetic
from cube import storage
from cube.config import CoreConfig, load_config
from cube.data.splits import Split
from cube.data.vector_pairs import lay_out
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.speed import plain_loop, trainer_loop
from cube.training.validation import Validation

LOOPS = {"trainer": trainer_loop, "plain loop": plain_loop}


def read(queries: Path, answers: Path) -> TrainingSet:
    """Return stored pairs, a tenth of them for validation."""
    q, a = np.load(queries, allow_pickle=False), np.load(answers, allow_pickle=False)
    splits = np.full(len(q), Split.TRAIN, np.int8)
    splits[::10] = Split.VALIDATION
    vectors, asked, given = lay_out(q, a)
    return make_training_set(vectors, asked.number, given.number, splits)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("var/bench/optim.json"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="a.b=c")
    options = parser.parse_args()
    training = load_config(None, ["training.stages=dialogue", *options.overrides]).training
    data = read(options.queries, options.answers) if options.queries else synthetic()
    validation = Validation(data, training)
    seconds: dict[str, list[float]] = {name: [] for name in LOOPS}
    mrr = {}
    for _ in range(options.repeats):
        for name, loop in LOOPS.items():
            cube, spent = loop(training, CoreConfig(), data, options.steps)
            seconds[name].append(spent)
            mrr[name] = float(validation.score(cube.cpu())["validation_mrr"].mean())
    samples = min(training.batch_size, data.num_pairs) * (options.steps - 1)
    results = {
        name: {"samples_a_second": samples / min(seconds[name]), "validation_mrr": mrr[name]}
        for name in LOOPS
    }
    rates = [results[name]["samples_a_second"] for name in LOOPS]
    results["speedup"] = rates[0] / rates[1]
    storage.write_json(options.out, results)
    table = Table(title=f"{data.num_pairs:,} pairs, {options.steps} steps, best of "
                  f"{options.repeats}, {torch.get_num_threads()} threads")  # fmt: skip
    for column in ("loop", "samples a second", "validation MRR@10"):
        table.add_column(column, justify="right")
    for name in LOOPS:
        row = results[name]
        table.add_row(name, f"{row['samples_a_second']:,.0f}", f"{row['validation_mrr']:.4f}")
    Console(width=100).print(table)
    print(f"Speed-up: {results['speedup']:.2f} ×. Written: {options.out}")


if __name__ == "__main__":
    main()
