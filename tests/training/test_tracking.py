"""Trackers get the numbers of every validation; one that is not installed is a sentence."""

import sys
import types

import pytest

from cube.errors import ConfigError
from cube.training.tracking import trackers

VALIDATION = {
    "event": "validation", "step": 20, "stage": "dialogue", "loss": 0.5, "validation_mrr": 0.25,
}  # fmt: skip
EVENTS = [VALIDATION, {"event": "stage_end", "name": "dialogue", "steps": 20, "last_step": 20}]


class Server:
    """An MLflow server that remembers."""

    def __init__(self):
        self.metrics, self.runs, self.terminated = [], [], []

    def MlflowClient(self):  # noqa: N802
        return self

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return "7"

    def create_run(self, experiment, run_name):
        self.runs.append((experiment, run_name))
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=f"id-{len(self.runs)}"))

    def log_metric(self, run_id, name, value, step):
        self.metrics.append((run_id, name, value, step))

    def set_terminated(self, run_id):
        self.terminated.append(run_id)


def test_mlflow_gets_the_numbers_and_a_resumed_training_its_old_run(tmp_path, monkeypatch):
    server = Server()
    monkeypatch.setitem(sys.modules, "mlflow", server)
    for _ in range(2):
        with trackers(["mlflow"], tmp_path / "run") as tell:
            for event in EVENTS:
                tell(event)
    assert server.runs == [("7", "run")]
    assert server.metrics == 2 * [
        ("id-1", "loss", 0.5, 20), ("id-1", "validation_mrr", 0.25, 20),
    ]  # fmt: skip
    assert server.terminated == ["id-1", "id-1"]


def test_tensorboard_writes_scalars_that_it_reads_again(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with trackers(["tensorboard"], tmp_path) as tell:
        for event in EVENTS:
            tell(event)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert sorted(found.Tags()["scalars"]) == ["loss", "validation_mrr"]
    assert [(e.step, e.value) for e in found.Scalars("validation_mrr")] == [(20, 0.25)]


@pytest.mark.parametrize(
    ("name", "module"), [("mlflow", "mlflow"), ("tensorboard", "torch.utils.tensorboard.writer")]
)
def test_a_tracker_that_is_not_installed_names_its_extra(name, module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(ConfigError, match=rf"pip install 'cube-lattice\[{name}\]'"),
        trackers([name], tmp_path),
    ):
        pass
