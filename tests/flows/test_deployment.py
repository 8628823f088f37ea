"""The nightly deployment for real: server, pool, worker, schedule, automation, one run."""

import json
from typing import Any

import httpx
import pytest

from cube.runs import Run
from tests.flows.project import make_project
from benchmarks.servers import prefect, running, server, wait_for

pytestmark = pytest.mark.slow


def post(env: dict[str, str], path: str, body: dict[str, Any]) -> Any:
    answer = httpx.post(f"{env['PREFECT_API_URL']}{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def flow_runs(env: dict[str, str], *types: str) -> list[dict[str, Any]]:
    return post(env, "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": list(types)}}}})


def test_the_nightly_deployment(tmp_path):
    (tmp_path / "project").mkdir()
    config = make_project(tmp_path / "project")
    with server(tmp_path) as env:
        prefect(env, "work-pool", "create", "cube-pool", "--type", "process")
        prefect(env, "deploy", "--prefect-file", "deployments/prefect.yaml", "--all")
        prefect(env, "automation", "create", "-f", "deployments/automation.yaml")
        check_deployment(env)
        worker = ("worker", "start", "--pool", "cube-pool", "--type", "process")
        with running(env, tmp_path / "worker.log", *worker):
            parameters = f"config_file={json.dumps(str(config))}"
            prefect(env, "deployment", "run", "train-cube/nightly", "--param", parameters)
            ended = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
            (run,) = wait_for("the run's end", lambda: flow_runs(env, *ended), seconds=600)
        assert run["state"]["name"] == "Completed", (tmp_path / "worker.log").read_text("utf-8")
        check_artifacts(env, run["id"])
    (folder,) = (tmp_path / "project" / "home" / "runs").iterdir()
    assert Run(folder).read("published.json")["version"]
    assert (folder / "report" / "index.html").is_file()


def check_deployment(env: dict[str, str]) -> None:
    nights = wait_for("the schedule's runs", lambda: flow_runs(env, "SCHEDULED"))
    assert all("T02:00:00" in night["expected_start_time"] for night in nights)
    (deployment,) = post(env, "/deployments/filter", {})
    assert deployment["parameters"]["config_file"] == "deployments/configs/nightly.yaml"
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    form = deployment["parameter_openapi_schema"]["properties"]
    assert "relative to the folder" in form["config_file"]["description"]
    (automation,) = post(env, "/automations/filter", {})
    assert automation["enabled"]


def check_artifacts(env: dict[str, str], flow_run_id: str) -> None:
    query = {"artifacts": {"flow_run_id": {"any_": [flow_run_id]}}}
    artifacts = {a["key"]: a["data"] for a in post(env, "/artifacts/filter", query)}
    assert {"verdict", "baselines", "targets", "report", "drift"} <= artifacts.keys()
    assert "http.server" in artifacts["verdict"]
    query = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}}
    logs = [log["message"] for log in post(env, "/logs/filter", query)]
    assert any("rows read" in message for message in logs)
