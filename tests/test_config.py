"""One tree of settings: round trips, overrides, and errors that say where and what."""

from pathlib import Path

import pytest
import yaml

from cube.config import Config, dump_config, load_config, parse_config, resolve_source
from cube.errors import ConfigError

CONFIGS = Path(__file__).parent.parent / "deployments" / "configs"


def test_yaml_round_trip_keeps_every_value():
    config = parse_config({"core": {"shape": [2, 3, 4]}, "training": {"seed": 7}})
    assert parse_config(yaml.safe_load(dump_config(config))) == config


def test_demo_file_is_the_default():
    demo = load_config(CONFIGS / "demo.yaml", ["data.recent=[]"])  # whose drift it watches as well
    assert demo == Config()


def test_nightly_file_loads():
    assert load_config(CONFIGS / "nightly.yaml").name == "nightly"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"trainig": {}}, ["'trainig'", "did you mean 'training'"]),
        ({"training": {"sed": 1}}, ["'training.sed'", "did you mean 'seed'"]),
        ({"training": {"seed": "x"}}, ["training.seed = 'x'", "integer"]),
        ({"training": {"seed": 2**64}}, ["training.seed = 18446744073709551616", "less than"]),
        ({"training": {"temperature": 0}}, ["training.temperature = 0", "greater than 0"]),
        ({"training": {"stages": [{"name": "a", "mode": "dialog"}]}}, ["stages.0.mode", "'mixed'"]),
        ({"training": {"stages": []}}, ["training.stages"]),
        ({"data": {"splits": {"unseen_test": 0.9, "unseen_validation": 0.3}}}, ["below 1"]),
        ({"core": {"shape": [0, 1, 1]}}, ["core.shape", "at least 1"]),
        ([1], ["mapping"]),
        ({"teacher": {"query_prompt": {"query": None}}}, ["teacher.query_prompt", "'\"query: \"'"]),
        ({"data": {"sources": "a.csv"}}, ["data.sources = 'a.csv'", "list, such as [a.csv]"]),
    ],
)
def test_errors_name_the_place_the_value_and_what_is_allowed(values, words):
    with pytest.raises(ConfigError) as caught:
        parse_config(values)
    for word in words:
        assert word in str(caught.value)


def test_overrides_are_yaml_and_reach_into_lists():
    config = load_config(None, ["training.seed=3", "training.stages.0.max_steps=5", "name=abc"])
    assert (config.training.seed, config.training.stages[0].max_steps, config.name) == (3, 5, "abc")
    assert load_config(None, ["home='/tmp/a #b'"]).home == Path("/tmp/a #b")


def test_off_needs_no_quotes():
    assert load_config(None, ["data.filters.near_duplicates=off"]) == Config()


@pytest.mark.parametrize(
    "override",
    ["seed", "=1", "a..b=1", "name.x=1", "training.stages.9.name=x", "home=/tmp/a #b"],
)
def test_bad_overrides_are_errors(override):
    with pytest.raises(ConfigError):
        load_config(None, [override])


def test_yaml_tags_run_nothing(tmp_path):
    path = tmp_path / "evil.yaml"
    path.write_text("name: !!python/object/apply:os.system ['touch /tmp/cube-was-here']")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)
    assert not Path("/tmp/cube-was-here").exists()


def test_digest_ignores_where_things_lie():
    assert Config().digest() == Config(home=Path("/elsewhere")).digest()
    assert Config().digest() != Config(name="other").digest()


def test_a_persons_home_is_put_in_for_its_sign(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    config = load_config(None, ["home=~/cube", "validation.suites={pairs: ~/pairs.json}"])
    assert config.home == Path("/home/ada/cube")
    assert config.validation.suites["pairs"] == Path("/home/ada/pairs.json")
    assert resolve_source("~/faq.csv") == Path("/home/ada/faq.csv")
    assert resolve_source("~nobody-of-that-name/faq.csv") == Path("~nobody-of-that-name/faq.csv")


def test_shipped_data_is_found():
    assert resolve_source("cube:demo/pairs.jsonl").is_file()
