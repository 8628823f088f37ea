"""What drift is measured between: the newest questions, and those the champion was trained on."""

from dataclasses import dataclass, field

import numpy as np

from cube.config import Config
from cube.data.corpus import Corpus
from cube.drift.judgement import Judgement
from cube.drift.quality import Answered, judge_quality
from cube.model import REFERENCE_ROWS, SavedCube, load_model
from cube.registry import Registry
from cube.runs import Run, run_of
from cube.sampling import sampled
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import Vectors


@dataclass(frozen=True)
class Sample:
    """Questions of one time.

    Attributes:
        vectors: shape (questions, dim).
        texts: the questions, in the same order; empty where they are not known any more.
        pairs: vectors of those that were answered, and of their answers.
        drawn_from: how many questions there were, where these are a sample.
    """

    vectors: np.ndarray
    texts: list[str] = field(default_factory=list)
    pairs: Answered | None = None
    drawn_from: int = 0


def load_champion(config: Config, version: str | None) -> SavedCube | None:
    """Return the champion of that version, None where there is none."""
    if version is None:
        return None
    return load_model(Registry(config.home, config.name).path(version))


def recent_questions(config: Config, corpus: Corpus, vectors: Vectors) -> Sample:
    """Return at most `drift.max_rows` distinct recent questions, and the pairs they are part of."""
    known, pairs = np.unique(corpus.questions), None
    if not len(known) and _roles_are_equal(Teacher(config.teacher)):
        known = np.arange(corpus.num_texts)  # bare texts: questions nobody has answered yet
    rows = sampled(known, config.drift.max_rows)
    asked = np.isin(corpus.questions, rows)
    if asked.any():
        pairs = Answered(*(vectors.rows(of[asked]) for of in (corpus.questions, corpus.answers)))
    return Sample(vectors.rows(rows), corpus.texts(rows), pairs, len(known))


def _roles_are_equal(teacher: Teacher) -> bool:
    return teacher.fingerprint("query") == teacher.fingerprint("passage")


def reference_questions(config: Config, champion: SavedCube | None, run: Run | None) -> Sample:
    """Return the champion's training questions, or without one those of the run itself."""
    trained = run if champion is None else run_of(config, champion)
    if trained is None:  # the champion's run was pruned: a sample of vectors is kept with the model
        assert champion is not None
        return Sample(champion.reference())
    experiment = trained.experiment
    rows = experiment.reference_rows(REFERENCE_ROWS)
    return Sample(experiment.gather(rows), trained.corpus.texts(rows))


def quality(config: Config, champion: SavedCube | None, current: Sample) -> Judgement | None:
    """Judge how well the champion answers today, where recent answers and its run are known."""
    run = run_of(config, champion) if champion is not None else None
    if champion is None or run is None or current.pairs is None:
        return None
    return judge_quality(champion.cube, current.pairs, run.experiment, config.drift.deviations)


def part_of(sample: Sample, most: int) -> Sample:
    """Return at most so many of a sample's questions, the same ones every time."""
    rows = sampled(len(sample.vectors), most)
    texts = [sample.texts[row] for row in rows] if sample.texts else []
    return Sample(sample.vectors[rows], texts, sample.pairs)
