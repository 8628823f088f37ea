"""The core pipeline on real text with the real MiniLM, from files to an answer."""

import json
import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from cube import steps
from cube.config import SplitConfig, dump_config
from cube.errors import ConfigError, DataError, ModelError, TeacherError
from cube.evaluation.baselines import LABELS
from cube.export.module import CubeModule
from cube.export.sentence_transformers import export_sentence_transformers
from cube.model import load_model
from cube.pipeline import TextPipeline
from cube.registry import Registry
from cube.report.render import render_report
from cube.teacher.encoder import Teacher
from tests.conftest import call, write_jsonl
from tests.registry.conftest import make_model


def run_all(config):
    corpus = steps.ingest(config)
    run = steps.start_run(config, corpus, steps.embed(config, corpus))
    steps.train(run)
    steps.evaluate(run)
    steps.publish(run)
    return run


def test_a_lattice_that_is_too_small_is_refused_before_anything_is_encoded(small_config):
    core = small_config.core.model_copy(update={"shape": (7, 7, 7)})
    config = small_config.model_copy(update={"core": core})
    with pytest.raises(ConfigError, match="343 cells, too few for 384 dimensions"):
        steps.embed(config, steps.ingest(config))
    assert not (config.home / "cache").exists()


def test_from_text_to_text_and_the_second_time_for_nothing(small_config, caplog, monkeypatch):
    run = run_all(small_config)
    evaluation = json.loads((run.folder / "evaluation.json").read_text())

    scores = evaluation["slices"][evaluation["headline"]]["scores"]
    assert set(scores) == {"cube", *LABELS}
    assert all(part["groups_left_out"] == [] for part in evaluation["slices"].values())
    targets = {target["name"]: target for target in evaluation["targets"]}
    assert len(targets) == 11
    assert targets["Memory while training"]["value"] > 0.1
    assert targets["Context preservation"]["value"] is not None
    assert evaluation["stability"]["seeds"] == 2

    registry = Registry(small_config.home, "small")
    assert registry.versions() == [run.version]
    assert (registry.champion() == run.version) == evaluation["verdict"]["promote"]

    html = render_report(run).read_text("utf-8")
    assert evaluation["verdict"]["sentence"].split(":")[1].strip()[:20] in html

    weights = (run.folder / "model" / "model.safetensors").read_bytes()
    corpus = steps.ingest(small_config)
    again = steps.start_run(small_config, corpus, steps.embed(small_config, corpus))
    with caplog.at_level("INFO", logger="cube"):
        steps.train(again)
        assert steps.evaluate(again) == evaluation
    assert again.folder == run.folder
    hits, misses = run.facts["cache_hits"], run.facts["cache_misses"]
    assert misses > hits
    assert f"encoded <b>{misses}</b> texts" in html
    assert (again.facts["cache_hits"], again.facts["cache_misses"]) == (hits + misses, 0)
    assert "trained already" in caplog.text
    assert "evaluated already" in caplog.text
    assert (run.folder / "model" / "model.safetensors").read_bytes() == weights

    # An evaluation stands when its cube became the champion, not when another did.
    with monkeypatch.context() as now:
        now.setattr("cube.evaluation.assess.assess", lambda run, rival, inputs: {"rival": rival})
        now.setattr(Registry, "champion", lambda registry: run.version)
        assert steps.evaluate(again) == evaluation
        now.setattr(Registry, "champion", lambda registry: "another")
        assert steps.evaluate(again) == {"rival": "another"}

    reply = TextPipeline(run.folder / "model").ask("How do I reset my password?", count=2)
    answers, texts = reply.phrases, set(run.corpus.texts())
    assert len(answers) == 2
    assert all(phrase.text in texts for phrase in answers)
    assert answers[0].score >= answers[1].score
    _what_is_no_question_is_a_sentence(run.folder / "model")
    pipeline = TextPipeline(run.folder / "model")
    monkeypatch.setattr("cube.teacher.encoder._load", Mock(side_effect=TeacherError("gone")))
    assert pipeline.ask("How do I reset my password?", count=2) == reply  # loaded when it was made
    with pytest.raises(TeacherError, match="gone"):
        TextPipeline(run.folder / "model")


def _what_is_no_question_is_a_sentence(model):
    pipeline = TextPipeline(str(model))
    with pytest.raises(DataError, match="list of turns"):
        pipeline.ask("Is it free?", context="Hello")  # pyright: ignore[reportArgumentType]
    for question, context, reason in (
        ("caf\udce9", [], "the question holds half a surrogate pair"),
        ("Is it free?", ["\ud800"], "a turn before the question holds half a surrogate pair"),
        ("Is it free?", [None], "a turn before the question is missing"),
        (" \u200b", [], "the question is empty"),
        (5, [], "the question is int, not text"),
    ):
        with pytest.raises(DataError, match=reason):
            pipeline.ask(question, context)  # pyright: ignore[reportArgumentType]
    assert pipeline.ask("Is  the\u200b cafe\u0301 free?") == pipeline.ask("Is the café free?")


def test_the_exported_model_moves_questions_and_leaves_answers(small_config, tmp_path):
    from sentence_transformers import SentenceTransformer

    run = run_all(small_config)
    export_sentence_transformers(run.folder / "model", tmp_path / "exported")
    exported = SentenceTransformer(str(tmp_path / "exported"), device="cpu", trust_remote_code=True)
    texts = ["How do I reset my password?", "Sync is stuck."]
    plain = Teacher(small_config.teacher).encode(texts, "query")
    moved = load_model(run.folder / "model").cube.apply_to(plain)
    np.testing.assert_allclose(exported.encode_query(texts), moved, atol=1e-4)
    np.testing.assert_allclose(exported.encode_document(texts), plain, atol=1e-5)
    assert not np.allclose(moved, plain, atol=1e-3)

    # Behind an encoder that was loaded in half precision.
    features = {"sentence_embedding": torch.from_numpy(plain).half()}
    halved = CubeModule(load_model(run.folder / "model").cube)(features)["sentence_embedding"]
    assert halved.dtype == torch.float16
    np.testing.assert_allclose(halved.detach().float(), moved, atol=1e-2)

    export_sentence_transformers(run.folder / "model", tmp_path / "exported")  # again
    for other in (Registry(small_config.home, "small").path(run.version), small_config.home):
        with pytest.raises(ModelError, match="no export of a cube"):
            export_sentence_transformers(run.folder / "model", other)


def test_a_linear_cube_is_exported_to_stock_modules(small_config, tmp_path):
    from sentence_transformers import SentenceTransformer

    core = small_config.core.model_copy(update={"gated": False, "memory_pairs": 0})
    run = run_all(small_config.model_copy(update={"core": core}))
    saved = load_model(run.folder / "model")
    saved.cube.strength.fill_(1.0)
    export_sentence_transformers(run.folder / "model", tmp_path / "exported")
    exported = SentenceTransformer(str(tmp_path / "exported"), device="cpu")
    texts = ["How do I reset my password?", "Sync is stuck."]
    plain = Teacher(small_config.teacher).encode(texts, "query")
    np.testing.assert_allclose(exported.encode_query(texts), saved.cube.apply_to(plain), atol=1e-4)


def test_a_saved_cube_refuses_another_teacher(small_config):
    run = run_all(small_config)
    saved = load_model(run.folder / "model")
    saved.check_teacher(Teacher(small_config.teacher))
    other = small_config.teacher.model_copy(update={"query_prompt": "query: "})
    with pytest.raises(ModelError, match="another teacher"):
        saved.check_teacher(Teacher(other))


def test_a_champion_is_compared_on_questions_it_was_not_trained_on(small_config):
    """Splits drawn anew make new test questions of what it knows by heart: none could beat it."""
    quick = {"extra_seeds": 0, "learning_curve": False}
    evaluation = small_config.evaluation.model_copy(update=quick)
    config = small_config.model_copy(update={"evaluation": evaluation})
    champion = run_all(config)
    Registry(config.home, config.name).force(champion.version, "Ada", "whatever the gate says")

    pairs = Path(config.data.sources[0])
    rows = [{"question": f"{word} sync?", "answer": f"Ask {word}."} for word in ("Why", "How")]
    grown = pairs.with_name("grown.jsonl")  # a few more pairs, and the file renamed
    grown.write_text(pairs.read_text("utf-8") + "\n" + "\n".join(map(json.dumps, rows)), "utf-8")
    sources = [str(grown), config.data.sources[1]]
    drawn_anew = {"splits": SplitConfig(seed=1)}
    on_some = rf"compared with {champion.version}, on the \d+ questions it was not trained on"
    for update, fewest, note in (
        ({"sources": sources}, 5, f"compared with {champion.version}"),
        (drawn_anew, 5, on_some),
        (drawn_anew, 100, r"trained on all but \d+ of these questions and cannot be compared"),
    ):
        data = config.data.model_copy(update=update)
        judging = evaluation.model_copy(update={"min_questions": fewest})
        other = config.model_copy(update={"data": data, "evaluation": judging})
        corpus = steps.ingest(other)
        run = steps.start_run(other, corpus, steps.embed(other, corpus))
        steps.train(run)
        found = steps.evaluate(run)
        assert found["champion"]["version"] == champion.version
        assert re.search(note + "$", found["champion"]["note"])
        rules = [reason["rule"] for reason in found["verdict"]["reasons"]]
        assert ("no_worse_than_champion" in rules) == (fewest == 5)


def test_the_bank_holds_training_answers_only(small_config):
    run = run_all(small_config)
    experiment = run.experiment
    trained = set(run.corpus.texts(experiment.answers[experiment.splits == 0]))
    assert set(load_model(run.folder / "model").bank()[0]) == trained


def test_a_run_is_published_by_the_judgement_of_its_own_settings(small_config, monkeypatch):
    """A night and a run by hand with a looser gate share a folder: each is held to its own."""

    def assess(run, rival, inputs):
        promote = run.config.evaluation.min_questions == 1
        scores = {"cube": {"mrr@10": 0.5}, "identity": {"mrr@10": 0.4}}
        part = {"questions": 9, "bank": 9, "scores": scores}
        verdict = {"promote": promote, "sentence": "by hand" if promote else "no", "reasons": []}
        values = {"inputs": inputs, "run": run.run_id, "champion": {"version": rival}}
        run.write(
            "evaluation.json", values | {"headline": "a", "verdict": verdict, "slices": {"a": part}}
        )
        return run.read("evaluation.json")

    monkeypatch.setattr("cube.evaluation.assess.assess", assess)
    corpus = steps.ingest(small_config)
    vectors = steps.embed(small_config, corpus)
    looser = small_config.evaluation.model_copy(update={"min_questions": 1})
    night = steps.start_run(small_config, corpus, vectors)
    by_hand = steps.start_run(
        small_config.model_copy(update={"evaluation": looser}), corpus, vectors
    )
    make_model(night.folder / "model", 1)
    steps.evaluate(night)
    assert steps.evaluate(by_hand)["verdict"]["promote"]
    assert (steps.publish(night)["promoted"], steps.publish(night)["champion"]) == (False, None)
    assert steps.publish(by_hand)["promoted"]


def test_another_config_is_another_run(small_config):
    corpus = steps.ingest(small_config)
    vectors = steps.embed(small_config, corpus)
    training = small_config.training.model_copy(update={"seed": 9})
    other = small_config.model_copy(update={"training": training})
    first, second = (steps.start_run(c, corpus, vectors) for c in (small_config, other))
    assert first.folder != second.folder


def test_too_few_pairs_are_an_error(small_config, tmp_path):
    path = write_jsonl(tmp_path / "few.jsonl", [{"question": "a", "answer": "b"}])
    data = small_config.data.model_copy(update={"sources": [str(path)]})
    config = small_config.model_copy(update={"data": data})
    corpus = steps.ingest(config)
    with pytest.raises(DataError, match="too few to train"):
        steps.start_run(config, corpus, steps.embed(config, corpus))


def test_the_command_line_trains_reports_and_answers(small_config, tmp_path, capsys, caplog):
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(small_config))
    assert call("train", "--config", path, "--set", "evaluation.extra_seeds=0") in (0, 1)
    progress = [line for line in caplog.messages if line.startswith("vectors: ")]
    assert all("a second" in line for line in progress)  # now and then, not for every batch
    out = capsys.readouterr().out
    assert "frozen teacher (identity)" in out
    report = Path(out.strip().splitlines()[-1].removeprefix("Report: "))
    assert "one training has none" in report.read_text("utf-8")  # of a spread over seeds

    run = report.parent.parent
    assert call("ask", "password reset", "--model", run / "model", "--count", 1) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert call("report", run) == 0
    assert call("report", tmp_path) == 2
    assert "run.json is missing" in capsys.readouterr().err

    assert call("ingest", tmp_path / "pairs.jsonl", "--out", tmp_path / "c") == 0
    assert '"kept": 160' in capsys.readouterr().out
    assert call("embed", "--config", path) == 0
    assert '"encoded"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--config", "no.yaml"], "Cannot read config no.yaml"),
        (["train", "--set", "training.sed=1"], "did you mean 'seed'"),
        (["train", "--set", "data.sources=[nowhere.jsonl]"], "No such file"),
        (["train", "--set", "teacher.model=no/such"], "was not found"),
        (["train", "--config"], "--config"),
        (["fly"], "fly"),
    ],
)
def test_what_a_person_did_wrong_is_said_in_a_sentence(words, message, tmp_path, capsys):
    home = ["--set", f"home={tmp_path}"] if words[0] == "train" and words[-1] != "--config" else []
    assert call(*words, *home) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_the_headroom_of_a_run_that_was_begun_is_that_of_the_settings(small_config, monkeypatch):
    corpus = steps.ingest(small_config)
    vectors = steps.embed(small_config, corpus)
    before = steps.start_run(small_config, corpus, vectors).read("outlook.json")
    judging = small_config.evaluation.model_copy(update={"confidence": 0.6})
    config = small_config.model_copy(update={"evaluation": judging})
    run = steps.start_run(config, corpus, vectors)
    after = run.read("outlook.json")
    assert after["headroom"]["confidence"] == 0.6
    widths = [o["headroom"]["gain"]["high"] - o["headroom"]["gain"]["low"] for o in (before, after)]
    assert widths[1] < widths[0]
    with monkeypatch.context() as known:
        known.delattr(steps, "_look_ahead")
        steps.start_run(config, corpus, vectors)
    headroom = {k: v for k, v in after["headroom"].items() if k not in ("resamples", "confidence")}
    run.write("outlook.json", {**after, "headroom": headroom})  # of an earlier version
    assert steps.start_run(config, corpus, vectors).read("outlook.json") == after


def test_texts_alone_are_too_little_to_train_on(small_config, tmp_path):
    path = write_jsonl(tmp_path / "texts.jsonl", [{"text": f"note {i}"} for i in range(9)])
    corpus = steps.ingest(small_config, [str(path)])
    vectors = steps.embed(small_config, corpus)
    with pytest.raises(DataError, match="0 pairs are too few"):
        steps.start_run(small_config, corpus, vectors)
