"""A small project to train on: 120 pairs, 8 dialogues, few steps."""

import json
from pathlib import Path

import yaml

DEMO = Path(__file__).parents[2] / "cube" / "demo"


def make_project(folder: Path) -> Path:
    """Write data and config into a folder and return the config's path."""
    take = {"pairs": 120, "dialogues": 8, "next_week": 60}
    for name, count in take.items():
        lines = (DEMO / f"{name}.jsonl").read_text("utf-8").splitlines()[:count]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    values = {
        "name": "small",
        "home": str(folder / "home"),
        "data": {
            "sources": [str(folder / "pairs.jsonl"), str(folder / "dialogues.jsonl")],
            "recent": [str(folder / "next_week.jsonl")],
        },
        "training": {
            "validate_every": 10,
            "stages": [
                {"name": "autoencoder", "mode": "autoencoder", "max_steps": 10},
                {"name": "dialogue", "mode": "dialogue", "max_steps": 20},
            ],
        },
        "evaluation": {"bootstrap_resamples": 500, "extra_seeds": 0, "min_questions": 5},
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(values), "utf-8")
    return path


def spoil(folder: Path) -> list[str]:
    """Make a third of the pairs answer with their own question; return overrides to use them.

    The filter that would quarantine such pairs is off, so that validation has to find them.
    """
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text("utf-8").splitlines()]
    for row in rows[::3]:
        row["answer"] = row["question"]
    path = folder / "spoiled.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return [f"data.sources=[{path}]", "data.filters.question_equals_answer=false"]
