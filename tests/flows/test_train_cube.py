"""The flow on a small project with the real teacher, against a real server."""

import json
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.logging.handlers import APILogHandler

from cube.errors import ConfigError
from cube.evaluation.verdict import as_judged
from cube.registry import Registry
from cube.runs import Run
from expectations import ExpectationError
from flows.train_cube import train_cube
from tests.flows.project import make_project, spoil


class Seen:
    """What the server knows about a flow run."""

    def __init__(self, flow_run_id: UUID):
        APILogHandler().flush()
        only_it = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
        with get_client(sync_client=True) as client:
            self.flow_run = client.read_flow_run(flow_run_id)
            self.task_runs = client.read_task_runs(flow_run_filter=only_it)
            of_it = ArtifactFilterFlowRunId(any_=[flow_run_id])
            artifacts = client.read_artifacts(
                artifact_filter=ArtifactFilter(flow_run_id=of_it), limit=100
            )
            logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id])))
        self.artifacts = {artifact.key: artifact for artifact in artifacts}
        self.logs = [log.message for log in logs]

    def states(self) -> dict[str, str]:
        """Return the state of every task run by the task's name."""
        by_start = sorted(self.task_runs, key=lambda run: run.expected_start_time)
        names = {run.id: next(n for n in _names() if run.name.startswith(n)) for run in by_start}
        return {names[run.id]: run.state_name for run in by_start}


def _names() -> list[str]:
    return ["Ingest", "Screen", "Embed", "Start", "Validate records", "Validate pairs",
            "Validate dialogues", "Validate embeddings", "Watch", "Train", "Validate curves",
            "Evaluate", "Publish", "Report"]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def first(prefect_server, project):
    state = train_cube(str(project), return_state=True)
    assert state.is_completed(), state.message
    return state.result(), Seen(state.state_details.flow_run_id)


def test_every_step_completes(first):
    _, seen = first
    assert seen.flow_run.state_name == "Completed"
    assert seen.flow_run.name.startswith("small-20")
    assert seen.states() == dict.fromkeys(_names(), "Completed")


def test_the_run_folder_holds_everything(first):
    result, _ = first
    folder = Path(result["run"])
    for name in (
        "config.yaml", "model/model.safetensors", "evaluation.json", "published.json",
        "validation/pairs.json", "validation/embeddings.json", "validation/index.html",
        "drift/drift.json", "drift/drift.html", "report/index.html",
    ):  # fmt: skip
        assert (folder / name).is_file(), name
    assert Path(result["report"]) == folder / "report" / "index.html"
    assert result["verdict"] == Run(folder).read("evaluation.json")["verdict"]["sentence"]
    assert isinstance(result["promoted"], bool)


def test_artifacts_tell_the_story(first):
    result, seen = first
    assert {
        "data", "vectors", "validation-pairs", "validation-embeddings", "drift",
        "training-progress", "training", "verdict", "baselines", "targets", "registry", "report",
    } <= seen.artifacts.keys()  # fmt: skip
    baselines = json.loads(seen.artifacts["baselines"].data)
    assert {"cube", "frozen teacher (identity)"} <= {row["system"] for row in baselines}
    assert as_judged(result["verdict"]) in seen.artifacts["verdict"].data
    assert "python -m http.server --bind 127.0.0.1" in seen.artifacts["verdict"].data
    link = f"http://127.0.0.1:9100/runs/{Path(result['run']).name}/report/index.html"
    assert link in seen.artifacts["report"].data


def test_logs_of_the_core_library_reach_the_server(first):
    _, seen = first
    assert any("rows read" in message for message in seen.logs)
    assert any("stage dialogue: 20 steps" in message for message in seen.logs)


def test_new_topics_are_flagged_and_do_not_stop(first):
    result, _ = first
    drift = Run(Path(result["run"])).read("drift/drift.json")
    assert drift["drifted"]
    assert drift["current_rows"] == 60


def test_an_unchanged_night_encodes_and_trains_nothing(first, project):
    result, _ = first
    weights = Path(result["run"]) / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    version = Run(Path(result["run"])).version
    Registry(project.parent / "home", "small").force(version, "test", "for the test")
    state = train_cube(str(project), return_state=True)
    again = state.result()
    assert again["run"] == result["run"]
    assert weights.stat().st_mtime_ns == before
    logs = " ".join(Seen(state.state_details.flow_run_id).logs)
    assert "nothing to encode" in logs
    assert "trained already" in logs
    # The champion's own training questions are the reference now.
    assert Run(Path(again["run"])).read("drift/drift.json")["reference"] == f"champion {version}"


def test_bad_pairs_stop_the_flow_before_training(prefect_server, project):
    # Reading would quarantine such a pair: the suite is the second line.
    overrides = spoil(project.parent)
    state = train_cube(str(project), overrides, return_state=True)
    assert state.is_failed()
    seen = Seen(state.state_details.flow_run_id)
    assert list(seen.states()) == _names()[:6]
    assert seen.states()["Validate pairs"] == "Failed"
    assert seen.flow_run.state.message.startswith("Nothing was trained: the pairs fail")
    failures = seen.artifacts["validation-pairs-failures"].data
    assert "A question is not its own answer" in failures
    assert '"row": 0' in failures
    assert any("A question is not its own answer" in message for message in seen.logs)
    with pytest.raises(ExpectationError):
        train_cube(str(project), overrides)


def test_a_wrong_setting_fails_with_its_sentence(prefect_server, project):
    state = train_cube(str(project), ["training.sed=1"], return_state=True)
    assert state.is_failed()
    assert "unknown key 'training.sed': did you mean 'seed'" in state.message
    with pytest.raises(ConfigError):
        train_cube(str(project.parent / "nowhere.yaml"))
