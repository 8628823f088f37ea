"""`cube train --resume`: going on with a run, refusing another one, extending it."""

import json
import os
import signal

import pytest

from cube import steps
from cube.config import dump_config
from cube.errors import ModelError
from cube.runs import Run, read_metrics
from cube.training.trainer import Trainer
from cube.trainings import settings_of
from tests.conftest import call


@pytest.fixture
def settings(small_config, tmp_path):
    """A file of settings of a training that is quick to run and to judge."""
    path = tmp_path / "config.yaml"
    pairs = (tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()[:60]
    (tmp_path / "pairs.jsonl").write_text("\n".join(pairs), "utf-8")
    training = small_config.training
    shorter = [stage.model_copy(update={"max_steps": 10}) for stage in training.stages[1:]]
    evaluation = small_config.evaluation.model_copy(update={"extra_seeds": 0})
    data = small_config.data.model_copy(update={"sources": [str(tmp_path / "pairs.jsonl")]})
    changed = {
        "data": data,
        "training": training.model_copy(update={"stages": shorter}),
        "evaluation": evaluation,
    }
    path.write_text(dump_config(small_config.model_copy(update=changed)))
    return path


def run_of(small_config):
    return next((small_config.home / "runs").iterdir())


def test_a_stopped_command_leaves_with_75_and_goes_on(
    settings, small_config, monkeypatch, capsys, caplog
):
    step = Trainer._step

    def stopping(self, plan):
        if plan.step == 13:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, plan)

    monkeypatch.setattr(Trainer, "_step", stopping)
    assert call("train", "--config", settings) == 75
    said = capsys.readouterr().err
    assert "Training stopped by SIGTERM at step 14" in said
    assert "Traceback" not in said
    run = run_of(small_config)

    monkeypatch.setattr(Trainer, "_step", step)
    assert call("train", "--resume", run, "--profile") in (0, 1)
    assert "goes on from its checkpoint at step 14" in caplog.text
    assert "forward and backward" in capsys.readouterr().out
    assert json.loads((run / "training.json").read_text())["steps"] == 20
    assert run_of(small_config) == run


def test_a_command_that_is_stopped_in_its_trials_keeps_them(settings, small_config, monkeypatch):
    monkeypatch.setattr("cube.training.trials.MIN_QUESTIONS", 1)
    step, taken = Trainer._step, []

    def stopping(self, plan):
        taken.append(plan)
        if len(taken) == 15:  # in the second trial's training
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, plan)

    monkeypatch.setattr(Trainer, "_step", stopping)
    assert call("train", "--config", settings) == 75
    run = Run(run_of(small_config))
    assert run.read("trials.json") is None

    settings_of(run)
    assert len(taken) == 4 * 10
    assert len(run.read("trials.json")) == 3
    assert not (run.folder / "trials").exists()


def test_what_differs_is_named_and_more_steps_are_another_run(settings, small_config, capsys):
    corpus = steps.ingest(steps_config := load(settings))
    run = steps.start_run(steps_config, corpus, steps.embed(steps_config, corpus))
    steps.train(run)
    resume = ("train", "--resume", run.folder)

    assert call(*resume, "--set", "training.seed=5", "--set", "core.sweeps=2") == 2
    said = capsys.readouterr().err
    assert "core.sweeps was None and is 2; training.seed was 0 and is 5" in said
    assert "--extend" not in said

    more = ("--set", "training.stages.1.max_steps=30")
    assert call(*resume, *more) == 2
    said = capsys.readouterr().err
    assert "training.stages.1.max_steps was 10 and is 30" in said
    assert "or add --extend" in said
    for change in ("training.stages.0.max_steps=30", "training.stages.1.max_steps=5"):
        assert call(*resume, "--extend", "--set", change) == 2
        assert "and by nothing else" in capsys.readouterr().err
    assert call("train", "--extend") == 2
    assert call(*resume, "--extend") == 2
    assert "no larger limit, such as --set training.stages.1.max_steps=" in capsys.readouterr().err

    with (small_config.home.parent / "pairs.jsonl").open("a") as file:
        file.write('\n{"question": "Where is it?", "answer": "Here."}\n')
    assert call(*resume) == 2
    assert "sources." in capsys.readouterr().err


def test_an_extended_run_begins_where_the_other_ended(settings):
    config = load(settings)
    corpus = steps.ingest(config)
    vectors = steps.embed(config, corpus)
    run = steps.start_run(config, corpus, vectors)
    before = steps.train(run)
    longer = load(settings, "training.stages.1.max_steps=25")
    extended = steps.start_run(longer, corpus, vectors, previous=run, extend=True)
    assert extended.folder != run.folder
    assert extended.facts["extends"] == run.run_id
    after = steps.train(extended)
    assert (before["steps"], after["steps"]) == (20, 35)
    assert [stage["steps"] for stage in after["stages"]] == [10, 25]
    events = read_metrics(extended)
    assert events[: len(read_metrics(run))] == read_metrics(run)
    assert {"event": "extended", "step": 20, "run": run.run_id} in events
    taken = [e["step"] for e in events if e["event"] == "validation"]
    assert taken == [5, 10, 15, 20, 25, 30, 35]
    # Asked for again it is the same run, and done.
    again = steps.start_run(longer, corpus, vectors, previous=run, extend=True)
    assert again.folder == extended.folder
    assert steps.train(again) == after


def test_what_would_not_be_trained_longer_is_no_new_run(settings):
    why = "its last stage ends after 5 steps, the smaller of max_steps and 1 ×"
    with pytest.raises(ModelError, match=f"would be trained no step longer: {why}"):
        extended(settings, "max_epochs=5", "max_steps=20")


@pytest.mark.parametrize("ended", ["patience=1", "threshold=-1"])
def test_a_stage_that_ended_before_its_limits_goes_on(settings, ended):
    before, after = extended(settings, ended, "max_steps=20")
    assert before["stages"][-1]["ended_by"] == ended.split("=")[0].replace("patience", "plateau")
    assert after["steps"] > before["steps"]


def extended(settings, ended, change):
    """Train a run, extend it by a change of its last stage, and return what both came to."""
    at_first = [f"training.stages.1.{s}" for s in ("max_steps=15", "min_delta=1", ended)]
    config = load(settings, *at_first)
    corpus = steps.ingest(config)
    vectors = steps.embed(config, corpus)
    run = steps.start_run(config, corpus, vectors)
    before = steps.train(run)
    longer = load(settings, *at_first, f"training.stages.1.{change}")
    return before, steps.train(steps.start_run(longer, corpus, vectors, previous=run, extend=True))


def load(path, *overrides):
    from cube.config import load_config

    return load_config(path, list(overrides))
