"""Sets to measure on: a folder of train and test files, or ready-made vectors, as experiments.

In a folder, files of one set share what stands before `train`, `valid` (`dev`, `val`, `validation`)
and `test`: `faq.train.jsonl` with `faq.test.jsonl`, `train.csv` with `test.csv`, or a sub-folder a
set. An npz holds `train_q`, `train_a`, `test_q`, `test_a` and, if there are any, `valid_q` and
`valid_a`, or another of those names: row i of `_a` answers row i of `_q`.
"""

import argparse
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cube.config import Config, SplitConfig
from cube.data.corpus import build_corpus
from cube.data.groups import join_groups
from cube.data.splits import Split, assign_splits
from cube.data.vector_files import read_vectors
from cube.data.vector_pairs import lay_out
from cube.errors import DataError
from cube.evaluation.experiment import Experiment
from cube.ranking import RetrievalTask
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import embed_corpus

VALIDATION_SHARE = 0.1  # of training answers or questions, where a set has no validation part
_MOST_HELD_OUT = 2 * VALIDATION_SHARE
PARTS = {
    "train": Split.TRAIN,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "val": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
}
_FILE = re.compile(rf"(?:(.+)[._-])?({'|'.join(PARTS)})(?:\.[a-z]+)+", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """Pairs of one part of a set: vectors of shape (pairs, dim), and texts where there are any."""

    questions: np.ndarray
    answers: np.ndarray
    texts: tuple[list[str], list[str]] | None = None

    def first(self, limit: int | None) -> "Part":
        """Return the first pairs only."""
        texts = self.texts and (self.texts[0][:limit], self.texts[1][:limit])
        return Part(self.questions[:limit], self.answers[:limit], texts)


@dataclass(frozen=True)
class BenchSet:
    """A set and its test. Every part's questions are ranked among that part's distinct answers."""

    name: str
    experiment: Experiment
    task: RetrievalTask


def find_sets(folder: Path) -> dict[str, dict[Split, Path]]:
    """Return the files of every set in a folder that has a train and a test file.

    Raises:
        DataError: when there is no such set, or a part has two files.
    """
    sets: dict[str, dict[Split, Path]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if match := _FILE.fullmatch(path.name):
            place = path.parent.relative_to(folder)
            name = str(place / (match[1] or "")).strip(".") or folder.name
            parts, split = sets.setdefault(name, {}), PARTS[match[2].lower()]
            if split in parts:
                raise DataError(f"{parts[split]} and {path} are the same part: keep one.")
            parts[split] = path
    complete = {n: p for n, p in sets.items() if {Split.TRAIN, Split.TEST} <= p.keys()}
    if not complete:
        raise DataError(
            f"{folder} holds no set: a set is <name>.train.<suffix> with <name>.test.<suffix>."
        )
    return complete


def read_files(files: dict[Split, Path], config: Config) -> dict[Split, Part]:
    """Read and encode the files of a set; vectors are cached under `config.home`."""
    parts = {}
    for split, path in files.items():
        corpus = build_corpus(config.data, config.home / "corpora", [str(path)])
        vectors = embed_corpus(corpus, Teacher(config.teacher), config.home)
        texts = (corpus.texts(corpus.questions), corpus.texts(corpus.answers))
        parts[split] = Part(vectors.rows(corpus.questions), vectors.rows(corpus.answers), texts)
    return parts


def read_npz(path: Path) -> dict[Split, Part]:
    """Read ready-made vectors, and check every value of them.

    Raises:
        DataError: when an array is missing, not a matrix of finite rows, none of them zero, or
            does not fit the others.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {s: n for n, s in PARTS.items() if {f"{n}_q", f"{n}_a"} <= set(file)}
    except TypeError:  # a .npy is no context
        raise DataError(f"{path} cannot be read as an npz of vectors: it is one array.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an npz of vectors: {error}") from error
    if missing := {"train", "test"} - set(found.values()):
        raise DataError(f"{path} lacks {'_q or _a, '.join(sorted(missing))}_q or _a.")
    parts = {
        split: Part(read_vectors(f"{path}#{name}_q"), read_vectors(f"{path}#{name}_a"))
        for split, name in found.items()
    }
    for split, part in parts.items():
        if part.questions.shape != part.answers.shape:
            raise DataError(f"{path}: {found[split]}_q and _a must be equal matrices.")
    if len(dimensions := {part.questions.shape[1] for part in parts.values()}) > 1:
        raise DataError(
            f"{path}: parts of {' and '.join(map(str, sorted(dimensions)))} dimensions."
        )
    return parts


def make_set(name: str, parts: dict[Split, Part], limit: int | None = None) -> BenchSet:
    """Lay the parts out as one experiment; without a validation part, one is carved from train.

    Args:
        name: of the set.
        parts: at least train and test.
        limit: pairs to keep of every part.

    Raises:
        DataError: when a part has no pairs, or too few to carve validation from.
    """
    kept = {split: part.first(limit) for split, part in parts.items()}
    questions = np.concatenate([part.questions for part in kept.values()])
    answers = np.concatenate([part.answers for part in kept.values()])
    vectors, asked, given = lay_out(questions, answers)
    splits = np.repeat([int(s) for s in kept], [len(p.questions) for p in kept.values()])
    if Split.VALIDATION not in kept:
        train = np.flatnonzero(splits == Split.TRAIN)
        tested = given.number[splits == Split.TEST]
        known = float(np.isin(tested, given.number[train]).mean()) if len(tested) else 0.0
        held_out = _held_out(given.keys[train], asked.keys[train], known)
        splits[train[held_out]] = Split.VALIDATION
    trained, validated, tested = np.bincount(splits, minlength=len(Split))
    if not min(trained, validated, tested):
        raise DataError(
            f"{name}: {trained} pairs to train on, {validated} to validate on and {tested} to test "
            "on are too few: all are needed. Add pairs of other questions and answers."
        )
    test = np.flatnonzero(splits == Split.TEST)
    experiment = Experiment(
        vectors,
        asked.number,
        given.number,
        splits,
        {"unseen_answers": test},
        texts=_texts(list(kept.values()), asked.first, given.first),
        separate_banks=True,
    )
    return BenchSet(name, experiment, experiment.task("unseen_answers"))


def add_set_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `chosen_sets` reads."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of train, valid and test files")
    source.add_argument("--vectors", type=Path, help="npz of ready-made vectors")
    parser.add_argument("--sets", nargs="*", help="only these sets of the folder")
    parser.add_argument("--limit", type=int, help="first pairs of every part, for a quick look")
    parser.add_argument("--home", type=Path, default=Path("var/bench"), help="caches")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="a.b=c")


def chosen_sets(options: argparse.Namespace, config: Config) -> Iterator[BenchSet]:
    """Yield the sets that the options name, one at a time.

    Raises:
        DataError: when there is none of a name.
    """
    if options.vectors:
        yield make_set(options.vectors.stem, read_npz(options.vectors), options.limit)
        return
    sets = find_sets(options.data)
    if unknown := set(options.sets or ()) - sets.keys():
        raise DataError(f"No set {', '.join(sorted(unknown))}; there are {', '.join(sets)}.")
    for name in options.sets or sets:
        yield make_set(name, read_files(sets[name], config), options.limit)


def _texts(
    parts: list[Part], questions: np.ndarray, answers: np.ndarray
) -> Callable[[np.ndarray], list[str]] | None:
    """Return what gives the texts of rows: some of the questions, then some of the answers."""
    if any(part.texts is None for part in parts):
        return None
    asked, given = (
        [text for part in parts for text in (part.texts or ((), ()))[i]] for i in (0, 1)
    )
    texts = [asked[i] for i in questions] + [given[i] for i in answers]
    return lambda rows: [texts[row] for row in rows.tolist()]


def _held_out(answer_keys: np.ndarray, question_keys: np.ndarray, known: float) -> np.ndarray:
    """Draw pairs for validation that are to training what those of test are.

    Of test pairs whose answers training has not, whole answers, with all pairs that share an answer
    or a question with them; where such links join a large part of the set, one by one. Of the
    others, single questions; where none can be spared, answers again.

    Args:
        answer_keys: of the training pairs' answers.
        question_keys: of their questions.
        known: share of the test pairs whose answers training has.
    """
    no_dialogue = np.zeros(len(answer_keys), bool)
    joined = join_groups(answer_keys, question_keys)
    for share, groups in (
        (known, joined), (known, answer_keys), (0.0, joined), (0.0, answer_keys)
    ):  # fmt: skip
        shares = SplitConfig(
            unseen_validation=VALIDATION_SHARE * (1 - share),
            unseen_test=0.0,
            wording_validation=VALIDATION_SHARE * share,
            wording_test=0.0,
        )
        splits = assign_splits(groups, question_keys, no_dialogue, shares)
        held_out = splits == Split.VALIDATION
        if 0 < held_out.mean() < _MOST_HELD_OUT:
            break
    return held_out
