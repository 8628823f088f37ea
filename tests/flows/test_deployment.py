"""The nightly deployment for real: server, pool, worker, schedule, automation, one run."""

import json
from typing import Any

import httpx
import pytest

from benchmarks.servers import (
    flow_runs,
    install,
    post,
    prefect,
    server,
    wait_for,
    worker,
)
from cube.runs import Run
from tests.flows.project import make_project

pytestmark = pytest.mark.slow


def test_the_nightly_deployment(tmp_path):
    (tmp_path / "project").mkdir()
    config = make_project(tmp_path / "project")
    with server(tmp_path) as env:
        install(env)
        install(env)  # again: what is there is brought up to date
        check_deployments(env)
        with worker(env, tmp_path / "worker.log"):
            parameters = f"config_file={json.dumps(str(config))}"
            prefect(env, "deployment", "run", "train-cube/nightly", "--param", parameters)
            ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            (run,) = wait_for("the run's end", lambda: flow_runs(env, *ended), seconds=600)
        assert run["state"]["name"] == "Completed", (tmp_path / "worker.log").read_text("utf-8")
        check_artifacts(env, run["id"])
    (folder,) = (tmp_path / "project" / "home" / "runs").iterdir()
    assert Run(folder).read("published.json")["version"]
    assert (folder / "report" / "index.html").is_file()


def check_deployments(env: dict[str, str]) -> None:
    found = post(env, "/deployments/filter", {})
    names = {flow_of(env, d): d for d in found}
    assert names.keys() == {
        "ingest-data/by-hand", "embed-corpus/by-hand", "validate-data/by-hand",
        "evaluate-cube/by-hand", "promote-cube/by-hand", "train-cube/nightly",
        "train-cube/on-drift", "monitor-drift/hourly",
    }  # fmt: skip
    night = names["train-cube/nightly"]
    assert night["parameters"]["config_file"] == "deployments/configs/nightly.yaml"
    assert night["global_concurrency_limit"]["limit"] == 1
    assert night["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    form = night["parameter_openapi_schema"]["properties"]
    assert "relative to the folder" in form["config_file"]["description"]
    promote = names["promote-cube/by-hand"]["parameter_openapi_schema"]
    assert promote["required"] == ["version", "reason"]
    assert promote["properties"]["version"]["pattern"]
    assert all("cube" in d["tags"] and d["description"] for d in found)
    runs = wait_for("the schedule's runs", lambda: flow_runs(env, "SCHEDULED"))
    nights = [r for r in runs if r["deployment_id"] == night["id"]]
    assert all("T02:00:00" in night["expected_start_time"] for night in nights)
    automations = post(env, "/automations/filter", {})
    assert {a["name"] for a in automations} == {
        "crash-zombie-flow-runs", "reschedule-crashed-flow-runs", "train-on-drift",
    }  # fmt: skip
    assert all(a["enabled"] for a in automations)


def flow_of(env: dict[str, str], deployment: dict[str, Any]) -> str:
    flow = httpx.get(f"{env['PREFECT_API_URL']}/flows/{deployment['flow_id']}", timeout=30).json()
    return f"{flow['name']}/{deployment['name']}"


def check_artifacts(env: dict[str, str], flow_run_id: str) -> None:
    query = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
    artifacts = {a["key"]: a["data"] for a in post(env, "/artifacts/filter", query)}
    assert {"verdict", "baselines", "targets", "report", "drift"} <= artifacts.keys()
    assert "http.server" in artifacts["verdict"]
    query = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}}
    logs = [log["message"] for log in post(env, "/logs/filter", query)]
    assert any("rows read" in message for message in logs)
