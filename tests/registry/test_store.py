"""The registry: versions never change, the champion is swapped whole, promotions are recorded."""

import errno
import json
import resource
import shutil
import threading
from multiprocessing import get_context

import pytest

from cube.errors import GateError, ModelError
from cube.model import load_model
from cube.registry import Registry
from cube.registry.views import overview
from tests.registry.conftest import judgement, make_model


def test_published_versions_are_listed_and_found(registry):
    assert registry.versions() == ["v1", "v2", "v3"]
    assert load_model(registry.path("v1")).config["trained_on"]["number"] == 1
    files = [path for path in registry.path("v1").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    for name in ("v9", "..", "records"):
        with pytest.raises(ModelError, match=rf"No version '{name}' in .*v1, v2, v3"):
            registry.path(name)
    with pytest.raises(ModelError, match=r"No version was promoted yet in .*v1, v2, v3"):
        registry.path("champion")


def test_a_version_is_never_overwritten_but_can_be_judged_again(registry, tmp_path):
    made = tmp_path / "made" / "1"
    registry.publish(made, "v1", judgement(promote=False), {"changed": True})
    assert registry.record("v1")["settings"]["training"]["seed"] == 1
    assert not registry.record("v1")["judgement"]["promote"]
    other = make_model(tmp_path / "other", 9)
    with pytest.raises(ModelError, match=r"v1 holds another model than .*other"):
        registry.publish(other, "v1", judgement(), {})
    assert load_model(registry.path("v1")).config["trained_on"]["number"] == 1
    assert not registry.record("v1")["judgement"]["promote"]  # that of the other is not its


def test_a_version_that_was_removed_can_be_published_anew(registry, tmp_path):
    shutil.rmtree(registry.path("v1"))
    registry.publish(make_model(tmp_path / "other", 9), "v1", judgement(), {"anew": True})
    assert load_model(registry.path("v1")).config["trained_on"]["number"] == 9
    assert registry.record("v1")["settings"] == {"anew": True}
    assert registry.changed_files("v1") == []


def test_a_full_disk_is_an_error_in_a_sentence(registry, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match=r"^\[Errno \d+\] [A-Z][a-z ]+") as caught:
            registry.publish(tmp_path / "made" / "1", "v4", judgement(), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert registry.versions() == ["v1", "v2", "v3"]


def test_the_gate_promotes_what_it_let_through_and_every_promotion_is_recorded(registry):
    assert registry.champion() is None
    with pytest.raises(ModelError, match=r"no .*m/champion yet: no version was promoted\.$"):
        load_model(registry.folder / "champion")
    registry.promote("v1")
    registry.promote("v1")
    registry.promote("v2")
    assert registry.champion() == "v2"
    assert registry.path("champion") == registry.path("v2")
    assert [(p.version, p.previous, p.kind) for p in registry.history()] == [
        ("v1", None, "gate"),
        ("v2", "v1", "gate"),
    ]
    with pytest.raises(ModelError):
        registry.promote("v9")
    assert registry.champion() == "v2"


def test_the_gate_keeps_out_what_it_refused(registry, tmp_path):
    registry.publish(tmp_path / "made" / "1", "v1", judgement(promote=False), {})
    with pytest.raises(GateError, match="Not promoted: worse"):
        registry.promote("v1")
    assert registry.champion() is None and registry.history() == []


def test_a_judgement_against_another_champion_does_not_count(registry):
    registry.promote("v1")
    with pytest.raises(GateError, match=r"v3 was compared with v2, but the champion is v1"):
        registry.promote("v3")


def test_a_forced_promotion_is_recorded_with_who_and_why(registry, tmp_path):
    registry.publish(tmp_path / "made" / "1", "v1", judgement(promote=False), {})
    for by, why in (("", "why"), ("me", " ")):
        with pytest.raises(ModelError, match="who and why"):
            registry.force("v1", by, why)
    registry.force("v1", "Ada", "the old one answers <b>nothing</b>\n\u2028at all")
    (entry,) = registry.history()
    assert (entry.kind, entry.by) == ("forced", "Ada")
    assert entry.reason == "the old one answers <b>nothing</b>\n\u2028at all"
    assert registry.champion() == "v1"


def test_a_rollback_goes_back_step_by_step_and_holds_against_the_gate(registry, tmp_path):
    for version in ("v1", "v2", "v3"):
        registry.promote(version)
    assert registry.rollback("Ada", "complaints") == "v2"
    judged = judgement(champion="v2")
    registry.publish(tmp_path / "made" / "3", "v3", judged, {})  # the next night, the same data
    with pytest.raises(GateError, match="v3 was rolled back by Ada: complaints"):
        registry.promote("v3")
    assert registry.rollback("Ada", "still") == "v1"
    with pytest.raises(ModelError, match="nothing to do"):
        registry.rollback("Ada", "more")
    registry.force("v3", "Ada", "it was the index")
    assert registry.refusal("v3") is None
    assert registry.champion() == "v3"


def test_what_a_person_put_in_a_versions_place_stays_there_at_night(registry, tmp_path):
    for version in ("v1", "v2"):
        registry.promote(version)
    registry.force("v1", "Ada", "complaints")
    judged = judgement(champion="v1")
    registry.publish(tmp_path / "made" / "2", "v2", judged, {})  # the next night, the same data
    with pytest.raises(GateError, match="v2 was replaced by Ada: complaints"):
        registry.promote("v2")
    registry.publish(tmp_path / "made" / "3", "v3", judged, {})  # other data
    registry.promote("v3", "Bob", "looks good")
    last = registry.history()[-1]
    assert (last.kind, last.by, last.reason) == ("gate", "Bob", "looks good")


def test_a_version_that_was_changed_cannot_serve(registry):
    weights = registry.path("v1") / "model.safetensors"
    assert registry.changed_files("v1") == []
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    (registry.path("v1") / "added.txt").write_text("new")
    (registry.path("v1") / "README.md").unlink()
    assert registry.changed_files("v1") == ["README.md", "added.txt", "model.safetensors"]
    with pytest.raises(ModelError, match=r"model\.safetensors changed"):
        registry.promote("v1")
    assert registry.champion() is None


def _serve(home, stop, seen):
    """Load the champion again and again; report what did not come from one version."""
    loaded = 0
    while not stop.is_set() or not loaded:
        saved = load_model(home / "models" / "m" / "champion")
        parts = {float(p.min()) for p in saved.cube.parameters()}
        parts |= {float(p.max()) for p in saved.cube.parameters()}
        parts |= {float(saved.centre.question[0]), float(saved.config["trained_on"]["number"])}
        parts |= {float(saved.reference()[0, 0]), float(saved.bank()[0][0].split()[1])}
        if len(parts) > 1:
            seen.put(f"half a model: {parts}")
            return
        loaded += 1
    seen.put(loaded)


def test_a_serving_process_never_sees_half_a_model(registry, tmp_path):
    """Processes serve while another swaps the champion and publishes new versions."""
    registry.promote("v1")
    context = get_context("fork")
    stop, seen = context.Event(), context.Queue()
    servers = [context.Process(target=_serve, args=(tmp_path, stop, seen)) for _ in range(2)]
    for server in servers:
        server.start()
    for i in range(60):
        registry.force(f"v{i % 3 + 1}", "a test", "swap")
        if i % 10 == 0:
            judged = judgement(champion=registry.champion())
            registry.publish(tmp_path / "made" / "2", f"v{i + 10}", judged, {})
    stop.set()
    counts = [seen.get(timeout=60) for _ in servers]
    for server in servers:
        server.join()
    assert all(isinstance(count, int) and count > 0 for count in counts), counts


def test_promotions_at_the_same_time_leave_a_history_without_gaps(registry):
    def swap(version):
        other = Registry(registry.home, "m")
        for _ in range(20):
            other.force(version, version, "swap")

    threads = [threading.Thread(target=swap, args=(f"v{i}",)) for i in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = registry.history()
    assert [p.previous for p in history[1:]] == [p.version for p in history[:-1]]
    assert history[-1].version == registry.champion()


def test_a_broken_history_is_an_error_in_a_sentence(registry):
    registry.promote("v1")
    for line in (b"{", b"[]", b'{"at": "now"}', b"\xff"):
        (registry.folder / "history.jsonl").write_bytes(line)
        with pytest.raises(ModelError, match="line 1 of"):
            registry.history()


@pytest.mark.parametrize("content", [b"", b"../../etc", b"a/b", b"\xff\xfe", b"v1\nv2"])
def test_a_broken_pointer_is_an_error_in_a_sentence(registry, content):
    pointer = registry.folder / "champion"
    pointer.write_bytes(content)
    with pytest.raises(ModelError):
        load_model(pointer)


def test_a_broken_record_is_an_error_in_a_sentence(registry):
    (registry.folder / "records" / "v1.json").write_bytes(b"")
    with pytest.raises(ModelError, match=r"v1\.json is broken .*publish the run again"):
        registry.promote("v1")
    assert [entry["published"] is None for entry in overview(registry)] == [True, False, False]


def test_no_name_is_beyond_the_history(registry):
    registry.force("v1", "Jos\udce9", "a terminal that does not speak UTF-8")
    assert (registry.champion(), registry.history()[-1].by) == ("v1", "Jos?")


def test_a_pointer_that_is_no_text_names_no_version(registry):
    registry.promote("v1")
    (registry.folder / "champion").write_bytes(b"\xff\xfe")
    assert not any(entry["champion"] for entry in overview(registry))
    with pytest.raises(ModelError, match=r"No version .*v1, v2, v3"):
        registry.path("champion")
    registry.force("v2", "Ada", "the pointer is broken")
    assert registry.champion() == "v2"


def test_versions_are_listed_in_the_order_they_came(registry):
    late = {**registry.record("v1"), "published": "2999-01-01T00:00:00+00:00"}
    (registry.folder / "records" / "v1.json").write_text(json.dumps(late))
    assert [entry["version"] for entry in overview(registry)] == ["v2", "v3", "v1"]
