"""A real Prefect server and worker on loopback, each in a process group of its own.

For tests and benchmarks; nothing outlives the block that started it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

ROOT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
# Where SIGINT is ignored, Prefect's processes are deaf to SIGTERM too: they turn it into SIGINT.
_LAUNCH = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
Value = TypeVar("Value")


def wait_for(
    what: str,
    look: Callable[[], Value | None],
    seconds: float = 120,
    every_seconds: float = 0.5,
) -> Value:
    """Return what `look` finds, looking again until the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(every_seconds)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a deployment on a free port with its own folder.

    The settings come from `deployments/env.sh`, as a person would source it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    inherited |= {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    script = f". {ROOT / 'deployments' / 'env.sh'} && env -0"
    shell = shutil.which("sh") or "/bin/sh"
    listed = subprocess.run([shell, "-c", script], env=inherited, capture_output=True, check=True)
    return dict(item.split("=", 1) for item in listed.stdout.decode().split("\0") if item)


@contextmanager
def running(env: dict[str, str], log: Path, *arguments: str) -> Iterator[subprocess.Popen]:
    """Keep a command of Prefect running; its whole process group is gone afterwards."""
    command = [sys.executable, "-c", _LAUNCH, PREFECT, *arguments]
    with log.open("a") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            kill_tree(process.pid)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@contextmanager
def server(folder: Path, env: dict[str, str] | None = None) -> Iterator[dict[str, str]]:
    """Run a server and yield the environment to reach it: a new one, or `env` once more."""
    env = env or environment(folder)
    url = env["PREFECT_API_URL"]
    port = url.removesuffix("/api").rsplit(":", 1)[1]
    log = folder / "server.log"

    def healthy() -> bool:
        try:
            return httpx.get(f"{url}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    with running(env, log, "server", "start", "--host", "127.0.0.1", "--port", port):
        wait_for("a healthy server", healthy)
        yield env


@contextmanager
def worker(env: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    """Run a worker of the project's pool."""
    with running(env, log, "worker", "start", "--pool", "cube-pool", "--type", "process") as it:
        yield it


def install(env: dict[str, str], *arguments: str) -> None:
    """Put pool, deployments and automations onto the server."""
    command = [sys.executable, "-m", "flows.install", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started, at once and without warning."""
    try:
        parent = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    for process in [parent, *parent.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def post(env: dict[str, str], path: str, body: dict[str, Any]) -> Any:
    """Ask the server's API."""

    def ask() -> httpx.Response | None:
        answer = httpx.post(f"{env['PREFECT_API_URL']}{path}", json=body, timeout=30)
        return None if answer.status_code == 503 else answer  # its SQLite is busy for a moment

    return wait_for(f"an answer to {path}", ask).raise_for_status().json()


def flow_runs(env: dict[str, str], *types: str) -> list[dict[str, Any]]:
    """Return flow runs in states of these types."""
    return post(env, "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": list(types)}}}})


def start_run(env: dict[str, str], deployment: str, parameters: dict[str, Any]) -> str:
    """Start a run of a deployment and return its id."""
    url = f"{env['PREFECT_API_URL']}/deployments/name/{deployment}"
    found = httpx.get(url, timeout=30).raise_for_status().json()
    body = {"parameters": {**found["parameters"], **parameters}, "state": {"type": "SCHEDULED"}}
    return post(env, f"/deployments/{found['id']}/create_flow_run", body)["id"]


def state_of(env: dict[str, str], flow_run: str) -> dict[str, Any]:
    """Return the state of a flow run."""
    url = f"{env['PREFECT_API_URL']}/flow_runs/{flow_run}"
    return httpx.get(url, timeout=30).raise_for_status().json()["state"]


def wait_for_end(env: dict[str, str], flow_run: str, *ends: str, seconds: float = 600) -> dict:
    """Return the state a flow run ends in: one of `ends`, by default any that is final."""
    final = ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")

    def ended() -> dict[str, Any] | None:
        state = state_of(env, flow_run)
        # Crashed is not the end where the run is expected to be started again.
        assert not ends or state["name"] in (*ends, "Crashed") or state["name"] not in final, state
        return state if state["name"] in (ends or final) else None

    state = wait_for(f"the end of {flow_run}", ended, seconds)
    wait_for("a free place", lambda: _place_is_free(env, flow_run), seconds)
    return state


def _place_is_free(env: dict[str, str], flow_run: str) -> bool:
    """Whether the run's deployment can start another: its place is given back after its end."""
    url = env["PREFECT_API_URL"]
    run = httpx.get(f"{url}/flow_runs/{flow_run}", timeout=30).json()
    limit = httpx.get(f"{url}/deployments/{run['deployment_id']}", timeout=30).json()
    return not (limit["global_concurrency_limit"] or {}).get("active_slots")
