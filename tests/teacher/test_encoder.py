"""The teacher: found, verified, and known by everything that shapes a vector."""

import json
import shutil

import numpy as np
import pytest

from cube.config import TeacherConfig
from cube.errors import TeacherError
from cube.teacher.encoder import Teacher, find_weights, from_anywhere

TEXTS = ["How do I reset my password?", "Is it free?", "Как сбросить пароль?"]


@pytest.fixture(scope="module")
def minilm() -> Teacher:
    return Teacher(TeacherConfig())


def test_vectors_are_the_librarys_own(minilm):
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(minilm.folder), device="cpu").encode(
        TEXTS, normalize_embeddings=True
    )
    vectors = minilm.encode(TEXTS, "query")
    assert vectors.shape == (3, minilm.dimension) == (3, 384)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_a_teacher_whose_vectors_are_not_numbers(encoder):
    import torch

    teacher = Teacher(TeacherConfig(model=str(encoder)))
    with torch.no_grad():
        next(teacher.model.parameters()).fill_(float("nan"))
    with pytest.raises(TeacherError, match="NaN or infinity"):
        teacher.encode(TEXTS, "query")


def test_mean_and_max_pooling_doubles_the_dimension(minilm):
    wide = Teacher(TeacherConfig(pooling="mean+max", normalize=False))
    vectors = wide.encode(TEXTS, "query")
    assert vectors.shape == (3, wide.dimension) == (3, 768)
    mean = Teacher(TeacherConfig(pooling="mean", normalize=False)).encode(TEXTS, "query")
    np.testing.assert_allclose(vectors[:, :384], mean, atol=1e-5)
    assert (vectors[:, 384:] >= mean - 1e-5).all()  # a maximum is never below its mean
    unit = minilm.encode(TEXTS, "query")
    np.testing.assert_allclose(mean / np.linalg.norm(mean, axis=1, keepdims=True), unit, atol=1e-5)


def test_other_pooling_changes_nothing_else(encoder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(encoder, folder)
    modules = json.loads((folder / "modules.json").read_text())
    inner = folder / "0_Transformer"  # as older versions of the library laid it out
    inner.mkdir()
    for path in [p for p in folder.iterdir() if p.is_file()]:
        path.rename(inner / path.name)
    modules[0]["path"] = inner.name
    (folder / "modules.json").write_text(json.dumps(modules))
    settings = json.loads((inner / "sentence_bert_config.json").read_text())
    (inner / "sentence_bert_config.json").write_text(json.dumps(settings | {"max_seq_length": 4}))
    own, mean, first = (
        Teacher(TeacherConfig(model=str(folder), pooling=pooling)).encode(TEXTS, "query")
        for pooling in ("default", "mean", "cls")
    )
    np.testing.assert_allclose(mean, own, atol=1e-6)
    assert np.abs(first - own).max() > 0.01


def test_pooling_needs_tokens(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    words = StaticEmbedding(tokenizer, embedding_dim=8)
    SentenceTransformer(modules=[words], device="cpu").save(str(tmp_path / "static"))
    teacher = Teacher(TeacherConfig(model=str(tmp_path / "static"), pooling="mean"))
    with pytest.raises(TeacherError, match=r"teacher\.pooling: .*no tokens"):
        teacher.encode(["a"], "query")


def test_prompts_make_roles_differ():
    teacher = Teacher(TeacherConfig(query_prompt="query: "))
    plain = Teacher(TeacherConfig())
    assert teacher.fingerprint("query") != teacher.fingerprint("passage")
    assert teacher.fingerprint("passage") == plain.fingerprint("passage")
    np.testing.assert_allclose(
        teacher.encode(["x"], "query"), plain.encode(["query: x"], "passage"), atol=1e-6
    )


def test_a_hub_model_is_that_of_its_revision(tmp_path, monkeypatch):
    """As in the hub's cache: a branch and a tag are names of commits."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commits = {"main": "a" * 40, "v1": "b" * 40}
    model = tmp_path / "models--somebody--encoder"
    for name, commit in commits.items():
        (model / "snapshots" / commit).mkdir(parents=True)
        (model / "snapshots" / commit / "config.json").write_text(f'{{"of": "{name}"}}', "utf-8")
        (model / "refs").mkdir(exist_ok=True)
        (model / "refs" / name).write_text(commit, "utf-8")

    def teacher(revision):
        return Teacher(TeacherConfig(model="somebody/encoder", revision=revision))

    for revision, name in [(None, "main"), ("main", "main"), ("v1", "v1"), ("b" * 40, "v1")]:
        assert teacher(revision).folder == model / "snapshots" / commits[name]
    assert teacher("v1").fingerprint("query") == teacher("b" * 40).fingerprint("query")
    assert teacher("v1").fingerprint("query") != teacher(None).fingerprint("query")
    with pytest.raises(TeacherError, match="somebody/encoder"):
        teacher("v2")


@pytest.mark.parametrize(
    "change", [{"pooling": "max"}, {"normalize": False}, {"max_length": 16}, {"query_prompt": "q"}]
)
def test_whatever_shapes_a_vector_changes_the_fingerprint(minilm, change):
    assert Teacher(TeacherConfig(**change)).fingerprint("query") != minilm.fingerprint("query")


def test_what_shapes_no_vector_does_not_change_it(minilm):
    other = Teacher(TeacherConfig(batch_size=7, dtype="float16"))
    assert other.fingerprints == minilm.fingerprints


def test_a_local_folder_loads_and_other_weights_have_another_fingerprint(minilm, tmp_path):
    folder = tmp_path / "a model"
    shutil.copytree(minilm.folder, folder)
    local = Teacher(TeacherConfig(model=str(folder)))
    assert local.fingerprint("query") == minilm.fingerprint("query")
    np.testing.assert_array_equal(local.encode(TEXTS, "query"), minilm.encode(TEXTS, "query"))
    weights = folder / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    other = Teacher(TeacherConfig(model=str(folder)))
    assert other.fingerprint("query") != minilm.fingerprint("query")


def test_a_folder_named_relatively_is_found_from_elsewhere(encoder, tmp_path, monkeypatch):
    monkeypatch.chdir(encoder.parent)
    kept = from_anywhere(TeacherConfig(model=encoder.name))
    monkeypatch.chdir(tmp_path)
    assert find_weights(kept) == encoder
    packaged = TeacherConfig()
    assert from_anywhere(packaged) == packaged


@pytest.mark.parametrize("routes", [False, True])
def test_roles_are_encoded_as_the_model_itself_would(encoder, tmp_path, routes):
    """With its own prompts, never its default one, and by its own routes."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Router

    modules = list(SentenceTransformer(str(encoder), device="cpu"))
    if routes:
        dense = Dense(32, 32)
        modules = [Router.for_query_document([*modules, dense], modules)]
    prompts = {"query": "question ", "document": "answer "}
    whole = SentenceTransformer(modules=modules, prompts=prompts, default_prompt_name="document")
    whole.save(str(tmp_path / "whole"), create_model_card=False)
    teacher = Teacher(TeacherConfig(model=str(tmp_path / "whole")))
    for role, encode in (("query", whole.encode_query), ("passage", whole.encode_document)):
        np.testing.assert_allclose(
            teacher.encode(TEXTS, role), encode(TEXTS, normalize_embeddings=True), atol=1e-6
        )
    assert len(set(teacher.fingerprints.values())) == 2
    bare = Teacher(TeacherConfig(model=str(tmp_path / "whole"), query_prompt="", passage_prompt=""))
    assert (bare.fingerprint("query") == bare.fingerprint("passage")) is not routes
    expected = whole.encode(TEXTS, prompt="", task="document", normalize_embeddings=True)
    np.testing.assert_allclose(bare.encode(TEXTS, "passage"), expected, atol=1e-6)


def test_routes_under_their_former_name_keep_roles_apart(encoder, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Router

    modules = list(SentenceTransformer(str(encoder), device="cpu"))
    router = Router.for_query_document([*modules, Dense(32, 32)], modules)
    SentenceTransformer(modules=[router]).save(str(tmp_path), create_model_card=False)
    listed = json.loads((tmp_path / "modules.json").read_text())
    listed[0]["type"] = "sentence_transformers.models.Asym"  # as version 4 wrote it
    (tmp_path / "modules.json").write_text(json.dumps(listed))
    teacher = Teacher(TeacherConfig(model=str(tmp_path)))
    assert not np.allclose(teacher.encode(TEXTS, "query"), teacher.encode(TEXTS, "passage"))
    assert teacher.fingerprint("query") != teacher.fingerprint("passage")


def test_what_lies_behind_a_link_is_part_of_the_fingerprint(encoder, tmp_path):
    folder, pooling = tmp_path / "model", tmp_path / "pooling"
    shutil.copytree(encoder, folder)
    (folder / "1_Pooling").rename(pooling)
    (folder / "1_Pooling").symlink_to(pooling)
    config = TeacherConfig(model=str(folder))
    before = Teacher(config).fingerprint("query")
    assert before == Teacher(TeacherConfig(model=str(encoder))).fingerprint("query")
    settings = json.loads((pooling / "config.json").read_text())
    (pooling / "config.json").write_text(json.dumps(settings | {"pooling_mode": "cls"}))
    assert Teacher(config).fingerprint("query") != before


def test_the_base_of_an_adapter_is_part_of_the_fingerprint(tmp_path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder in (base, adapter):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
    config = TeacherConfig(model=str(adapter))
    seen = {Teacher(config).fingerprint("query")}
    for name in (str(adapter), str(base)):
        (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": name}))
        seen.add(Teacher(config).fingerprint("query"))
    (base / "model.safetensors").write_bytes(b"others")
    seen.add(Teacher(config).fingerprint("query"))
    assert len(seen) == 4


def test_a_model_that_needs_another_package_is_an_error_that_names_it(encoder, monkeypatch):
    def load(*_, **__):
        raise ImportError("Loading a PEFT model requires installing the `peft` package.")

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", load)
    with pytest.raises(TeacherError, match=r"Cannot load teacher .*`peft` package"):
        Teacher(TeacherConfig(model=str(encoder))).encode(TEXTS, "query")


def test_more_words_than_the_model_can_take_are_an_error(encoder):
    teacher = Teacher(TeacherConfig(model=str(encoder), max_length=5_000))
    with pytest.raises(TeacherError, match=r"max_length is 5000, and the model ends at \d+"):
        teacher.encode(TEXTS, "query")


def test_positions_kept_for_padding_are_none_to_read_with(encoder, tmp_path):
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer, RobertaConfig, RobertaModel

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    settings = RobertaConfig(vocab_size=99, max_position_embeddings=32, pad_token_id=1, **sizes)
    RobertaModel(settings).save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path / "model")
    whole = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    whole.save(str(tmp_path / "whole"), create_model_card=False)
    for length, fits in ((30, True), (31, False)):
        teacher = Teacher(TeacherConfig(model=str(tmp_path / "whole"), max_length=length))
        if fits:
            assert teacher.encode(["password " * 99], "query").shape == (1, 32)
            continue
        with pytest.raises(TeacherError, match="the model ends at 30"):
            teacher.encode(["password " * 99], "query")


def test_max_length_cuts(minilm):
    short = Teacher(TeacherConfig(max_length=4))
    long_text = "password reset " * 50
    assert not np.allclose(short.encode([long_text], "query"), minilm.encode([long_text], "query"))


@pytest.mark.parametrize("model", ["nobody/no-such-model", "~nobody-of-that-name/model"])
def test_a_model_that_is_nowhere_names_the_places(model):
    with pytest.raises(TeacherError, match=rf"{model}.*local folder.*hub"):
        find_weights(TeacherConfig(model=model))


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(TeacherError, match="Cannot load"):
        Teacher(TeacherConfig(model=str(tmp_path))).encode(["x"], "query")


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "modules.json", "config_sentence_transformers.json", "config.json"],
)
def test_a_model_that_is_cut_off_is_an_error_that_names_it(encoder, tmp_path, name):
    shutil.copytree(encoder, tmp_path / "cut")
    whole = (tmp_path / "cut" / name).read_bytes()
    (tmp_path / "cut" / name).write_bytes(whole[: len(whole) // 2])
    teacher = Teacher(TeacherConfig(model=str(tmp_path / "cut")))
    with pytest.raises(TeacherError, match=str(tmp_path / "cut")):
        teacher.encode(["x"], "query") if teacher.fingerprints else None


def test_a_module_without_its_settings_is_an_error(encoder, tmp_path):
    shutil.copytree(encoder, tmp_path / "model")
    (tmp_path / "model" / "1_Pooling" / "config.json").unlink()
    with pytest.raises(TeacherError, match="Cannot load"):
        Teacher(TeacherConfig(model=str(tmp_path / "model"))).encode(["x"], "query")
