"""Put work pool, deployments and automations onto the server of PREFECT_API_URL.

    python -m flows.install [--pool-type process]

Run it from the root of the repository, again after any change in `deployments/`: what is there is
brought up to date.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

DEPLOYMENTS = Path("deployments/prefect.yaml")
AUTOMATIONS = Path("deployments/automations.yaml")
POOL = "cube-pool"


def main(arguments: list[str]) -> int:
    """Install everything; returns 0, or 2 with a sentence where that is not possible."""
    parser = argparse.ArgumentParser("python -m flows.install", description="Install on a server.")
    parser.add_argument("--pool-type", default="process", help="process, docker or kubernetes")
    options = parser.parse_args(arguments)
    if not DEPLOYMENTS.is_file():
        sys.stderr.write(f"install: no {DEPLOYMENTS} here: run this in the repository's root.\n")
        return 2
    try:
        _prefect("work-pool", "create", POOL, "--type", options.pool_type, "--overwrite")
        _prefect("deploy", "--prefect-file", str(DEPLOYMENTS), "--all")
        names = install_automations(AUTOMATIONS)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"install: {error.stderr or error.stdout}\n")
        return 2
    sys.stdout.write(f"Installed: pool {POOL}, all deployments, automations {', '.join(names)}.\n")
    return 0


def install_automations(path: Path) -> list[str]:
    """Create or replace the automations of a file by name; returns their names."""
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.automations import AutomationCore

    with get_client(sync_client=True) as client:
        entries = yaml.safe_load(path.read_text("utf-8"))
        for entry in entries:
            entry["actions"] = [_resolved(action, client) for action in entry["actions"]]
            automation = AutomationCore.model_validate(entry)
            known = client.read_automations_by_name(automation.name)
            if known:
                client.update_automation(known[0].id, automation)
            else:
                client.create_automation(automation)
    return [entry["name"] for entry in entries]


def _resolved(action: dict[str, Any], client: Any) -> dict[str, Any]:
    """Return an action with the id of the deployment it names."""
    values = dict(action)
    if name := values.pop("deployment", None):
        values["deployment_id"] = client.read_deployment_by_name(name).id
    return values


def _prefect(*arguments: str) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
