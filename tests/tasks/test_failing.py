"""What tasks do when memory, time or permission runs out; called without Prefect but for time."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from prefect import flow

from cube import steps
from cube.config import Config, dump_config, parse_config
from cube.errors import ConfigError, DataError, ModelError
from cube.runs import Run
from cube.training.trainer import Trainer
from tasks.common import alone_in, open_run, step
from tasks.data import ingest_data
from tasks.embedding import embed_corpus
from tasks.evaluation import evaluate_cube, promote_version
from tasks.memory import halving
from tasks.training import require_trained, start_run, train_cube_model


@pytest.fixture
def run(tiny_config: Config) -> dict[str, str]:
    """A run of which there is no more than its settings."""
    folder = tiny_config.home / "runs" / "small-1"
    return {"folder": str(folder), "id": "small-1", "config": dump_config(tiny_config)}


OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 99 bytes"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_the_same_work_is_done_again_with_half_the_rows(error, caplog):
    sizes = []

    def work(size: int) -> str:
        sizes.append(size)
        if size > 16:
            raise error
        return "done"

    assert halving("teacher.batch_size", 64, work) == "done"
    assert sizes == [64, 32, 16]
    assert "going on with teacher.batch_size=16" in caplog.text


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_what_never_fits_ends_with_a_sentence(error):
    def work(size: int) -> None:
        raise error

    with pytest.raises(ConfigError, match=r"even with teacher\.batch_size=1"):
        halving("teacher.batch_size", 64, work)


def test_other_errors_are_no_reason_to_try_less():
    def work(size: int) -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        halving("teacher.batch_size", 64, work)


def test_encoding_goes_on_with_smaller_batches(tiny_config, monkeypatch):
    corpus = ingest_data.fn(tiny_config)
    sizes, embed = [], steps.embed

    def small_memory(config, corpus, progress=None):
        sizes.append(config.teacher.batch_size)
        if config.teacher.batch_size > 16:
            raise MemoryError
        return embed(config, corpus, progress)

    monkeypatch.setattr(steps, "embed", small_memory)
    assert embed_corpus.fn(tiny_config, corpus)["dimension"] == 384
    assert sizes == [64, 32, 16]


def test_training_goes_on_with_fewer_rows_at_once(tiny_config, monkeypatch):
    corpus = ingest_data.fn(tiny_config)
    run = start_run.fn(tiny_config, corpus, embed_corpus.fn(tiny_config, corpus))
    sizes, core_of = [], Trainer.train

    def small_memory(trainer):
        sizes.append(trainer.config.micro_batch_size)
        if sizes[-1] is None or sizes[-1] > 256:
            raise MemoryError
        return core_of(trainer)

    monkeypatch.setattr(Trainer, "train", small_memory)
    assert train_cube_model.fn(run)["steps"] > 0
    assert sizes == [None, 512, 256]
    kept = Run(Path(run["folder"])).config  # what this attempt had to do is no setting of the run
    assert kept == open_run(run).config == tiny_config


def test_an_evaluation_goes_on_with_fewer_rows_at_once(run, monkeypatch):
    sizes = []

    def small_memory(opened: Run) -> dict[str, Any]:
        sizes.append(opened.config.training.micro_batch_size)
        assert opened.config.training.identity() == open_run(run).config.training.identity()
        if sizes[-1] is None or sizes[-1] > 256:
            raise MemoryError
        raise DataError("enough of it")

    monkeypatch.setattr(steps, "evaluate", small_memory)
    with pytest.raises(DataError, match="enough"):
        evaluate_cube.fn(run)
    assert sizes == [None, 512, 256]


def test_flows_that_share_a_run_keep_their_own_settings(tiny_config):
    corpus = ingest_data.fn(tiny_config)
    vectors = embed_corpus.fn(tiny_config, corpus)
    values = tiny_config.model_dump(mode="json")
    values["evaluation"]["min_questions"] = 1
    night = start_run.fn(tiny_config, corpus, vectors)
    by_hand = start_run.fn(parse_config(values), corpus, vectors)
    assert night["folder"] == by_hand["folder"]
    assert [open_run(run).config.evaluation.min_questions for run in (night, by_hand)] == [5, 1]


def test_an_objective_over_whole_batches_says_that_it_cannot_take_fewer(run, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    values = yaml.safe_load(run["config"])
    values["training"]["symmetric_share"] = 0.5
    monkeypatch.setattr(steps, "train", no_memory)
    with pytest.raises(ConfigError, match="symmetric_share needs all questions"):
        train_cube_model.fn({**run, "config": yaml.safe_dump(values)})


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
        wait.with_options(retries=0)()

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


@pytest.mark.parametrize("fits", [1, 0])
def test_rows_are_halved_down_to_a_single_one(fits):
    tried = []

    def work(rows: int) -> int:
        tried.append(rows)
        if rows > fits:
            raise MemoryError
        return rows

    if fits:
        assert halving("rows", 5, work) == 1
    else:
        with pytest.raises(ConfigError, match="even with rows=1"):
            halving("rows", 5, work)
    assert tried == [5, 2, 1]
