"""The nightly deployment for real: server, pool, worker, schedule, automation, one run."""

from typing import Any

import httpx
import pytest

from benchmarks.servers import (
    flow_runs,
    install,
    post,
    server,
    start_run,
    wait_for,
    wait_for_end,
    worker,
)
from cube.registry import Registry
from cube.runs import Run
from tests.flows.project import make_project

pytestmark = pytest.mark.slow


def test_from_a_night_to_a_training_for_drift(tmp_path):
    """Every deployment in the order a person meets them: night, promotion, drift, retraining."""
    (tmp_path / "project").mkdir()
    config = make_project(tmp_path / "project")
    settings = {"config_file": str(config)}
    with server(tmp_path) as env:
        install(env)
        check_installed_again(env)
        check_deployments(env)
        with worker(env, tmp_path / "worker.log"):
            for name in ("ingest-data", "embed-corpus", "validate-data"):
                assert ends(env, f"{name}/by-hand", settings) == "Completed"
            assert ends(env, "evaluate-cube/by-hand", settings) == "Failed"  # not trained yet
            night = start_run(env, "train-cube/nightly", settings)
            assert wait_for_end(env, night)["name"] == "Completed"
            check_artifacts(env, night)
            (folder,) = (tmp_path / "project" / "home" / "runs").iterdir()
            version = Run(folder).read("published.json")["version"]
            check_promotion(env, settings, version, Run(folder))
            assert ends(env, "evaluate-cube/by-hand", settings) == "Completed"
            check_drift(env, settings)
    assert (folder / "report" / "index.html").is_file()
    drift = folder.parents[1] / "drift"
    assert (drift / "small" / "latest" / "drift.html").is_file()
    assert any((drift / "workspace").rglob("snapshots/*"))


def check_installed_again(env: dict[str, str]) -> None:
    """What is there is brought up to date, and what a person set on the pool stays."""
    pool = f"{env['PREFECT_API_URL']}/work_pools/cube-pool"
    httpx.patch(pool, json={"concurrency_limit": 3}, timeout=30).raise_for_status()
    install(env)
    assert httpx.get(pool, timeout=30).json()["concurrency_limit"] == 3
    with pytest.raises(AssertionError, match="is there with type process, not docker"):
        install(env, "--pool-type", "docker")


def ends(env: dict[str, str], deployment: str, parameters: dict[str, Any]) -> str:
    return wait_for_end(env, start_run(env, deployment, parameters))["name"]


def check_promotion(env: dict[str, str], settings: dict[str, Any], version: str, run: Run) -> None:
    wanted = {**settings, "version": version, "by": "test", "reason": "for the test"}
    registry = Registry(run.config.home, "small")
    if not run.read("published.json")["promoted"]:
        assert ends(env, "promote-cube/by-hand", wanted) == "Failed"
        assert registry.champion() is None
    wanted["against_the_gate"] = True
    assert ends(env, "promote-cube/by-hand", wanted) == "Completed"
    assert registry.champion() == version
    assert ends(env, "promote-cube/by-hand", {**wanted, "version": "19990101-00"}) == "Failed"


def check_drift(env: dict[str, str], settings: dict[str, Any]) -> None:
    """The newest questions of the demo are about other topics: the automation must train."""
    assert ends(env, "monitor-drift/hourly", settings) == "Completed"
    url = f"{env['PREFECT_API_URL']}/deployments/name/train-cube/on-drift"
    deployment = httpx.get(url, timeout=30).json()["id"]

    def begun() -> list[dict[str, Any]]:
        return post(env, "/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})

    (run,) = wait_for("a training for drift", begun)
    httpx.delete(f"{env['PREFECT_API_URL']}/flow_runs/{run['id']}", timeout=30)  # of the default


def check_deployments(env: dict[str, str]) -> None:
    ui = env["PREFECT_API_URL"].removesuffix("/api") + "/ui-settings"
    assert httpx.get(ui, timeout=30).json()["api_url"] == "/api"  # of the address it is opened at
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
    assert promote["required"] == ["version", "by", "reason"]
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
