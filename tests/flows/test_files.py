"""The files of a deployment agree with each other."""

import re
from pathlib import Path

import yaml

FOLDER = Path(__file__).parents[2] / "deployments"
ADDRESSES = {"PREFECT_API_URL", "CUBE_REPORTS_URL"}  # others among containers


def test_containers_have_the_settings_of_env_sh():
    text = (FOLDER / "env.sh").read_text("utf-8")
    values = dict(re.findall(r'^: "\$\{(\w+):=(.*)\}"', text, re.MULTILINE))
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]
    assert values.keys() > ADDRESSES
    for name in values.keys() - ADDRESSES:
        assert (name, services["server"]["environment"].get(name)) == (name, values[name])
    exported = re.findall(r"^export (.*)$", text, re.MULTILINE)
    assert set(" ".join(exported).split()) == values.keys()
