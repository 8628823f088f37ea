"""One epoch of the default cube on random unit vectors: seconds, and peak memory of this process.

    python -m benchmarks.epoch --folder DIR [--pairs 1000000] [--dimension 384]

`make bench-speed` runs it in a process of its own and shows what it writes.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.matrices import write_matrix
from cube.config import Config, StageConfig, load_config
from cube.data.splits import Split
from cube.peak import peak_rss_bytes
from cube.training.dataset import TrainingSet, make_training_set
from cube.training.sampler import steps_per_epoch
from cube.training.trainer import Trainer

_HELD_OUT = 200


def synthetic(folder: Path, pairs: int, dimension: int) -> TrainingSet:
    """Write random unit vectors as float16, a pair in two rows, and return them mapped."""
    path = folder / f"vectors-{pairs}.npy"
    generator = np.random.default_rng(0)

    def block(start: int, stop: int) -> np.ndarray:
        rows = generator.standard_normal((stop - start, dimension), np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    write_matrix(path, (2 * pairs, dimension), np.float16, block)
    rows = np.arange(pairs)
    splits = np.full(pairs, Split.TRAIN, np.int8)
    splits[:_HELD_OUT] = Split.VALIDATION
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    return make_training_set(vectors, rows, rows + pairs, splits)


def dialogue_stage(config: Config, max_steps: int) -> StageConfig:
    """Return the stage that answers, which is most of a training."""
    stage = config.training.dialogue_alone().stages[-1]
    return stage.model_copy(update={"max_steps": max_steps, "max_epochs": 1_000_000})


def large_epoch(config: Config, pairs: int, dimension: int, folder: Path) -> dict[str, float]:
    """Train one epoch; the peak memory is of the whole process, so it deserves one of its own."""
    data = synthetic(folder, pairs, dimension)
    steps = steps_per_epoch(data.num_pairs, config.training.batch_size)
    stage = dialogue_stage(config, steps)
    started = time.perf_counter()
    trainer = Trainer(config.training.model_copy(update={"stages": [stage]}), config.core, data)
    trainer.run_steps(steps)
    seconds = time.perf_counter() - started
    peak = peak_rss_bytes() / 1e9
    return {"pairs": pairs, "seconds": seconds, "steps": steps, "peak_rss_gb": peak}


def main() -> None:
    """Write the numbers as JSON to standard output."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="for the vectors")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="a.b=c")
    options = parser.parse_args()
    config = load_config(None, options.overrides)
    epoch = large_epoch(config, options.pairs, options.dimension, options.folder)
    sys.stdout.write(json.dumps(epoch))


if __name__ == "__main__":
    main()
