"""A small run folder with plain values in every file the report reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cube import storage
from cube.config import dump_config, parse_config
from cube.runs import Run

HOSTILE = "<script>alert('x')</script> & \"quoted\" <img src=x onerror=alert(1)>"


def interval(difference: float) -> dict[str, float]:
    return {"difference": difference, "low": difference - 0.03, "high": difference + 0.03}


def scores(mrr: float) -> dict[str, float]:
    return {
        "mrr@10": mrr,
        "hit@1": mrr * 0.7,
        "hit@5": mrr * 1.2,
        "hit@10": mrr * 1.4,
        "cosine": 0.4,
        "centred_cosine": 0.3,
        "random_centred_cosine": -0.01,
        "contrastive_accuracy": 0.9,
    }


def slice_values(questions: int, gain: float, single: float = 1.0) -> dict[str, Any]:
    by_system = {"cube": 0.4 + gain, "identity": 0.4, "ridge_raw": 0.35, "mean_answer": 0.0}
    return {
        "questions": questions,
        "bank": 836,
        "single_answer_share": single,
        "judged": questions >= 30,
        "scores": {name: scores(mrr) for name, mrr in by_system.items()},
        "cube_minus": {
            name: interval(0.4 + gain - mrr) for name, mrr in by_system.items() if name != "cube"
        },
    }


def target(name: str, value: float | None, limit: float, **more: Any) -> dict[str, Any]:
    met = None if value is None else value > limit
    empty = {"unit": "", "trivial": None, "trivial_name": "", "note": ""}
    return {
        "name": name,
        "value": value,
        "limit": limit,
        "direction": "above",
        "met": met,
        **empty,
        **more,
    }


def example(before: int, after: int, question: str = "How do I sync?") -> dict[str, Any]:
    top = [
        {"text": HOSTILE, "score": 0.61, "right": True},
        {"text": "Another answer.", "score": 0.4, "right": False},
    ]
    return {
        "question": question,
        "right": [HOSTILE],
        "before": {"rank": before, "top": top},
        "after": {"rank": after, "top": top},
    }


def evaluation_values() -> dict[str, Any]:
    stages = [
        {"name": "autoencoder", "mode": "autoencoder", "steps": 40, "ended_by": "budget",
         "last_step": 40},
        {"name": "dialogue", "mode": "dialogue", "steps": 60, "ended_by": "plateau",
         "last_step": 100},
    ]  # fmt: skip
    right, wrong = [0] * 20 + [5, 9, 4] + [0] * 17, [0] * 22 + [7, 8, 3] + [0] * 15
    counts = {"right": right, "best_wrong": wrong}
    return {
        "run": "small-0123456789",
        "dimension": 384,
        "lattice": [8, 8, 6],
        "parameters": 62592,
        "teacher": "a-teacher",
        "splits": {"train": 100, "validation": 20, "test": 40},
        "headline": "new_wordings",
        "verdict": {
            "promote": True,
            "sentence": "Promoted: on new wordings the cube scores more.",
            "use_instead": None,
            "warnings": [],
        },
        "systems": {
            name: {"label": label, "parameters": 100, "ranks_by": "cosine"}
            for name, label in (
                ("cube", "cube"),
                ("identity", "frozen teacher (identity)"),
                ("ridge_raw", "ridge regression, raw scores"),
                ("mean_answer", "mean answer (constant)"),
            )
        },
        "slices": {
            "unseen_answers": slice_values(12, -0.06, single=0.875),
            "new_wordings": slice_values(248, 0.05),
        },
        "champion": {"version": None, "note": "there was no champion yet"},
        "training": {
            "steps": 100,
            "best_step": 80,
            "best_validation_mrr": 0.5,
            "calibration": {
                "strength": 1.0,
                "memory_pairs": 900,
                "answers_share": 0.25,
                "differences_share": 0.1,
                "near_answers_share": 0.0,
                "whitening": 0.3,
                "validation_mrr": 0.52,
            },
            "untrained_validation_mrr": 0.4,
            "steps_per_epoch": 4,
            "loss_convergence": 0.003,
            "skipped_steps": 0,
            "stages": stages,
        },
        "timings": {
            "training_seconds": 83.0,
            "epoch_seconds": 0.5,
            "peak_rss_gb": 0.6,
            "speedup": None,
        },
        "stability": {"seeds": 1, "mrr@10": [0.45], "spread": None},
        "restoration": {
            "corrupted": {"cosine": 0.88, "spearman": 0.9},
            "final": {"cosine": 0.6, "spearman": 0.5},
        },
        "similarities": {
            "edges": [round(-1 + i / 20, 4) for i in range(41)],
            "counts": {"identity": counts, "cube": counts},
        },
        "examples": {"better": [example(12, 1, HOSTILE)], "worse": [example(1, 59)]},
        "targets": [
            target("Q&A similarity", 0.37, 0.88, note="raw cosine"),
            target("Context preservation", None, 0.8, trivial=2.65, trivial_name="the teacher"),
            target("Training speed-up", 1.45, 1.2, unit="×", trivial=1.0, trivial_name="a loop"),
        ],
    }


def events() -> list[dict[str, Any]]:
    def event(kind: str, step: int, stage: str | None) -> dict[str, Any]:
        return {
            "event": kind,
            "step": step,
            "stage": stage,
            "learning_rate": 1e-3 if stage else None,
            "restoring_weight": 0.5 if stage else None,
            "competence": 1.0 if stage else None,
            "loss": 1 / (step + 1) if step else None,
            "validation_mrr": 0.4 + step / 1000,
            "validation_restored_cosine": 0.9 - step / 1000,
        }

    return [
        event("start", 0, None),
        event("validation", 20, "autoencoder"),
        event("validation", 40, "autoencoder"),
        {"event": "stage_end", "name": "autoencoder", "mode": "autoencoder", "steps": 40},
        event("validation", 80, "dialogue"),
    ]


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes a run; keywords replace values of evaluation.json."""

    def make(**changes: Any) -> Run:
        config = parse_config(
            {
                "name": "small",
                "home": str(tmp_path),
                "training": {
                    "stages": [
                        {"name": "autoencoder", "mode": "autoencoder", "max_steps": 40},
                        {"name": "dialogue", "mode": "dialogue", "max_steps": 80},
                    ]
                },
            }
        )
        run = Run(tmp_path / "runs" / "small-0123456789")
        storage.write_bytes(run.folder / "config.yaml", dump_config(config).encode())
        facts = {
            "id": "small-0123456789",
            "digest": "0123456789abcdef",
            "created": "2026-01-02T03:04:05+00:00",
            "corpus": "c0",
            "vectors": "v0",
            "cube_version": "0.1.0",
        }
        run.write("run.json", facts)
        run.write("evaluation.json", {**evaluation_values(), **changes})
        lines = "".join(json.dumps(event) + "\n" for event in events())
        storage.write_bytes(run.folder / "metrics.jsonl", lines.encode())
        manifest = {
            "digest": "c0",
            "sources": [{"file": "pairs.jsonl", "sha256": "ab" * 32}],
            "rows": {"read": 110, "kept": 100, "quarantined": 7, "duplicates_merged": 3},
            "reasons": {HOSTILE: 7},
            "pairs_by_source": {"notes": 90, HOSTILE: 10},
            "texts": 150,
            "pairs": 160,
            "dialogue_pairs": 12,
            "distinct_answers": 50,
        }
        storage.write_json(tmp_path / "corpora" / "c0" / "manifest.json", manifest)
        vectors = {
            "fingerprints": {"query": "q0", "passage": "p0"},
            "encoded": 150,
            "cache_hits": 0,
        }
        storage.write_json(tmp_path / "vectors" / "v0" / "manifest.json", vectors)
        return run

    return make
