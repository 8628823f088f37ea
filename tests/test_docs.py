"""What the pages say of each other."""

import re
from contextlib import suppress
from pathlib import Path

import pytest

from cube.config import CoreConfig, DataConfig
from cube.config.curriculum import PRESETS
from cube.data.opening import state_of
from cube.data.readers import read_rows
from cube.data.sources import FORMATS, SourceFile
from cube.errors import DataError
from cube.lattice.rules import RULES

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!\w+:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_the_guide_names_every_rule_and_curriculum():
    guide = (ROOT / "docs" / "guide" / "training.md").read_text("utf-8")
    assert [name for name in (*RULES, *PRESETS) if f"`{name}`" not in guide] == []


def test_every_suffix_has_a_reader_a_name_and_a_place_in_the_guide(tmp_path):
    guide = (ROOT / "docs" / "guide" / "data.md").read_text("utf-8")
    for suffix, kind in FORMATS.items():
        assert f"`{suffix}`" in guide
        path = tmp_path / f"empty{suffix}"
        path.touch()
        with suppress(DataError):  # of an empty file; a format without a reader is another error
            file, config = SourceFile(path, path.name, kind), DataConfig(format=kind)
            assert list(read_rows(file, config, state_of(path))) == []


def test_the_log_names_the_defaults_of_now():
    log = (ROOT / "docs" / "LOG.md").read_text("utf-8")
    (stage,), core = PRESETS["dialogue"], CoreConfig()
    assert f"*Superseded*: {stage.max_steps} steps at {1e3 * stage.learning_rate:g}e-3." in log
    assert f"*Superseded*: {core.memory_pairs:,} pairs are remembered" in log
    assert not core.gated and "*Superseded*: gates are off by default" in log
