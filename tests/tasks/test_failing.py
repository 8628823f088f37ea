"""What tasks do when memory, time or permission runs out; called without Prefect but for time."""

import time
from pathlib import Path

import pytest
import torch
from prefect import flow

from cube import steps, storage
from cube.config import Config, dump_config
from cube.errors import ConfigError, DataError, ModelError
from cube.runs import Run
from tasks.common import alone_in, step
from tasks.data import ingest_data
from tasks.embedding import embed_corpus
from tasks.evaluation import promote_version
from tasks.training import require_trained, train_cube_model


@pytest.fixture
def run(tiny_config: Config) -> dict[str, str]:
    """A run of which there is no more than its settings."""
    folder = tiny_config.home / "runs" / "small-1"
    storage.write_bytes(folder / "config.yaml", dump_config(tiny_config).encode())
    return {"folder": str(folder), "id": "small-1"}


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_encoding_goes_on_with_smaller_batches(tiny_config, monkeypatch, error):
    corpus = ingest_data.fn(tiny_config)
    sizes, embed = [], steps.embed

    def small_memory(config, corpus, progress=None):
        sizes.append(config.teacher.batch_size)
        if config.teacher.batch_size > 16:
            raise error
        return embed(config, corpus, progress)

    monkeypatch.setattr(steps, "embed", small_memory)
    assert embed_corpus.fn(tiny_config, corpus)["dimension"] == 384
    assert sizes == [64, 32, 16]


def test_encoding_that_never_fits_ends(tiny_config, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(steps, "embed", no_memory)
    corpus = ingest_data.fn(tiny_config)
    with pytest.raises(MemoryError):
        embed_corpus.fn(tiny_config, corpus)


def test_training_without_memory_says_what_to_set(run, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(steps, "training_budget", lambda run: 1)
    monkeypatch.setattr(steps, "train", no_memory)
    with pytest.raises(ConfigError, match=r"with 1024 rows .* training\.micro_batch_size=512"):
        train_cube_model.fn(run)


def test_a_run_that_is_not_trained_is_not_judged(run):
    with pytest.raises(DataError, match="not trained yet"):
        require_trained(run)


def test_a_time_limit_interrupts_a_step(prefect_server):
    @step("Wait", "Does nothing for long.", "Wait", hours=1 / 3600)
    def wait() -> None:
        for _ in range(600):
            time.sleep(0.1)

    @flow
    def waiting() -> None:
        wait()

    state = waiting(return_state=True)
    assert state.is_failed()
    assert "timeout" in state.message.lower()


def test_a_version_that_is_not_there_is_not_promoted(tiny_config):
    with pytest.raises(ModelError, match="No version"):
        promote_version.fn(tiny_config, "19990101-00", "me", "because", against_the_gate=True)


@pytest.mark.slow
def test_a_run_is_worked_on_by_one_at_a_time(run):
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    inside, never, leave = context.Event(), context.Event(), context.Event()
    other = context.Process(target=_hold, args=(run["folder"], inside, never))
    other.start()
    assert inside.wait(120)
    begun = context.Event()
    third = context.Process(target=_hold, args=(run["folder"], begun, leave))
    third.start()
    assert not begun.wait(3)
    other.kill()  # whoever is killed lets go
    assert begun.wait(120)
    leave.set()
    third.join(60)
    other.join(60)


def _hold(folder: str, inside, leave) -> None:
    with alone_in(Run(Path(folder))):
        inside.set()
        leave.wait(120)
