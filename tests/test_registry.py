"""The registry: versions never change, the champion is swapped whole, promotions are recorded."""

import json
import threading

import pytest

from cube.errors import ModelError
from cube.registry import Registry


@pytest.fixture
def registry(tmp_path) -> Registry:
    registry = Registry(tmp_path, "m")
    for version in ("v1", "v2"):
        model = tmp_path / "made" / version
        model.mkdir(parents=True)
        (model / "config.json").write_text(f'"{version}"')
        registry.publish(model, version)
    return registry


def test_published_versions_are_listed_and_found(registry):
    assert registry.versions() == ["v1", "v2"]
    assert json.loads((registry.path("v1") / "config.json").read_text()) == "v1"
    with pytest.raises(ModelError, match=r"No version 'v9'.*v1, v2"):
        registry.path("v9")


def test_a_version_is_never_overwritten(registry, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('"changed"')
    registry.publish(other, "v1")
    assert (registry.path("v1") / "config.json").read_text() == '"v1"'


def test_promotion_moves_the_pointer_and_is_recorded(registry):
    assert registry.champion() is None
    registry.promote("v1", "better")
    registry.promote("v1", "again")
    registry.promote("v2", "better still")
    assert registry.champion() == "v2"
    history = (registry.folder / "history.jsonl").read_text().splitlines()
    assert [(e["version"], e["previous"]) for e in map(json.loads, history)] == [
        ("v1", None),
        ("v2", "v1"),
    ]
    with pytest.raises(ModelError):
        registry.promote("v9", "not there")
    assert registry.champion() == "v2"


def test_a_reader_never_sees_half_a_pointer(registry):
    registry.promote("v1", "start")
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add(registry.champion())

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(200):
        registry.promote("v2" if i % 2 == 0 else "v1", "swap")
    stop.set()
    reader.join()
    assert seen <= {"v1", "v2"}
