"""The speed benchmark: what it counts, and that a small run writes every number. No durations."""

import json
import sys

import torch

from benchmarks import speed
from benchmarks.roofline import MatrixProducts


def test_the_roofline_runs_every_product_of_the_work():
    x, linear = torch.randn(7, 5), torch.nn.Linear(5, 3)
    products = MatrixProducts(lambda: linear(x).sum().backward())
    shapes = [(tuple(a.shape), tuple(b.shape)) for a, b in products.factors]
    assert shapes == [((7, 5), (5, 3)), ((3, 7), (7, 5))]  # forward; the gradient of the weights
    products()


def test_the_roofline_multiplies_in_the_types_of_the_work_or_in_one_for_all():
    x, y = torch.randn(7, 5), torch.randn(5, 3)

    def work():
        return x @ y, x.bfloat16() @ y.bfloat16()

    for dtype, types in (
        (None, [torch.float32, torch.bfloat16]),
        (torch.float32, [torch.float32] * 2),
    ):
        assert [left.dtype for left, _ in MatrixProducts(work, dtype).factors] == types


def test_rates_are_of_the_best_round_and_ratios_of_cube_to_each(monkeypatch):
    clock = iter([0, 0, 0, 2, 2, 3, 3, 7, 7, 17])  # two starts of the warm-up, then two rounds
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    found = speed.in_turns({"cube": lambda: None, "dense": lambda: None}, 60, repeats=2)
    # round 1 is cube 2 s, dense 1 s; round 2 in the other order: dense 4 s, cube 10 s
    assert found["cube"]["samples_per_second"] == 30
    assert found["dense"]["samples_per_second"] == 60
    assert found["dense"]["cube_ratio"] == 0.5
    assert found["dense"]["cube_ratio_median"] == (0.5 + 0.4) / 2


def test_a_small_run_measures_everything(tmp_path, monkeypatch, capsys):
    out = tmp_path / "speed.json"
    words = ["--pairs", "600", "--dimension", "48", "--repeats", "1", "--epoch-pairs", "1500"]
    words += ["--set", "training.batch_size=64", "--peer-python", "/none", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["speed", *words])
    speed.main()
    found = json.loads(out.read_text())
    rooflines = {"roofline", "roofline in float32"}
    assert found["training"].keys() == {"cube", "dense", "dense in the trainer", *rooflines}
    assert found["inference"].keys() == {"cube", "cube with memory", "dense", "roofline"}
    for kind in ("training", "inference"):
        assert found[kind]["cube"]["cube_ratio"] == 1
    assert found["epoch"]["steps"] == 1_300 // 64
    assert 0.1 < found["epoch"]["peak_rss_gb"] < 4
    assert "Peers are left out" in capsys.readouterr().out
