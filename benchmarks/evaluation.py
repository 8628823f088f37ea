"""Time and memory of an evaluation: cube and frozen teacher on one large slice.

    python -m benchmarks.evaluation [--questions N] [--answers N] [--dimension D] [--cpus N]

Vectors are random, in a memory-mapped file, as those of a corpus are. What is timed is all that is
done for a slice: ranking, every metric, intervals and verdict. The peak is VmHWM of this process,
which begins anew with it; pages of the file that were read count as well.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.matrices import write_random
from cube import storage
from cube.config import CoreConfig, EvaluationConfig
from cube.data.splits import Split
from cube.evaluation.baselines import cube_system, untrained_baselines
from cube.evaluation.evaluate import judge_systems, to_json
from cube.evaluation.experiment import Centre, Experiment
from cube.lattice.core import Cube
from cube.peak import peak_rss_bytes


def main() -> None:
    """Run the benchmark, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("var/bench/evaluation.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.cpus)
    with tempfile.TemporaryDirectory(prefix="cube-bench-") as folder:
        experiment = _experiment(options.questions, options.answers, options.dimension, folder)
        cube = cube_system("cube", "cube", Cube(options.dimension, CoreConfig()))
        identity = next(iter(untrained_baselines(experiment.centre)))
        systems = [cube, identity]
        before, used = time.perf_counter(), time.process_time()
        config = EvaluationConfig()
        judged = judge_systems(experiment, systems, config)
        to_json(judged, config)
        seconds, used = time.perf_counter() - before, time.process_time() - used
    result = {
        "questions": options.questions,
        "answers": options.answers,
        "dimension": options.dimension,
        "systems": len(systems),
        "cpus": options.cpus,
        "seconds": seconds,
        "cpu_seconds": used,
        "peak_bytes": peak_rss_bytes(),
        "machine": machine(),
    }
    storage.write_json(options.out, result)
    print(
        f"{options.questions:,} questions x {options.answers:,} answers x {options.dimension}, "
        f"{len(systems)} systems: {seconds:.1f} s, {used:.1f} s of CPU, "
        f"peak {result['peak_bytes'] / 1e9:.2f} GB"
    )
    print(f"Written: {options.out}")


def _experiment(questions: int, answers: int, dimension: int, folder: str) -> Experiment:
    """Write random vectors block by block and ask every question about a random answer."""
    generator = np.random.default_rng(0)
    path = Path(folder) / "vectors.npy"
    write_random(path, questions + answers, dimension, np.float32)
    # Test questions have one right answer each; training pairs put all the others into the bank.
    asked, rows = np.arange(questions), questions + np.arange(answers)
    zero = np.zeros(dimension, np.float32)
    return Experiment(
        np.load(path, mmap_mode="r", allow_pickle=False),
        np.concatenate([asked, rows]),
        np.concatenate([questions + generator.integers(0, answers, questions), rows]),
        np.repeat([Split.TEST, Split.TRAIN], [questions, answers]),
        {"all_pairs": asked},
        known_centre=Centre(zero, zero),
    )


if __name__ == "__main__":
    main()
