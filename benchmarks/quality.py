"""The default cube against every baseline on the same splits, over several seeds.

    python -m benchmarks.quality --data DIR [--sets NAME …] [--seeds 5] [--out FILE.json]
    python -m benchmarks.quality --vectors FILE.npz [--only cube,dense] [--limit 2000]

How a set is laid out stands in `benchmarks.sets`. Every test question is ranked against all
distinct answers of the test part by one scorer. Whatever is random is trained once a seed; a
question's score is its mean over seeds, and the interval of a difference is a paired bootstrap over
the questions. The cube has its default settings, which leave some choices to trials on
validation; every rival trained by gradient may choose its learning rate and, where they can be
mined in seconds, whether it learns from hard negatives, by whole trainings on validation. Two
controls tell what the cube's core adds from what its memory of training pairs and its whitening by
the answers searched add. Other trainers take part where `make peers` has installed them.
"""

import argparse
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import peers
from benchmarks.machine import machine
from benchmarks.sets import BenchSet, add_set_options, chosen_sets
from cube import storage
from cube.config import Config, CoreConfig, TrainingConfig, load_config
from cube.data.splits import Split
from cube.errors import ConfigError, CubeError
from cube.evaluation.baselines import LABELS, AnySystem, closed_form_baselines, cube_system
from cube.evaluation.baselines.trained import RIVAL_RULES, rival_core
from cube.evaluation.evaluate import score_system
from cube.evaluation.leaks import find_leaks
from cube.evaluation.significance import paired_bootstrap
from cube.lattice.core import Cube
from cube.training.trainer import Trainer
from cube.training.trials import can_be_mined, run_trials, with_trials

# A rival may choose among these; the cube's own are among them.
RATES, HARD_NEGATIVES = (1e-3, 3e-3, 4.5e-3, 1e-2), (0, 2)
# Controls that tell what the core adds from what memory and whitening add.
CONTROLS = {
    "core_alone": "cube without memory and whitening",
    "low_rank_aided": "low-rank residual map with the cube's memory and whitening",
}
TRAINED = {**{rule: LABELS[rule] for rule in RIVAL_RULES}, **CONTROLS}
SYSTEMS = {"cube", *LABELS, *CONTROLS, *(peer.name for peer in peers.PEERS)} - {"random"}


@dataclass
class Score:
    """What one system came to on one set."""

    label: str
    parameters: int
    seconds: float = 0.0  # of one training; of choosing the dials where nothing is trained
    rate: float | None = None
    hard_negatives: int | None = None
    remembered: int = 0  # training pairs kept beside the parameters, by the last seed
    whitening: float = 0.0  # strength, of the last seed
    by_seed: list[np.ndarray] = field(default_factory=list)  # reciprocal ranks, one array a seed

    @property
    def mean_by_question(self) -> np.ndarray:
        """Score of every question, averaged over seeds."""
        return np.mean(self.by_seed, axis=0)

    @property
    def means(self) -> list[float]:
        """MRR@10 of every seed."""
        return [float(ranks.mean()) for ranks in self.by_seed]

    @property
    def spread(self) -> float:
        """Largest minus smallest mean over seeds."""
        return max(self.means) - min(self.means)


class Measurement:
    """Scores of every wanted system on one set."""

    def __init__(self, bench_set: BenchSet, config: Config, only: set[str] | None):
        self.set = bench_set
        settings = config.core, config.training.dialogue_alone()
        started = time.perf_counter()
        self.trials = run_trials(*settings, bench_set.experiment.training_set)
        self.core, self.training = with_trials(*settings, self.trials)
        self._trial_seconds = time.perf_counter() - started
        self.scores: dict[str, Score] = {}
        self._only = only

    def wants(self, *names: str) -> bool:
        """Whether any of these systems is asked for; the cube always is."""
        return self._only is None or bool(self._only & set(names))

    def add(
        self,
        system: AnySystem,
        seconds: float,
        remembered: int = 0,
        whitening: float = 0.0,
        rate: float | None = None,
        hard_negatives: int | None = None,
    ) -> None:
        """Score a system, once more if it is known from another seed."""
        if system.name != "cube" and not self.wants(system.name):
            return
        scored = score_system(self.set.experiment, system, self.set.task)
        known = self.scores.setdefault(system.name, Score(system.label, system.num_parameters))
        known.by_seed.append(scored.reciprocal_ranks)
        known.seconds += (seconds - known.seconds) / len(known.by_seed)
        known.rate, known.hard_negatives = rate, hard_negatives
        known.remembered, known.whitening = remembered, whitening

    def add_trained(
        self, name: str, label: str, cube: Cube, seconds: float, training: TrainingConfig
    ) -> None:
        """Score what the project's trainer made, with the dials it was trained by."""
        cube.fit_to_index(self.set.experiment.index)
        self.add(
            cube_system(name, label, cube),
            seconds,
            remembered=0 if cube.memory is None else len(cube.memory),
            whitening=0.0 if cube.whitening is None else cube.whitening.strength.item(),
            rate=training.stages[-1].learning_rate,
            hard_negatives=int(training.hard_negatives),
        )

    def closed_forms(self) -> None:
        """Add the baselines that need no gradient."""
        if not self.wants(*(name for name in LABELS if name not in RIVAL_RULES)):
            return
        started = time.perf_counter()
        for system in closed_form_baselines(self.set.experiment):
            taken = time.perf_counter() - started
            pairs = self.set.experiment.training_set.num_pairs
            self.add(system, taken, remembered=pairs if system.name == "knn" else 0)
            started = time.perf_counter()

    def trained(self, seeds: int) -> None:
        """Add the cube and the rivals trained as it is."""
        core = self.core
        for seed in range(seeds):
            cube, _, seconds = self._train(self.training, core, seed)
            seconds += self._trial_seconds
            self.add_trained("cube", "cube", cube, seconds, self.training)
        untrained = Cube(self.set.experiment.training_set.dimension, core)
        cores = {rule: rival_core(untrained, rule) for rule in RIVAL_RULES}
        cores["core_alone"] = core.model_copy(update={"memory_pairs": 0, "whitening": False})
        aids = {"memory_pairs": core.memory_pairs, "whitening": core.whitening}
        cores["low_rank_aided"] = cores["low_rank"].model_copy(update=aids)
        for name, label in TRAINED.items():
            if self.wants(name):
                self._rival(name, label, cores[name], seeds, chooses=name != "core_alone")

    def _rival(self, name: str, label: str, core: CoreConfig, seeds: int, chooses: bool) -> None:
        """Train a rival with what ranks best on validation with the first seed."""
        choices = [self.training]
        if chooses:
            mined = HARD_NEGATIVES if can_be_mined(self.set.experiment.training_set) else (0,)
            choices = [_with(self.training, rate, hard) for rate, hard in product(RATES, mined)]
        first = [self._train(training, core, 0) for training in choices]
        best = max(range(len(first)), key=lambda i: first[i][1])
        for seed in range(seeds):
            rival, _, seconds = self._train(choices[best], core, seed) if seed else first[best]
            self.add_trained(name, label, rival, seconds, choices[best])

    def _train(
        self, training: TrainingConfig, core: CoreConfig, seed: int
    ) -> tuple[Cube, float, float]:
        """Return the trained map, its validation MRR@10 and the seconds it took."""
        started = time.perf_counter()
        training = training.model_copy(update={"seed": seed})
        cube, result = Trainer(training, core, self.set.experiment.training_set).train()
        return cube, result.best_validation_mrr, time.perf_counter() - started

    def peers(self, python: Path, seeds: int) -> None:
        """Add other trainers."""
        for peer in filter(lambda peer: self.wants(peer.name), peers.PEERS):
            for seed in range(seeds):
                rate = self.scores[peer.name].rate if seed else None
                found = peers.train(python, peer, self.set.experiment, seed, rate)
                self.add(found.system, found.seconds, rate=found.rate)


def _known() -> str:
    return f"Known: {', '.join(sorted(SYSTEMS))}."


def _with(training: TrainingConfig, rate: float, hard_negatives: int) -> TrainingConfig:
    stages = [stage.model_copy(update={"learning_rate": rate}) for stage in training.stages]
    return training.model_copy(update={"stages": stages, "hard_negatives": hard_negatives})


def to_json(scores: dict[str, Score], config: Config) -> dict[str, dict]:
    """Put scores into plain values, best first, each with the interval of cube minus it."""
    ours = scores["cube"].mean_by_question
    resamples = config.evaluation.bootstrap_resamples
    order = sorted(scores, key=lambda name: -scores[name].mean_by_question.mean())
    values = {}
    for name in order:
        known = scores[name]
        interval = paired_bootstrap(ours, known.mean_by_question, resamples)
        values[name] = {
            "label": known.label,
            "mrr@10": float(known.mean_by_question.mean()),
            "by_seed": known.means,
            "spread": known.spread,
            "parameters": known.parameters,
            "remembered_pairs": known.remembered,
            "whitening": known.whitening,
            "seconds": known.seconds,
            "learning_rate": known.rate,
            "hard_negatives": known.hard_negatives,
            "cube_minus": None if name == "cube" else interval.model_dump(),
        }
    return values


def make_table(title: str, systems: dict[str, dict]) -> Table:
    """Lay the systems of one set out for the terminal."""
    table = Table(title=title, title_justify="left")
    table.add_column("system")
    columns = ("MRR@10", "spread", "parameters", "pairs kept", "seconds", "cube minus it, 95 %")
    for column in columns:
        table.add_column(column, justify="right")
    for name, s in systems.items():
        minus = s["cube_minus"]
        table.add_row(
            s["label"], f"{s['mrr@10']:.4f}",
            f"{s['spread']:.4f}" if len(s["by_seed"]) > 1 else "",
            f"{s['parameters']:,}",
            f"{s['remembered_pairs']:,}" if s["remembered_pairs"] else "", f"{s['seconds']:.1f}",
            minus and f"{minus['difference']:+.4f} [{minus['low']:+.4f}, {minus['high']:+.4f}]",
            style="bold" if name == "cube" else None,
        )  # fmt: skip
    return table


def run(options: argparse.Namespace) -> None:
    """Measure every set, print its table and write the JSON after each."""
    config = load_config(None, options.overrides).model_copy(update={"home": options.home})
    if unknown := (options.only or set()) - SYSTEMS:
        raise ConfigError(f"--only: no system {', '.join(sorted(unknown))}. {_known()}")
    results, console = {}, Console(width=130)
    for bench_set in chosen_sets(options, config):
        measurement = Measurement(bench_set, config, options.only)
        measurement.closed_forms()
        measurement.trained(options.seeds)
        if note := peers.missing(options.peer_python):
            console.print(note)
        else:
            measurement.peers(options.peer_python, options.peer_seeds)
        experiment, task = bench_set.experiment, bench_set.task
        pairs = int((experiment.splits == Split.TRAIN).sum())
        leaks = find_leaks(experiment)
        if leaks.share > config.evaluation.max_leaked_share:
            console.print(
                f"{len(leaks.leaked):,} of {len(leaks.checked):,} test pairs have a near copy in "
                "training: below, whoever memorises looks good."
            )
        systems = to_json(measurement.scores, config)
        title = f"{bench_set.name}: {pairs:,} pairs, {len(task):,} test questions, "
        title += f"{len(task.bank):,} answers, {options.seeds} seeds"
        console.print(make_table(title, systems))
        results[bench_set.name] = {
            "pairs": pairs,
            "questions": len(task),
            "bank": len(task.bank),
            "leaked_share": leaks.share,
            "seeds": options.seeds,
            "trials": [asdict(trial) for trial in measurement.trials],
            "interval": "paired bootstrap over questions, scores averaged over seeds",
            "systems": systems,
        }
        settings = {"core": config.core.model_dump(mode="json"),
                    "training": measurement.training.model_dump(mode="json")}  # fmt: skip
        storage.write_json(
            options.out, {"machine": machine(), "settings": settings, "sets": results}
        )
    console.print(f"JSON: {options.out}")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_set_options(parser)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--only", type=lambda text: set(text.split(",")), help=f"beside the cube. {_known()}"
    )
    parser.add_argument("--peer-python", type=Path, default=peers.PYTHON)
    parser.add_argument("--peer-seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("var/bench/quality.json"))
    try:
        run(parser.parse_args())
    except CubeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
