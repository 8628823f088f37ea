"""The default cube against every baseline on the same splits, over several seeds.

    python -m benchmarks.quality --data DIR [--sets NAME …] [--seeds 5] [--out FILE.json]
    python -m benchmarks.quality --vectors FILE.npz

DIR holds `<set>.train.jsonl` and `<set>.test.jsonl`, and `<set>.valid.jsonl` where there is one;
the npz holds train_q, train_a, test_q, test_a (and valid_q, valid_a): row i of `_a` answers row i
of `_q`.
Every question of the test file is ranked against all distinct answers of the test file. Learned
systems are trained once a seed; a question's score is its mean over seeds, and the interval of the
difference is a paired bootstrap over questions.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from cube import storage
from cube.config import Config, load_config
from cube.data.corpus import build_corpus
from cube.data.splits import Split, assign_splits
from cube.evaluation.baselines import TRAINED_BASELINES, closed_form_baselines, cube_system
from cube.evaluation.experiment import Experiment
from cube.evaluation.metrics import score_slice
from cube.evaluation.ranking import RetrievalTask
from cube.evaluation.significance import paired_bootstrap
from cube.fit import first_rows
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import embed_corpus
from cube.training.trainer import Trainer

PARTS = ("train", "valid", "test")
VALIDATION_SHARE = 0.1  # of training answers, where a set has no validation file


@dataclass
class Score:
    """What one system came to on one set."""

    label: str
    parameters: int
    seconds: float = 0.0
    by_seed: list[np.ndarray] = field(default_factory=list)  # reciprocal ranks, one array a seed

    @property
    def mean_by_question(self) -> np.ndarray:
        """Score of every question, averaged over seeds."""
        return np.mean(self.by_seed, axis=0)

    @property
    def spread(self) -> float:
        """Largest minus smallest mean over seeds."""
        means = [ranks.mean() for ranks in self.by_seed]
        return float(max(means) - min(means))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of <set>.train.jsonl, <set>.test.jsonl")
    parser.add_argument("--vectors", type=Path, help="npz of ready-made vectors")
    parser.add_argument("--sets", nargs="*", help="only these sets of the folder")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--home", type=Path, default=Path("var/bench"), help="caches")
    parser.add_argument("--out", type=Path, default=Path("var/bench/quality.json"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="a.b=c")
    options = parser.parse_args()
    config = load_config(None, options.overrides).model_copy(update={"home": options.home})
    if options.vectors:
        sets = {options.vectors.stem: _from_npz(options.vectors)}
    elif options.data:
        found = sorted(
            p.name.removesuffix(".train.jsonl") for p in options.data.glob("*.train.jsonl")
        )
        sets = {
            n: _from_files(options.data, n, config) for n in found if n in (options.sets or found)
        }
    else:
        sys.exit("Name data: --data DIR or --vectors FILE.npz.")
    results = {name: _measure(name, parts, config, options.seeds) for name, parts in sets.items()}
    storage.write_json(options.out, results)
    print(f"Written: {options.out}")


Parts = dict[str, tuple[np.ndarray, np.ndarray]]


def _from_npz(path: Path) -> Parts:
    with np.load(path, allow_pickle=False) as file:
        return {p: (file[f"{p}_q"], file[f"{p}_a"]) for p in PARTS if f"{p}_q" in file}


def _from_files(folder: Path, name: str, config: Config) -> Parts:
    parts = {}
    for part in PARTS:
        path = folder / f"{name}.{part}.jsonl"
        if path.is_file():
            corpus = build_corpus(config.data, config.home / "corpora", [str(path)])
            vectors = embed_corpus(corpus, Teacher(config.teacher), config.home)
            parts[part] = (vectors.rows(corpus.questions), vectors.rows(corpus.answers))
    return parts


def _experiment(parts: Parts) -> tuple[Experiment, RetrievalTask]:
    questions, answers = (np.concatenate([parts[p][i] for p in parts]) for i in (0, 1))
    question_rows, question_keys = first_rows(questions)
    answer_rows, answer_keys = first_rows(answers)
    answer_rows += len(questions)
    kinds = [
        {"train": Split.TRAIN, "valid": Split.VALIDATION, "test": Split.TEST}[p] for p in parts
    ]
    splits = np.repeat(np.array(kinds, np.int8), [len(parts[p][0]) for p in parts])
    if "valid" not in parts:
        shares = {"unseen_validation": VALIDATION_SHARE, "unseen_test": 0.0}
        wordings = {"wording_validation": 0.0, "wording_test": 0.0}
        drawn = load_config(
            None, [f"data.splits.{k}={v}" for k, v in {**shares, **wordings}.items()]
        ).data.splits
        none = np.zeros(len(splits), bool)
        held_out = assign_splits(answer_keys, question_keys, none, drawn) == Split.VALIDATION
        splits[held_out & (splits == Split.TRAIN)] = Split.VALIDATION
    test = np.flatnonzero(splits == Split.TEST)
    vectors = np.concatenate([questions, answers])
    experiment = Experiment(vectors, question_rows, answer_rows, splits, {"unseen_answers": test})
    bank = np.unique(answer_rows[test])
    return experiment, RetrievalTask.from_pairs(question_rows[test], answer_rows[test], bank)


def _measure(name: str, parts: Parts, config: Config, seeds: int) -> dict:
    experiment, task = _experiment(parts)
    questions, bank = experiment.gather(task.questions), experiment.gather(task.bank)

    def score(system) -> np.ndarray:
        predictions = system.predict(questions)
        mean = experiment.centre.answer
        return score_slice(predictions, bank, task, mean, system.rank_centred).reciprocal_ranks

    scores = {}
    for system in closed_form_baselines(experiment):
        scores[system.name] = Score(system.label, system.num_parameters, by_seed=[score(system)])
    for rule, label in {config.core.rule: "cube", **TRAINED_BASELINES}.items():
        core = config.core.model_copy(update={"rule": rule})
        for seed in range(seeds):
            training = config.training.model_copy(update={"seed": seed})
            started = time.perf_counter()
            cube, _ = Trainer(training, core, experiment.training_set).train()
            seconds = time.perf_counter() - started
            system = cube_system(rule, label, cube)
            known = scores.setdefault(
                "cube" if label == "cube" else rule, Score(label, cube.num_parameters)
            )
            known.by_seed.append(score(system))
            known.seconds += seconds / seeds
    return _print(name, experiment, task, scores, config, seeds)


def _print(name, experiment, task, scores, config, seeds) -> dict:
    pairs = int((experiment.splits == Split.TRAIN).sum())
    title = f"{name}: {pairs:,} pairs, {len(task):,} test questions, {len(task.bank):,} answers, "
    table = Table(title=title + f"{seeds} seeds", title_justify="left")
    table.add_column("system")
    for column in ("MRR@10", "spread", "parameters", "seconds", "cube minus it"):
        table.add_column(column, justify="right")
    ours = scores["cube"].mean_by_question
    rows = {}
    for key in sorted(scores, key=lambda k: -scores[k].mean_by_question.mean()):
        known = scores[key]
        mean = float(known.mean_by_question.mean())
        interval = paired_bootstrap(
            ours, known.mean_by_question, config.evaluation.bootstrap_resamples
        )
        difference = (
            ""
            if key == "cube"
            else f"{interval.difference:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
        )
        table.add_row(
            known.label, f"{mean:.4f}", f"{known.spread:.4f}", f"{known.parameters:,}",
            f"{known.seconds:.1f}", difference, style="bold" if key == "cube" else None,
        )  # fmt: skip
        rows[key] = {
            "mrr@10": mean, "spread": known.spread, "parameters": known.parameters,
            "seconds": known.seconds, "cube_minus": interval.to_json(),
        }  # fmt: skip
    Console(width=130).print(table)
    return {"pairs": pairs, "questions": len(task), "bank": len(task.bank), "systems": rows}


if __name__ == "__main__":
    main()
