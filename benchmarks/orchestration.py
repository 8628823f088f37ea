"""What a night costs besides its work, on a real server and worker over loopback.

    python -m benchmarks.orchestration [--nights N] [--config FILE] [--json FILE]

Runs N nights in a row on the same data in a fresh home: the first does all the work, the others
find it done. Work is the time within tasks, orchestration all else: picking up the run, starting
its process, imports of the flow, and reporting. Memory and processes of server and worker are
counted after every night; they must not grow.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.servers import (
    ROOT,
    environment,
    install,
    post,
    server,
    start_run,
    wait_for_end,
    worker,
)
from cube import storage

_SETTLED = 3  # nights before memory is compared: caches fill first
_GROWTH = 1.25  # allowed of memory, last night against the first settled one


def main() -> int:
    """Print a row a night; the exit code is 1 if a limit of the first lines below is broken."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--nights", type=int, default=20)
    parser.add_argument("--config", type=Path, default=ROOT / "deployments/configs/demo.yaml")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cube-nights-") as name:
        nights = _measure(Path(name), options.config, options.nights)
    verdicts = _verdicts(nights)
    for what, (value, holds) in verdicts.items():
        print(f"{'ok ' if holds else 'NO '} {what}: {value}")
    if options.json:
        told = {what: {"value": value, "holds": ok} for what, (value, ok) in verdicts.items()}
        storage.write_json(options.json, {"nights": nights, "verdicts": told})
    return int(not all(holds for _, holds in verdicts.values()))


def _measure(folder: Path, config: Path, count: int) -> list[dict[str, Any]]:
    env = environment(folder)
    nights = []
    with server(folder, env):
        install(env)
        with worker(env, folder / "worker.log") as process:
            print("night  seconds   work  orchestration  worker MB  processes")
            for number in range(1, count + 1):
                night = _night(env, config, folder / "home")
                night |= {"night": number, **_footprint(process.pid)}
                nights.append(night)
                print(f"{number:5} {night['seconds']:8.1f} {night['work']:6.1f} "
                      f"{night['orchestration']:14.1f} {night['worker_mb']:10.0f} "
                      f"{night['processes']:10}", flush=True)  # fmt: skip
    return nights


def _night(env: dict[str, str], config: Path, home: Path) -> dict[str, Any]:
    started = time.perf_counter()
    parameters = {"config_file": str(config.resolve()), "overrides": [f"home={home}"]}
    flow_run = start_run(env, "train-cube/nightly", parameters)
    state = wait_for_end(env, flow_run, seconds=3600)
    seconds = time.perf_counter() - started
    query = {"task_runs": {"flow_run_id": {"any_": [flow_run]}}}
    steps = {task["name"]: task["total_run_time"] for task in post(env, "/task_runs/filter", query)}
    work = sum(steps.values())
    return {"state": state["name"], "seconds": seconds, "work": work,
            "orchestration": seconds - work, "steps": steps}  # fmt: skip


def _footprint(pid: int) -> dict[str, Any]:
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return {"worker_mb": process.memory_info().rss / 1e6, "processes": len(family)}


def _verdicts(nights: list[dict[str, Any]]) -> dict[str, tuple[str, bool]]:
    first, later = nights[0], nights[1:]
    share = first["orchestration"] / first["seconds"]
    verdicts = {
        "every night completed": (
            f"{sum(n['state'] == 'Completed' for n in nights)} of {len(nights)}",
            all(n["state"] == "Completed" for n in nights),
        ),
        "orchestration under 15 % or 10 s": (
            f"{first['orchestration']:.1f} s, {share:.0%} of {first['seconds']:.1f} s",
            first["orchestration"] < 10 or share < 0.15,
        ),
    }
    if later:
        slowest = max(n["seconds"] for n in later)
        verdicts["an unchanged night under 20 s"] = (f"at most {slowest:.1f} s", slowest < 20)
    if len(nights) > _SETTLED:
        before, after = nights[_SETTLED - 1], nights[-1]
        growth = after["worker_mb"] / before["worker_mb"]
        verdicts["no growth of memory"] = (f"× {growth:.2f}", growth < _GROWTH)
        verdicts["no processes left over"] = (
            f"{before['processes']} then {after['processes']}",
            after["processes"] <= before["processes"],
        )
    return verdicts


if __name__ == "__main__":
    sys.exit(main())
