"""The training task hands a signal on to Prefect once the training has saved itself."""

import signal

import pytest

from cube import steps
from cube.errors import TrainingInterruptedError
from cube.runs import Run
from tasks import training


class TerminatedError(Exception):
    """Stands for what the handler of an orchestrator raises."""


def test_a_saved_training_leaves_the_signal_to_the_handler_that_was_there(tmp_path, monkeypatch):
    def interrupted(run, on_event):
        raise TrainingInterruptedError("saved", signal.SIGTERM)

    def handler(number, frame):
        raise TerminatedError(number)

    monkeypatch.setattr(training, "open_run", lambda run: Run(tmp_path))
    monkeypatch.setattr(steps, "training_budget", lambda run: 1)
    monkeypatch.setattr(steps, "train", interrupted)
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(TerminatedError):
            training.train_cube_model.fn({"folder": str(tmp_path), "id": "x"})
    finally:
        signal.signal(signal.SIGTERM, before)
