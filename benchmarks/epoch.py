"""One epoch of the default cube on random unit vectors: seconds, and peak memory of this process.

    python -m benchmarks.epoch --folder DIR [--pairs 1000000] [--dimension 384]

`make bench-speed` runs it in a process of its own and shows what it writes.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from benchmarks.matrices import random_pairs
from cube.config import Config, StageConfig, load_config
from cube.peak import peak_rss_bytes
from cube.training.sampler import steps_per_epoch
from cube.training.trainer import Trainer


def dialogue_stage(config: Config, max_steps: int) -> StageConfig:
    """Return the stage that answers, which is most of a training."""
    stage = config.training.dialogue_alone().stages[-1]
    return stage.model_copy(update={"max_steps": max_steps, "max_epochs": 1_000_000})


def large_epoch(config: Config, pairs: int, dimension: int, folder: Path) -> dict[str, float]:
    """Train one epoch; the peak memory is of the whole process, so it deserves one of its own."""
    data = random_pairs(folder, pairs, dimension)
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
