"""The ablation: variants are valid, halves of validation share nothing, test is left alone."""

import json
import sys

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.ablation import DEFAULT, GROUPS, halve_validation, variants
from benchmarks.sets import Part, make_set
from cube.config import load_config
from cube.data.splits import Split
from cube.errors import DataError


def parts(valid=40):
    generator = np.random.default_rng(0)
    matrix = generator.standard_normal((16, 16)) / 4

    def pairs(count):
        answers = np.repeat(generator.standard_normal((count // 2, 16)), 2, axis=0)
        questions = answers @ matrix + 0.1 * generator.standard_normal((count, 16))
        return Part(questions.astype(np.float32), answers.astype(np.float32))

    counts = {Split.TRAIN: 120, Split.VALIDATION: valid, Split.TEST: 40}
    return {split: pairs(count) for split, count in counts.items()}


@pytest.mark.parametrize("name", variants(list(GROUPS), []))
def test_every_variant_is_valid_and_unlike_the_default(name):
    settings = variants(list(GROUPS), [])[name]
    assert (load_config(None, settings) == load_config(None, [])) == (name == DEFAULT)


def test_crossed_groups_are_all_combinations():
    found = variants(["layouts"], ["layouts", "guards"])
    crossed = len(GROUPS["layouts"]) * len(GROUPS["guards"])
    assert len(found) == 1 + len(GROUPS["layouts"]) + crossed
    assert found["random layout; no memory"] == ["core.layout=random", "core.memory_pairs=0"]


def test_halves_share_no_answer_and_test_is_neither_trained_on_nor_scored():
    whole = make_set("s", parts())
    halved = halve_validation(whole)
    before, after = whole.experiment, halved.experiment
    assert np.array_equal(before.splits == Split.TRAIN, after.splits == Split.TRAIN)
    stopping = np.flatnonzero(after.splits == Split.VALIDATION)
    scored = after.slices["unseen_answers"]
    held_out = np.flatnonzero(before.splits == Split.VALIDATION)
    assert sorted([*stopping, *scored]) == held_out.tolist()
    assert len(stopping) == len(scored) == 20
    assert not set(before.answers[stopping]) & set(before.answers[scored])
    assert set(halved.task.bank) == set(before.answers[held_out])
    assert set(halved.task.questions) == set(before.questions[scored])
    tested = before.splits == Split.TEST
    assert not set(halved.task.questions) & set(before.questions[tested])
    data = after.training_set
    assert not set(data.questions) & set(before.questions[~(before.splits == Split.TRAIN)])


def test_a_validation_part_of_one_answer_cannot_be_halved():
    with pytest.raises(DataError, match="two are needed"):
        halve_validation(make_set("s", parts(valid=2)))


def test_one_command_prints_a_table_and_writes_json(tmp_path, monkeypatch, capsys):
    names = {Split.TRAIN: "train", Split.VALIDATION: "valid", Split.TEST: "test"}
    arrays = {}
    for split, part in parts().items():
        arrays[f"{names[split]}_q"], arrays[f"{names[split]}_a"] = part.questions, part.answers
    np.savez(tmp_path / "small.npz", **arrays)
    quick = [
        "training.validate_every=5",
        'training.stages=[{"name": "d", "mode": "dialogue", "max_steps": 10}]',
    ]
    quick.append("evaluation.bootstrap_resamples=200")
    command = ["ablation", "--vectors", str(tmp_path / "small.npz"), "--groups", "layouts"]
    command += ["--seeds", "2", "--out", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", [*command, *(w for q in quick for w in ("--set", q))])
    ablation.main()
    values = json.loads((tmp_path / "out.json").read_text())["sets"]["small"]["variants"]
    assert list(values) == [DEFAULT, *GROUPS["layouts"]]
    assert values[DEFAULT]["minus_default"] is None
    for name in GROUPS["layouts"]:
        minus, own = values[name]["minus_default"], values[name]
        assert minus["difference"] == pytest.approx(own["mrr@10"] - values[DEFAULT]["mrr@10"])
        assert len(own["by_seed"]) == 2
    assert "random layout" in capsys.readouterr().out
