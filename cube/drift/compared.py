"""Which questions drift would be measured between, known without loading any of them."""

from cube import steps, storage
from cube.config import Config
from cube.data.corpus import Corpus
from cube.errors import ModelError
from cube.registry import Registry
from cube.runs import Run
from cube.teacher.encoder import Teacher
from cube.teacher.vectors import Vectors


def recent_data(config: Config) -> tuple[Corpus, Vectors]:
    """Return the texts of data.recent, and their vectors.

    Raises:
        CubeError: when the files cannot be used.
    """
    corpus = steps.ingest(config, config.data.recent)
    return corpus, steps.embed(config, corpus)


def champion_of(config: Config) -> tuple[str | None, str]:
    """Return the champion's version, or None and a note: none yet, or it has another teacher.

    Raises:
        ModelError: when its files are damaged.
    """
    registry = Registry(config.home, config.name)
    version = registry.champion()
    if version is None:
        return None, "There is no champion yet. "
    folder = registry.path(version)
    try:
        fingerprints = storage.read_json(folder / "config.json")["fingerprints"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} is broken: {error!r}.") from None
    if fingerprints != Teacher(config.teacher).fingerprints:
        return None, f"Champion {version} has another teacher. "
    return version, ""


def name_of_reference(version: str | None, run: Run | None) -> str:
    """Return what recent questions are compared with: the champion's or, without one, a run's.

    Equal names are equal questions; "" where there are none.
    """
    if version is not None:
        return f"champion {version}"
    return f"training questions of {run.run_id}" if run is not None else ""
