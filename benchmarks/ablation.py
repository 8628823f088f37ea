"""What each choice is worth: rules, layouts, objectives and guards, each against the default.

    python -m benchmarks.ablation --data DIR [--sets NAME …] [--groups rules,layouts] [--seeds 3]
    python -m benchmarks.ablation --vectors FILE.npz --cross rules,layouts

Every variant changes one thing of the default, with what the default's trials took; `--cross` also
takes every combination of the groups it names. Nothing is measured on test: one half of the
validation part stops the training early and the other half is scored, among all answers of the
validation part. Answers of one half are never right in the other. How a set is laid out stands in
`benchmarks.sets`.
"""

import argparse
import itertools
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.sets import BenchSet, add_set_options, chosen_sets
from cube import storage
from cube.config import Config, load_config
from cube.data.groups import join_groups
from cube.data.splits import Split
from cube.errors import CubeError, DataError
from cube.evaluation.metrics import score_slice
from cube.evaluation.significance import paired_bootstrap
from cube.ranking import RetrievalTask
from cube.training.trainer import Trainer
from cube.training.trials import Trial, run_trials, with_trials

DEFAULT = "default"
# Narrower than the rule's default, which costs over 200 times what planes do on a CPU.
_CELLS = ["core.rule=cells", "core.hub=0", "core.channels=4", "core.hidden=0.25"]
GROUPS: dict[str, dict[str, list[str]]] = {
    "rules": {
        "planes, no hub": ["core.hub=0"],
        "planes, hub of 32": ["core.hub=32"],
        "planes, hub of 160": ["core.hub=160"],
        "planes, gated": ["core.gated=true"],
        "planes, 2 sweeps": ["core.sweeps=2"],
        "planes, 6 sweeps": ["core.sweeps=6"],
        "planes, hidden layer": ["core.hidden=0.5"],
        "planes, 2 channels": ["core.channels=2"],
        "cells, 6 neighbours": _CELLS,
        "cells, 26 neighbours": [*_CELLS, "core.neighbours=26"],
        "cells, periodic": [*_CELLS, "core.periodic=true"],
        "axes": ["core.rule=axes", "core.hub=0"],
    },
    "layouts": {
        "layout by correlation": ["core.layout=correlation"],
        "random layout": ["core.layout=random"],
    },
    "objectives": {
        "4,096 more candidates": ["training.extra_candidates=4096"],
        "no hard negatives": ["training.hard_negatives=0"],
        "2 hard negatives": ["training.hard_negatives=2"],
        "8 hard negatives": ["training.hard_negatives=8"],
        "near-duplicates masked": ["training.near_duplicate_cosine=0.95"],
        "products in float32": ["training.precision=float32"],
        "fixed temperature": ["training.learn_temperature=false"],
        "no cosine term": ["training.cosine_weight=0"],
        "squared distance": ["training.cosine_weight=0", "training.mse_weight=0.1"],
        "centred cosine": ["training.cosine_weight=0", "training.centred_cosine_weight=0.2"],
        "noise on questions": ["training.question_noise=0.2"],
        "symmetric loss": ["training.symmetric_share=0.3"],
    },
    "guards": {
        "no average of weights": ["training.ema_decay=0"],
        "no pull to the identity": ["training.weight_decay=0"],
        "no clipping": ["training.clip_norm=1e9"],
        "no memory": ["core.memory_pairs=0"],
        "no whitening": ["core.whitening=false"],
        "rate halved on plateaus": ["training.plateau.patience=2"],
    },
}


def variants(groups: list[str], cross: list[str]) -> dict[str, list[str]]:
    """Return the settings of every variant by name, the default first."""
    found: dict[str, list[str]] = {DEFAULT: []}
    for group in groups:
        found |= GROUPS[group]
    for combination in itertools.product(*(GROUPS[group].items() for group in cross)):
        names, settings = zip(*combination, strict=True) if combination else ((), ())
        if len(names) > 1:
            found["; ".join(names)] = [setting for part in settings for setting in part]
    return found


def halve_validation(bench_set: BenchSet) -> BenchSet:
    """Return the set with one half of validation for stopping and the other as its test.

    Pairs that share an answer or a question stay together. The set's own test is left out.

    Raises:
        DataError: when validation has too few answers to be halved.
    """
    experiment = bench_set.experiment
    held_out = np.flatnonzero(experiment.splits == Split.VALIDATION)
    questions, answers = experiment.questions[held_out], experiment.answers[held_out]
    groups = join_groups(answers.astype(np.uint64), questions.astype(np.uint64))
    names, group = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"{bench_set.name}: validation has one group of answers, two are needed.")
    second = np.zeros(len(names), bool)
    second[np.random.default_rng(0).permutation(len(names))[: len(names) // 2]] = True
    scored = held_out[second[group]]
    splits = experiment.splits.copy()
    splits[scored] = Split.TEST
    task = RetrievalTask.from_pairs(
        experiment.questions[scored], experiment.answers[scored], np.unique(answers)
    )
    halved = replace(experiment, splits=splits, slices={"unseen_answers": scored})
    return replace(bench_set, experiment=halved, task=task)


def measure(bench_set: BenchSet, config: Config, seeds: int, trials: list[Trial]) -> dict[str, Any]:
    """Train one variant with every seed; return its scores by question and its cost."""
    experiment, task = bench_set.experiment, bench_set.task
    questions, bank = experiment.gather(task.questions), experiment.gather(task.bank)
    ranks, seconds, rollbacks, parameters = [], [], 0, 0
    core, alone = with_trials(config.core, config.training.dialogue_alone(), trials)
    for seed in range(seeds):
        training = alone.model_copy(update={"seed": seed})
        started = time.perf_counter()
        cube, result = Trainer(training, core, experiment.training_set).train()
        seconds.append(time.perf_counter() - started)
        cube.fit_to_index(bank)
        scored = score_slice(cube.apply_to(questions), bank, task, experiment.centre.answer, False)
        ranks.append(scored.reciprocal_ranks)
        rollbacks += result.skipped_steps
        parameters = cube.num_parameters
    means = [float(r.mean()) for r in ranks]
    return {
        "mrr@10": float(np.mean(means)),
        "by_seed": means,
        "spread": max(means) - min(means),
        "parameters": parameters,
        "seconds": float(np.mean(seconds)),
        "rollbacks": rollbacks,
        "by_question": np.mean(ranks, axis=0),
    }


def compare(results: dict[str, dict[str, Any]], resamples: int) -> dict[str, dict[str, Any]]:
    """Return plain values, each variant with the interval of it minus the default."""
    default = results[DEFAULT]["by_question"]
    values = {}
    for name, result in results.items():
        plain = {key: value for key, value in result.items() if key != "by_question"}
        interval = paired_bootstrap(result["by_question"], default, resamples)
        values[name] = plain | {"minus_default": None if name == DEFAULT else interval.model_dump()}
    return values


def make_table(title: str, values: dict[str, dict[str, Any]]) -> Table:
    """Lay the variants of one set out for the terminal."""
    table = Table(title=title, title_justify="left")
    table.add_column("variant")
    for column in ("MRR@10", "spread", "parameters", "seconds", "minus default, 95 % interval"):
        table.add_column(column, justify="right")
    for name, v in values.items():
        minus = v["minus_default"]
        table.add_row(
            name, f"{v['mrr@10']:.4f}",
            f"{v['spread']:.4f}" if len(v["by_seed"]) > 1 else "",
            f"{v['parameters']:,}", f"{v['seconds']:.1f}",
            minus and f"{minus['difference']:+.4f} [{minus['low']:+.4f}, {minus['high']:+.4f}]",
            style="bold" if name == DEFAULT else None,
        )  # fmt: skip
    return table


def run(options: argparse.Namespace) -> None:
    """Measure every set, print its table and write the JSON after each variant."""
    base = load_config(None, options.overrides).model_copy(update={"home": options.home})
    wanted, console = variants(options.groups, options.cross), Console(width=130)
    wanted = {n: s for n, s in wanted.items() if not options.skip or options.skip not in n}
    results: dict[str, dict[str, Any]] = {}
    for bench_set in map(halve_validation, chosen_sets(options, base)):
        measured: dict[str, dict[str, Any]] = {}
        data = bench_set.experiment.training_set
        trials = run_trials(base.core, base.training.dialogue_alone(), data)
        about = results[bench_set.name] = {
            "train_pairs": int((bench_set.experiment.splits == Split.TRAIN).sum()),
            "scored_questions": len(bench_set.task),
            "bank": len(bench_set.task.bank),
            "trials": [asdict(trial) for trial in trials],
        }
        for name, settings in wanted.items():
            config = load_config(None, [*options.overrides, *settings])
            measured[name] = measure(bench_set, config, options.seeds, trials)
            about["variants"] = compare(measured, base.evaluation.bootstrap_resamples)
            storage.write_json(options.out, {"machine": machine(), "sets": results})
            console.print(f"{bench_set.name}: {name}: {measured[name]['mrr@10']:.4f}")
        title = (
            f"{bench_set.name}: {about['train_pairs']:,} pairs, {about['scored_questions']:,} "
            f"validation questions scored among {about['bank']:,} answers, {options.seeds} seeds"
        )
        console.print(make_table(title, about["variants"]))
    console.print(f"JSON: {options.out}")


def _groups(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - GROUPS.keys():
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: no such group; there are {', '.join(GROUPS)}"
        )
    return names


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_set_options(parser)
    parser.add_argument("--groups", type=_groups, default=list(GROUPS), help=", ".join(GROUPS))
    parser.add_argument("--cross", type=_groups, default=[], help="groups to combine")
    parser.add_argument(
        "--skip", default="", metavar="TEXT", help="variants with this in their name"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("var/bench/ablation.json"))
    try:
        run(parser.parse_args())
    except CubeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
