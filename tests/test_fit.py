"""Training on stored vectors through the command line: verdicts, files, exit codes, bad input."""

import io
import json
import os
import pickle
import signal
from unittest.mock import Mock

import numpy as np
import pytest
from safetensors.torch import save

from cube.config import load_config
from cube.data.splits import Split
from cube.data.vector_pairs import distinct_rows
from cube.errors import DataError
from cube.fit import _shares, apply_model, evaluate_vectors, fit_settings, fit_vectors
from cube.lattice.whitening import Spectrum, Whitening
from cube.model import load_model
from cube.training.trials import Trial
from tests.conftest import call

FAST = "training.stages=[{name: dialogue, mode: dialogue, max_steps: 80, learning_rate: 3e-3}]"
QUICK = ["--set", FAST, "--set", "training.batch_size=64", "--set", "training.weight_decay=0.01"]
QUICK += ["--set", "evaluation.bootstrap_resamples=500", "--set", "evaluation.min_questions=20"]


@pytest.fixture
def files(tmp_path, planted):
    questions, answers = planted
    np.save(tmp_path / "q.npy", questions)
    np.save(tmp_path / "a.npy", answers)
    return ["--queries", tmp_path / "q.npy", "--answers", tmp_path / "a.npy"]


def test_a_fit_that_is_told_to_stop_leaves_nothing_behind(tmp_path, files, monkeypatch):
    monkeypatch.setattr("cube.fit.run_trials", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = sorted(tmp_path.iterdir())
    assert call("fit", *files, "--out", tmp_path / "model", *QUICK) == 128 + signal.SIGTERM
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("length", "warned"), [(1.0, False), (0.01, True)])
def test_short_vectors_are_a_warning(tmp_path, planted, caplog, monkeypatch, length, warned):
    unit = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True) for matrix in planted)
    monkeypatch.setattr("cube.fit.run_trials", Mock(side_effect=InterruptedError))
    with pytest.raises(InterruptedError):
        fit_vectors(*(matrix * length for matrix in unit), tmp_path / "out", load_config(None, []))
    assert ("questions are of length 0.01" in caplog.text) is warned


def test_fit_apply_evaluate(tmp_path, planted, files, capsys):
    model = tmp_path / "model"
    assert call("fit", *files, "--out", model, "--seed", 3, *QUICK) == 0
    printed = capsys.readouterr().out
    assert "The gate says yes: on " in printed and "Promoted" not in printed
    assert sorted(path.name for path in model.iterdir()) == [
        "README.md", "centring.safetensors", "confidence.json", "config.json", "model.safetensors",
        "reference.npy",
    ]  # fmt: skip
    card = (model / "README.md").read_text()
    assert card.endswith(
        "are what `cube fit` printed; `cube evaluate` measures them on other pairs.\n"
    )
    assert "report of the run" not in card  # there is none
    sample = card.split("```python")[1].split("```")[0].replace("PATH_OF_THIS_FOLDER", str(model))
    given = {"question_vectors": planted[0], "answer_vectors": planted[1]}
    exec(sample, given)
    assert given["scores"].shape == (len(planted[0]), len(planted[1]))  # pyright: ignore

    assert call("apply", "--model", model, "--vectors", files[1], "--out", tmp_path / "o.npy") == 0
    assert "600 vectors of 48 dimensions" in capsys.readouterr().out
    moved = np.load(tmp_path / "o.npy")
    assert moved.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(moved, load_model(model).cube.apply_to(planted[0]))

    capsys.readouterr()
    code = call("evaluate", "--model", model, *files, "--json", *QUICK)
    values = json.loads(capsys.readouterr().out)
    scores = values["slices"]["all_pairs"]["scores"]
    best = np.argmax(moved @ planted[1].T, axis=1)
    assert scores["cube"]["hit@1"] == pytest.approx((best == np.arange(len(best))).mean())
    assert scores["cube"]["mrr@10"] > scores["identity"]["mrr@10"]
    assert values["verdict"]["sentence"].startswith("The gate says yes: ")  # to programs as well
    assert code == 0


def test_a_cube_that_whitens_is_fitted_to_the_index_it_is_given(tmp_path, planted, files):
    model, moved = tmp_path / "model", tmp_path / "moved.npy"
    assert call("fit", *files, "--out", model, *QUICK, "--set", "core.memory_pairs=0") == 0
    saved = load_model(model)
    saved.cube.whitening = Whitening.of(Spectrum(planted[1]), 0.4)
    (model / "model.safetensors").write_bytes(save(saved.cube.state_dict()))
    other = planted[1] * np.linspace(0.2, 3, planted[1].shape[1], dtype=np.float32)
    np.save(tmp_path / "other.npy", other)

    apply = ("apply", "--model", model, "--vectors", files[1], "--out", moved)
    assert call(*apply) == 0
    np.testing.assert_array_equal(np.load(moved), saved.cube.apply_to(planted[0]))
    assert call(*apply, "--index", tmp_path / "other.npy") == 0
    saved.cube.fit_to_index(other)
    np.testing.assert_array_equal(np.load(moved), saved.cube.apply_to(planted[0]))

    np.save(tmp_path / "narrow.npy", other[:, :-1])
    assert call(*apply, "--index", tmp_path / "narrow.npy") == 2


def test_a_saved_cube_is_judged_fitted_to_the_answers_it_is_judged_on(tmp_path, planted, files):
    model = tmp_path / "model"
    assert call("fit", *files, "--out", model, *QUICK, "--set", "core.memory_pairs=0") == 0
    scores = []
    for known in planted[1], planted[1] * np.linspace(0.2, 3, 48, dtype=np.float32):
        saved = load_model(model)
        saved.cube.whitening = Whitening.of(Spectrum(known), 0.4)
        values = evaluate_vectors(saved, *planted, load_config(None, QUICK[1::2]).evaluation)
        scores.append(values["slices"]["all_pairs"]["scores"]["cube"])
    assert scores[0] == scores[1]
    saved.cube.whitening = None
    plain = evaluate_vectors(saved, *planted, load_config(None, QUICK[1::2]).evaluation)
    assert scores[0] != plain["slices"]["all_pairs"]["scores"]["cube"]


def test_shuffled_answers_are_refused_and_named(tmp_path, planted, files, capsys):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).permutation(planted[1]))
    assert call("fit", *files, "--out", tmp_path / "model", *QUICK) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "Not promoted" in printed
    assert "The answers look shuffled" in printed
    assert load_model(tmp_path / "model").cube.dimension == 48


def test_a_leak_between_training_and_test_is_refused(tmp_path, planted, files, capsys):
    generator = np.random.default_rng(0)
    for name, part in zip("qa", planted, strict=True):
        noisy = part + 0.01 * generator.standard_normal(part.shape) / 48**0.5
        np.save(tmp_path / f"{name}.npy", np.concatenate([part, noisy.astype(np.float32)]))
    assert call("fit", *files, "--out", tmp_path / "model", *QUICK) == 2
    assert "Leak: " in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_equal_answers_are_one_answer(tmp_path, files, planted, capsys):
    _, answers = planted
    np.save(tmp_path / "a.npy", answers[np.arange(600) // 6])
    call("fit", *files, "--out", tmp_path / "model", *QUICK)
    assert "100 answers" in capsys.readouterr().out


def test_equal_seeds_write_equal_weights(tmp_path, files):
    for name in ("one", "two"):
        call("fit", *files, "--out", tmp_path / name, "--seed", 5, *QUICK)
    one, two = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "two"))
    assert one == two


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/cube-was-here-too", "w"))


def bad_files():
    good = np.ones((50, 8), np.float32)
    with_nan, with_zero = good.copy(), good.copy()
    with_nan[7, 3], with_zero[9] = np.nan, 0
    pickled = io.BytesIO()
    np.save(pickled, np.array([Evil()], object), allow_pickle=True)
    return {
        "nan": (with_nan, r"rows \[7\]"),
        "zero": (with_zero, r"rows \[9\]"),
        "other dimension": (np.ones((50, 9), np.float32), "shape"),
        "other rows": (np.ones((49, 8), np.float32), "shape"),
        "integers": (np.ones((50, 8), np.int64), "int64"),
        "three axes": (np.ones((5, 8, 2), np.float32), r"\(5, 8, 2\)"),
        "no rows": (np.ones((0, 8), np.float32), "no rows"),
        "pickled array": (pickled.getvalue(), "Pickled"),
        "bare pickle": (pickle.dumps(Evil()), "Pickled"),
        "truncated": (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'", "not a plain"),
        "empty": (b"", "not a plain|Cannot read"),
    }


@pytest.mark.parametrize("case", bad_files())
def test_bad_vectors_are_one_clear_error(tmp_path, case, capsys):
    import re
    from pathlib import Path

    content, words = bad_files()[case]
    np.save(tmp_path / "q.npy", np.ones((50, 8), np.float32))
    if isinstance(content, bytes):
        (tmp_path / "a.npy").write_bytes(content)
    else:
        np.save(tmp_path / "a.npy", content)
    arguments = ["--queries", tmp_path / "q.npy", "--answers", tmp_path / "a.npy"]
    assert call("fit", *arguments, "--out", tmp_path / "model") == 2
    error = capsys.readouterr().err
    assert re.search(words, error), error
    assert "Traceback" not in error
    assert not (tmp_path / "model").exists()
    assert not Path("/tmp/cube-was-here-too").exists()


def test_too_few_pairs_are_an_error(tmp_path, capsys):
    for name in ("q", "a"):
        np.save(tmp_path / f"{name}.npy", np.eye(4, dtype=np.float32))
    arguments = ["--queries", tmp_path / "q.npy", "--answers", tmp_path / "a.npy"]
    assert call("fit", *arguments, "--out", tmp_path / "model") == 2
    assert "too few" in capsys.readouterr().err


def test_a_model_for_another_dimension_or_none_at_all_is_refused(tmp_path, files, capsys):
    call("fit", *files, "--out", tmp_path / "model", *QUICK)
    np.save(tmp_path / "v.npy", np.ones((3, 7), np.float32))
    apply = ["--vectors", tmp_path / "v.npy", "--out", tmp_path / "o.npy"]
    assert call("apply", "--model", tmp_path / "model", *apply) == 2
    assert "48 dimensions, these have 7" in capsys.readouterr().err
    assert call("apply", "--model", tmp_path, *apply) == 2
    assert "not a saved cube" in capsys.readouterr().err
    (tmp_path / "model" / "model.safetensors").write_bytes(b"x" * 64)
    assert call("apply", "--model", tmp_path / "model", *apply) == 2
    assert "is broken" in capsys.readouterr().err
    assert call("ask", "hello", "--model", tmp_path / "nowhere") == 2


def test_only_a_saved_cube_is_replaced(tmp_path, files, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    for out in (folder, folder / "thesis.txt"):
        assert call("fit", *files, "--out", out, *QUICK) == 2
        assert "no saved cube" in capsys.readouterr().err
    assert (folder / "thesis.txt").read_text() == "years of work"
    assert call("fit", *files, "--out", tmp_path / "model", *QUICK) == 0
    assert call("fit", *files, "--out", tmp_path / "model", *QUICK, "--seed", 1) == 0


def test_rows_equal_as_float32_are_one_row(planted):
    questions, answers = planted
    for rows in (questions[:200], answers[:200]):
        matrix = np.concatenate([rows * np.float64(1 + shift) for shift in (0, 1e-12, -1e-12)])
        assert len(np.unique(matrix, axis=0)) == 600
        distinct = distinct_rows(matrix)
        assert len(distinct.first) == len(np.unique(distinct.keys)) == 200
        np.testing.assert_array_equal(distinct.number, np.tile(np.arange(200), 3))
    zeros = distinct_rows(np.array([[0.0, 1.0], [-0.0, 1.0]]))
    assert zeros.first.tolist() == [0]


def test_copies_of_held_out_rows_are_not_restored(planted, tmp_path):
    from cube.fit import _experiment

    q, a = (np.concatenate([rows, rows]) for rows in planted)
    experiment = _experiment(q, a, 10_000, tmp_path)
    assert len(experiment.vectors) == len(q)  # half of them questions, half answers
    held_out = experiment.splits != Split.TRAIN
    restored = experiment.training_set.texts
    assert not np.isin(experiment.questions[held_out], restored).any()
    unseen = np.setdiff1d(experiment.answers[held_out], experiment.answers[~held_out])
    assert not np.isin(unseen, restored).any()


def test_vectors_that_are_not_finite_are_refused_from_python_too(planted, tmp_path):
    questions, answers = (rows.copy() for rows in planted)
    answers[7, 3] = np.nan
    with pytest.raises(DataError, match=r"answers: rows \[7\]"):
        fit_vectors(questions, answers, tmp_path / "model", load_config(None, []))


def test_what_is_moved_is_checked_and_judging_changes_nothing(planted, tmp_path):
    questions, answers = planted
    whitened = load_config(None, ["core.memory_pairs=0", FAST])
    fit_vectors(questions, answers, str(tmp_path / "model"), whitened)
    saved = load_model(str(tmp_path / "model"))
    saved.cube.whitening = Whitening.of(Spectrum(answers), 0.5)
    before = apply_model(saved, questions[:9])
    evaluate_vectors(saved, questions[:90], answers[:90], whitened.evaluation)
    np.testing.assert_array_equal(apply_model(saved, questions[:9]), before)
    endless = np.where(np.arange(len(questions))[:, None] == 3, np.nan, questions)
    for bad in (questions[0], endless, np.zeros_like(questions), questions.tolist()):
        with pytest.raises(DataError, match="The vectors"):
            apply_model(saved, bad)
        with pytest.raises(DataError, match="The index"):
            apply_model(saved, questions, bad)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("training.seed=-1", "training.seed"), ("core.shape=[2,2,2]", "too few for 48 dimensions")],
)
def test_settings_that_cannot_be_are_bad_usage(tmp_path, files, capsys, setting, words):
    assert call("fit", *files, "--out", tmp_path / "model", *QUICK, "--set", setting) == 2
    assert words in capsys.readouterr().err


def test_a_bug_is_no_verdict(tmp_path, files, capsys, monkeypatch):
    monkeypatch.setattr("cube.fit.fit_vectors", lambda *_, **__: 1 / 0)
    assert call("fit", *files, "--out", tmp_path / "model") == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_moved_vectors_are_written_as_npy_or_not_at_all(tmp_path, files, capsys):
    out = tmp_path / "moved.parquet"
    assert call("apply", "--model", tmp_path, "--vectors", files[1], "--out", out) == 2
    assert "written as .npy" in capsys.readouterr().err
    assert not out.exists()


def test_only_the_defaults_are_settled_for_retrieval(tmp_path):
    assert [stage.mode for stage in fit_settings().training.stages] == ["dialogue"]
    named = fit_settings(None, ["training.seed=3"]).training
    assert (named.seed, [stage.mode for stage in named.stages]) == (3, ["dialogue"])
    (tmp_path / "mine.yaml").write_text("training: {seed: 5}\n", "utf-8")
    mine = fit_settings(tmp_path / "mine.yaml").training
    assert mine.seed == 5
    assert "autoencoder" in [stage.mode for stage in mine.stages]


def test_what_trials_take_is_trained(planted, tmp_path, monkeypatch):
    hub = Trial("core.hub", 4, 0.1, 0.01, taken=True)
    monkeypatch.setattr("cube.fit.run_trials", lambda *_: [hub])
    fit_vectors(*planted, tmp_path / "model", load_config(None, [FAST]))
    assert load_model(tmp_path / "model").cube.config.hub == 4


def test_few_and_very_many_pairs_are_held_out_by_number_not_by_share():
    assert _shares(100).unseen_test == 0.2
    assert _shares(300).unseen_validation == pytest.approx(0.15)  # of 24 nothing could be said
    assert _shares(1_000).unseen_test == 0.08
    assert _shares(1_000_000).wording_validation == pytest.approx(0.001)
