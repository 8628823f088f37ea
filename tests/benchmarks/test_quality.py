"""The quality benchmark through its command line, on planted vectors."""

import json
import sys

import numpy as np
import pytest

from benchmarks import quality
from cube.training import candidates, trials

STAGES = "training.stages=[{name: d, mode: dialogue, max_steps: 40, learning_rate: 3e-3}]"
QUICK = ["--set", STAGES, "--set", "training.batch_size=64", "--set", "training.weight_decay=0.01"]
QUICK += ["--set", "evaluation.bootstrap_resamples=300"]


@pytest.fixture
def vectors(tmp_path, planted):
    parts = zip(("train", "valid", "test"), (slice(0, 400), slice(400, 500), slice(500, 600)))  # noqa: B905
    arrays = {f"{p}_{k}": v[rows] for p, rows in parts for k, v in zip("qa", planted, strict=True)}
    np.savez(tmp_path / "planted.npz", **arrays)
    return tmp_path / "planted.npz"


def bench(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["quality", *map(str, words), *QUICK])
    quality.main()


def test_every_system_is_scored_and_compared(tmp_path, vectors, monkeypatch, capsys):
    out = tmp_path / "out.json"
    bench(monkeypatch, "--vectors", vectors, "--seeds", 2, "--out", out, "--peer-python", "/none")
    assert "Peers are left out" in capsys.readouterr().out
    result = json.loads(out.read_text())["sets"]["planted"]
    systems = result["systems"]
    texts_or_other_trainers = {"bm25", "sentence_transformers", "llama_index"}
    assert systems.keys() == quality.SYSTEMS - texts_or_other_trainers
    assert (result["pairs"], result["questions"], result["bank"]) == (400, 100, 100)
    assert len(systems["cube"]["by_seed"]) == len(systems["mlp"]["by_seed"]) == 2
    assert len(systems["identity"]["by_seed"]) == 1
    assert systems["cube"]["mrr@10"] == pytest.approx(np.mean(systems["cube"]["by_seed"]))
    assert systems["cube"]["mrr@10"] > systems["identity"]["mrr@10"] + 0.05
    minus = systems["identity"]["cube_minus"]
    gap = systems["cube"]["mrr@10"] - systems["identity"]["mrr@10"]
    assert minus["difference"] == pytest.approx(gap)
    assert 0 < minus["low"] < gap < minus["high"]
    for rule in ("dense", "low_rank", "mlp"):
        assert systems[rule]["learning_rate"] in quality.RATES
        assert systems[rule]["remembered_pairs"] == 0
    assert systems["core_alone"]["remembered_pairs"] == systems["core_alone"]["whitening"] == 0
    assert systems["whitened_identity"]["mrr@10"] >= systems["identity"]["mrr@10"] - 0.02
    assert systems["core_alone"]["parameters"] == systems["cube"]["parameters"]
    assert systems["knn"]["remembered_pairs"] == 400


def test_only_some_systems_and_an_unknown_one(tmp_path, vectors, monkeypatch):
    out = tmp_path / "out.json"
    quick = ["--vectors", vectors, "--seeds", 1, "--out", out, "--peer-python", "/none"]
    bench(monkeypatch, *quick, "--only", "identity", "--limit", 90)
    result = json.loads(out.read_text())["sets"]["planted"]
    assert result["systems"].keys() == {"cube", "identity"}
    assert result["pairs"] == 90
    with pytest.raises(SystemExit, match="no system gpt"):
        bench(monkeypatch, *quick, "--only", "gpt")


def test_a_test_part_that_training_holds_is_told(tmp_path, vectors, monkeypatch, capsys):
    arrays = dict(np.load(vectors))
    for kind in "qa":
        arrays[f"test_{kind}"] = np.concatenate(
            [arrays[f"test_{kind}"][:30], arrays[f"train_{kind}"][:10]]
        )
    np.savez(tmp_path / "leaking.npz", **arrays)
    out = tmp_path / "out.json"
    quick = ["--seeds", 1, "--out", out, "--peer-python", "/none", "--only", "identity"]
    told = []
    for path in (vectors, tmp_path / "leaking.npz"):
        bench(monkeypatch, "--vectors", path, *quick)
        told.append("10 of 40 test pairs have a near copy in training" in capsys.readouterr().out)
    assert told == [False, True]
    assert json.loads(out.read_text())["sets"]["leaking"]["leaked_share"] == 0.25


def test_nobody_mines_where_that_takes_too_long(tmp_path, vectors, monkeypatch):
    monkeypatch.setattr(trials, "_MOST_COMPARED", 1_000)
    monkeypatch.setattr(candidates, "_mine", lambda *_: pytest.fail("mined"))
    out = tmp_path / "out.json"
    quick = ["--vectors", vectors, "--seeds", 1, "--out", out, "--peer-python", "/none"]
    bench(monkeypatch, *quick, "--only", "dense")
    dense = json.loads(out.read_text())["sets"]["planted"]["systems"]["dense"]
    assert dense["hard_negatives"] == 0
