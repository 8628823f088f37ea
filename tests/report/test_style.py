"""The palette itself: text must be readable on what it stands on, in both themes."""

import re
from pathlib import Path

import pytest

import cube.report

TEMPLATES = Path(cube.report.__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text("utf-8")
PAIRS = [
    ("ink", "page"), ("ink", "surface"), ("ink", "raised"), ("ink", "cube-wash"),
    ("ink", "warn-wash"),
    ("soft", "page"), ("soft", "surface"), ("soft", "raised"), ("soft", "cube-wash"),
    ("cube", "page"), ("cube", "surface"), ("cube", "raised"), ("cube", "cube-wash"),
    ("good", "surface"), ("good", "page"), ("good", "good-wash"), ("surface", "good"),
    ("bad", "surface"), ("bad", "page"), ("bad", "bad-wash"),
    ("warn", "warn-wash"), ("teacher", "surface"), ("page", "ink"),
    ("dense", "surface"), ("low-rank", "surface"), ("ridge", "surface"), ("procrustes", "surface"),
    ("mlp", "surface"), ("knn", "surface"), ("bm25", "surface"),
]  # fmt: skip


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    found = [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    return dict(zip(("light", "dark"), found, strict=True))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_is_readable(theme: str, text: str, ground: str) -> None:
    palette = palettes()[theme]
    low, high = sorted((luminance(palette[text]), luminance(palette[ground])))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_both_themes_define_the_same_colours() -> None:
    themes = palettes()
    assert themes["light"].keys() == themes["dark"].keys()


def test_colours_that_mean_something_stay_on_paper_and_under_forced_colours() -> None:
    css = (TEMPLATES / "report" / "figures.css").read_text("utf-8")
    rules = re.findall(r"^ *([^{}@\n]+) \{ ([^{}]+) \}$", css, re.MULTILINE)
    for kept in ("forced-color-adjust: none", "print-color-adjust: exact"):
        selectors = next(names for names, value in rules if value.startswith(kept)).split(", ")
        assert {".swatch", ".meter", ".shares li::before"} <= set(selectors)
    assert ".slide, .tip { display: none; }" in css.partition("@media print")[2]
    assert ".controls" not in css.partition("@media print")[2]  # the map's key is among them
