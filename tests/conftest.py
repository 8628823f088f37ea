"""What every test needs: no network, no telemetry, nothing written outside temporary folders."""

import os
import tempfile

# Set before anything reads them: prefect and huggingface_hub look at their variables on import,
# and results persisted in a shared PREFECT_HOME would leak from one test run into the next.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="cube-prefect-")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Tasks called without Prefect log without a flow run, to a handler that would warn of it.
os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"
os.environ.pop("CUBE_REPORTS_URL", None)  # set by deployments/env.sh

import json
from pathlib import Path

import numpy as np
import pytest

from cube.config import Config, parse_config


@pytest.fixture(scope="session")
def prefect_server():
    """A Prefect server with a database of its own, for the whole session.

    Only one: a second would not hear of the events that the first one's client still sends.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=120),
        # The thread of the heartbeat costs every flow run a second at its end.
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


def write_jsonl(path: Path, rows: list) -> Path:
    """Write rows as JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def call(*words: object) -> int:
    """Run a command in this process and return its exit code."""
    from cube.cli import main

    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def small_config(tmp_path: Path) -> Config:
    """Few pairs, few steps, everything under tmp_path; the teacher is the packaged MiniLM."""
    demo = Path(__file__).parent.parent / "cube" / "demo"
    pairs = (demo / "pairs.jsonl").read_text("utf-8").splitlines()[:160]
    dialogues = (demo / "dialogues.jsonl").read_text("utf-8").splitlines()[:12]
    (tmp_path / "pairs.jsonl").write_text("\n".join(pairs), "utf-8")
    (tmp_path / "dialogues.jsonl").write_text("\n".join(dialogues), "utf-8")
    return parse_config(
        {
            "name": "small",
            "home": str(tmp_path / "home"),
            "data": {
                "sources": [str(tmp_path / "pairs.jsonl"), str(tmp_path / "dialogues.jsonl")],
                "recent": [],
            },
            "training": {
                "validate_every": 5,
                "stages": [
                    {"name": "autoencoder", "mode": "autoencoder", "max_steps": 10},
                    {"name": "mixed", "mode": "mixed", "max_steps": 10},
                    {"name": "dialogue", "mode": "dialogue", "max_steps": 40},
                ],
            },
            "evaluation": {"bootstrap_resamples": 500, "extra_seeds": 1, "min_questions": 5},
        }
    )


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Questions that a map can bring to their answers: a fixed linear map of them plus noise."""
    generator = np.random.default_rng(0)
    count, dimension, rank = 600, 48, 16
    answers = generator.standard_normal((count, rank)) @ generator.standard_normal(
        (rank, dimension)
    )
    answers /= np.linalg.norm(answers, axis=1, keepdims=True)
    turn = np.eye(dimension) + 2.0 * generator.standard_normal((dimension,) * 2) / dimension**0.5
    questions = (
        answers @ turn + 1.2 * generator.standard_normal((count, dimension)) / dimension**0.5
    )
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    return questions.astype(np.float32), answers.astype(np.float32)
