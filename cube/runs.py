"""A run: one folder that remembers what it was made of, so every step needs only its path.

runs/<run id>/
    run.json, config.yaml     identity, digests, cache hits and misses; config of the last start
    outlook.json, trials.json before the training: headroom, labels and leaks; what trials took
    checkpoints/, metrics.jsonl, training.json, timings.json
    model/                    the trained cube, see `cube.model`
    baselines/, seeds/, learning_curve/  further trainings for the comparison
    evaluation.json, published.json, validation/, drift/, report/index.html
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cube import __version__, storage
from cube.config import Config, dump_config, load_config
from cube.data.corpus import Corpus
from cube.errors import DataError
from cube.teacher.vectors import Vectors

if TYPE_CHECKING:
    from cube.evaluation.experiment import Experiment
    from cube.model import SavedCube

FORMAT = 6  # part of every run's identity: raise it when equal settings train another cube


@dataclass(frozen=True)
class Run:
    """A run folder, and the settings of whoever works in it.

    Two flows on equal data may share a folder with other limits for the gate: neither may change
    what the other goes by, so settings travel with the object, and config.yaml is for readers.
    """

    folder: Path
    settings: Config | None = field(default=None, repr=False, compare=False)  # None: as in the file

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Identity: id, creation time, digests; and what the cache gave at the last start."""
        path = self.folder / "run.json"
        if not path.is_file():
            raise DataError(f"{self.folder} is not a run folder: run.json is missing.")
        return storage.read_json(path)

    @cached_property
    def config(self) -> Config:
        """The resolved config."""
        return self.settings or load_config(self.folder / "config.yaml")

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.facts["id"]

    @property
    def version(self) -> str:
        """Version its model gets in the registry: date of creation and digest."""
        return f"{self.facts['created'][:10].replace('-', '')}-{self.facts['digest'][:8]}"

    @cached_property
    def corpus(self) -> Corpus:
        """Texts and pairs."""
        return Corpus(self.config.home / "corpora" / self.facts["corpus"])

    @cached_property
    def vectors(self) -> Vectors:
        """The matrix of their vectors."""
        return Vectors(self.config.home / "vectors" / self.facts["vectors"])

    @cached_property
    def experiment(self) -> "Experiment":
        """Vectors, pairs and splits together."""
        from cube.evaluation.experiment import Experiment  # brings torch

        return Experiment.from_corpus(self.corpus, self.vectors, self.config)

    def read(self, name: str) -> Any:
        """Return a JSON file of the run, or None if it is not there."""
        path = self.folder / name
        return storage.read_json(path) if path.is_file() else None

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file of the run, atomically."""
        storage.write_json(self.folder / name, value)


def open_run(config: Config, corpus: Corpus, vectors: Vectors, previous: Run | None = None) -> Run:
    """Return the run of this config on these vectors: a new folder, or the one already there.

    The same settings on the same vectors are the same run, so a retry goes on where the last
    attempt stopped and an unchanged night trains nothing. A run that extends a previous one is
    another run than one that began with the larger budget.
    """
    identity: dict[str, Any] = {
        "format": FORMAT,
        "vectors": vectors.digest,
        "splits": config.data.splits.model_dump(mode="json"),
        "core": config.core.model_dump(mode="json"),
        "training": config.training.identity(),
    }
    if previous is not None:
        identity["extends"] = previous.facts["digest"]
    digest = storage.digest_of(identity)
    run_id = f"{config.name}-{digest[:10]}"
    folder = config.home / "runs" / run_id
    run = take_up(folder, config)
    facts = run.read("run.json") or {
        "id": run_id,
        "digest": digest,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "corpus": corpus.digest,
        "vectors": vectors.digest,
        "made_of": made_of(config, corpus, vectors),
        "extends": None if previous is None else previous.run_id,
        "cube_version": __version__,
    }
    run.write("run.json", {**facts, "cache_hits": vectors.hits, "cache_misses": vectors.misses})
    return run


def take_up(folder: Path, config: Config) -> Run:
    """Return a run to work on under these settings, and leave word of them in its folder."""
    storage.write_bytes(folder / "config.yaml", dump_config(config).encode())
    return Run(folder, config)


def made_of(config: Config, corpus: Corpus, vectors: Vectors) -> dict[str, Any]:
    """Return settings and data a run is made of, in the words of the config, to compare two."""
    return {
        "data": config.data.model_dump(mode="json", exclude={"recent"}),
        "sources": {s["file"]: s["sha256"] for s in corpus.manifest["sources"]},
        "teacher": config.teacher.model_dump(mode="json", exclude={"batch_size", "device"}),
        "vectors": vectors.digest,
        "core": config.core.model_dump(mode="json"),
        "training": config.training.identity(),
    }


def run_of(config: Config, champion: "SavedCube") -> Run | None:
    """Return the run a champion was trained in, or None where it was pruned since."""
    folder = config.home / "runs" / champion.config["trained_on"]["run"]
    run = Run(folder)
    whole = (folder / "run.json").is_file() and run.corpus.folder.is_dir()
    return run if whole and run.vectors.folder.is_dir() else None


def read_metrics(run: Run) -> list[dict[str, Any]]:
    """Return the events of a run's metrics.jsonl, none if it has not begun to train."""
    return storage.read_json_lines(run.folder / "metrics.jsonl")
