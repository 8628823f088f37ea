import math
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from cube.report.figures.bars import share_bar
from cube.report.figures.cells import slices_figure
from cube.report.figures.curves import Band, Panel, Point, training_figure
from cube.report.figures.embedding_map import embedding_map_figure
from cube.report.figures.histograms import mean_of, similarity_figure
from cube.report.figures.intervals import interval_axis, interval_plot, shared_limit, wording
from cube.report.figures.lattice import lattice_figure
from cube.report.figures.lines import Axes, Series, line_figure
from cube.report.figures.reliability import reliability_figure
from cube.report.figures.scale import Scale, fit
from cube.report.figures.strip import strip

TITLES = {"identity": "frozen teacher", "cube": "cube"}


def parse(markup: Markup | None) -> ElementTree.Element:
    assert markup is not None
    return ElementTree.fromstring(f"<all>{markup}</all>")


@pytest.mark.parametrize(
    ("values", "include"),
    [
        ([], ()),
        ([None, math.nan, math.inf], ()),
        ([0.0], ()),
        ([0.3], ()),
        ([-2.0, -2.0, -2.0], ()),
        ([1e-12, 2e-12], ()),
        ([0.1, 0.9], (0.0, 1.0)),
        ([-5.0, None, 1e6], ()),
        ([1e9, 1e9 + 1], ()),
    ],
)
@pytest.mark.parametrize("may_be_log", [False, True])
def test_scales_hold_their_values_and_stay_finite(values, include, may_be_log) -> None:
    scale = fit(values, 100.0, 0.0, include, may_be_log)
    assert scale.low < scale.high
    for value in values:
        if value is not None and math.isfinite(value):
            assert 0 <= scale(value) <= 100
    labels = scale.labels()
    assert len(labels) <= 12
    assert all(scale.low <= tick <= scale.high for tick, _ in labels)


def test_ticks_are_round_and_told_apart() -> None:
    assert Scale(-0.13, 0.52, 0, 100).labels(4) == [(0.0, "0.0"), (0.2, "0.2"), (0.4, "0.4")]
    words = [label for _, label in Scale(0.4507, 0.4522, 0, 1).labels(3)]
    assert len(set(words)) == len(words) >= 2


def test_wide_positive_values_get_a_logarithmic_scale() -> None:
    scale = fit([0.01, 10.0], 0, 100, may_be_log=True)
    assert scale.logarithmic
    assert scale(math.sqrt(0.1)) == pytest.approx(50, abs=0.1)
    assert not fit([0.0, 10.0], 0, 100, may_be_log=True).logarithmic


def test_intervals_are_put_into_words() -> None:
    assert wording({"difference": 0.1, "low": 0.01, "high": 0.2}) == "better"
    assert wording({"difference": -0.1, "low": -0.2, "high": -0.01}) == "worse"
    assert wording({"difference": 0.0, "low": -0.1, "high": 0.1}) == "unclear"


def test_an_interval_beyond_the_scale_leaves_it_with_an_arrow() -> None:
    inside = parse(interval_plot({"difference": 0.05, "low": 0.0, "high": 0.1}, 0.2))
    beyond = parse(interval_plot({"difference": 0.5, "low": 0.4, "high": 0.6}, 0.2))
    assert not inside.findall(".//path[@class='arrow']")
    assert beyond.findall(".//path[@class='arrow']")
    assert not beyond.findall(".//circle")


@pytest.mark.parametrize("limit", [0.041, 0.045, 0.43, 0.49, 0.1, 0.22, 1.08])
def test_an_axis_of_intervals_has_marks_on_both_sides(limit) -> None:
    labels = [e.text for e in parse(interval_axis(limit)).findall(".//text")]
    assert len(set(labels)) == 3
    assert "0" in labels


def test_intervals_of_nothing_and_of_zero_have_a_scale() -> None:
    assert shared_limit([]) == shared_limit([{"difference": 0, "low": 0, "high": 0}]) == 1.0
    parse(interval_plot({"difference": 0.0, "low": 0.0, "high": 0.0}, shared_limit([])))
    for limit in (1e-6, 0.02, 1.0, 40.0):
        assert "0" in [e.text for e in parse(interval_axis(limit)).findall(".//text")]


def test_training_figures_without_values_are_left_out() -> None:
    assert training_figure("Curves", [], []) is None
    assert training_figure("Curves", [Panel("Loss", [Point(0, None)])], []) is None


@pytest.mark.parametrize(
    "points",
    [
        [Point(0, 0.5)],
        [Point(step, 0.5, "a") for step in range(0, 50, 10)],
        [Point(0, None), Point(10, 0.2, "a"), Point(20, None, "a"), Point(30, 0.1, "b")],
    ],
)
def test_training_figures_of_few_and_constant_points(points) -> None:
    panel = Panel("Loss", points, joined=False, marked=points[0].step, reference=("level", 0.5))
    for bands in ([], [Band("a", 20), Band("b" * 80, 30)]):
        root = parse(training_figure("Curves <of> & one", [panel], bands, best_step=0))
        assert len(root.findall(".//svg")) == 2  # wide and narrow
        assert "nan" not in ElementTree.tostring(root, encoding="unicode")


def test_lines_break_between_stages_unless_joined() -> None:
    points = [Point(10, 3.0, "a"), Point(20, 2.0, "a"), Point(30, 5.0, "b"), Point(40, 4.0, "b")]
    lines = {
        joined: len(
            parse(training_figure("x", [Panel("p", points, joined=joined)], [])).findall(
                ".//path[@class='curve']"
            )
        )
        for joined in (False, True)
    }
    assert lines == {False: 4, True: 2}  # in each of the two widths


def test_similarities_have_a_scale_on_a_phone_as_well() -> None:
    edges = [i / 20 for i in range(21)]
    one = {"right": [0, *[1] * 17, 0, 0], "best_wrong": [0] * 20}
    both = similarity_figure({"edges": edges, "counts": {"identity": one, "cube": one}}, TITLES)
    wide, narrow = ElementTree.fromstring(f"<p>{both}</p>").iter("svg")
    for figure in (wide, narrow):
        assert len(figure.findall(".//text[@class='tick']")) >= 3


def test_similarities_of_one_bin_and_of_none() -> None:
    edges = [-1.0, 0.0, 1.0]
    empty = {"right": [0, 0], "best_wrong": [0, 0]}
    one = {"right": [0, 3], "best_wrong": [0, 0]}
    none = {"edges": edges, "counts": {"identity": empty, "cube": empty}}
    assert similarity_figure(none, TITLES) is None
    parse(similarity_figure({"edges": edges, "counts": {"identity": one, "cube": empty}}, TITLES))
    assert mean_of([1, 3], edges) == 0.25
    assert mean_of([0, 0], edges) is None


def test_strips_of_no_dots_and_of_one() -> None:
    parse(strip("Drift", [], "scores", ("threshold", 0.5), ("new data", 0.5)))
    parse(strip("Drift", [0.5], "scores"))
    parse(strip("Drift", [], "scores"))


def test_share_bars_add_up() -> None:
    assert share_bar("Rows", [("kept", 0), ("rejected", 0)]) is None
    root = parse(share_bar("Rows", [("kept", 90), ("merged", 0), ("rejected", 10)]))
    widths = [float(rect.get("width", "0")) for rect in root.findall(".//rect")]
    assert widths == [360.0, 40.0]


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("percent_y", [False, True])
@pytest.mark.parametrize("points", [[(1, 0.5)], [(1, 0.0), (10, 0.0)], [(3, 0.1), (5, 0.9)]])
def test_lines_lie_within_their_picture(points, percent_y, log_x) -> None:
    axes = Axes("k", "share", log_x=log_x, percent_y=percent_y)
    root = parse(line_figure("Lines", [Series("<one>", "map-cube", points)], axes))
    for picture in root.findall(".//svg"):
        width, height = float(picture.get("width", "0")), float(picture.get("height", "0"))
        circles = picture.findall(".//circle")
        assert len(circles) == len(points)
        for circle in circles:
            assert 0 < float(circle.get("cx", "-1")) < width
            assert 0 < float(circle.get("cy", "-1")) < height
            assert "<one>" in circle.get("data-tip", "")
    assert line_figure("Lines", [Series("none", "map-cube", [])], axes) is None


def test_an_expectation_is_dashed_and_has_its_interval() -> None:
    ahead = Series("expected", "map-cube", [(1, 0.5), (2, 0.6)], {1: (0.4, 0.8)}, expected=True)
    root = parse(line_figure("Lines", [ahead], Axes("pairs", "MRR@10")))
    assert len(root.findall(".//path[@class='stroke expected']")) == 2
    assert len(root.findall(".//line[@class='bar']")) == 6  # a bar with two ends, in both widths


def test_reliability_shows_filled_bins_only() -> None:
    empty = {"low": 0.0, "high": 0.5, "questions": 0, "predicted": None, "right": None}
    filled = {"low": 0.5, "high": 1.0, "questions": 9, "predicted": 0.75, "right": 1.0}
    assert reliability_figure([empty], 0.5) is None
    root = parse(reliability_figure([empty, filled], 0.9))
    assert len(root.findall(".//circle")) == 1
    assert root.findall(".//g[@class='bin']")[0].get("data-tip", "").endswith("9 questions.")


def test_the_map_keeps_proportions_and_sorts_questions_by_what_became_of_them() -> None:
    def point(before: int, after: int, x: float) -> dict:
        return {"text": "<i>", "rank_before": before, "rank_after": after,
                "before": (0.0, 0.0), "after": (x, 0.0), "answer": (x, 2 * x)}  # fmt: skip

    assert embedding_map_figure([]) is None
    parse(embedding_map_figure([point(1, 1, 0.0)]))  # all in one place
    root = parse(embedding_map_figure([point(5, 1, 10.0), point(1, 5, 4.0), point(2, 2, 1.0)]))
    kinds = {g.get("data-series"): len(g.findall("g")) for g in root.findall(".//svg/g")}
    assert kinds == {"answers": 0, "better": 1, "worse": 1, "unchanged": 1}
    svg = root.find(".//svg")
    assert svg is not None
    margins = 28
    width, height = (float(svg.get(side, "0")) - margins for side in ("width", "height"))
    assert height / width == pytest.approx(2, rel=0.01)


def test_slices_show_every_cell_once_and_the_largest_strongest() -> None:
    values = [float(i) for i in range(2 * 3 * 4)]
    slices = slices_figure([2, 3, 4], values)
    assert [z for z, _ in slices] == [0, 1, 2, 3]
    cells = [rect for _, picture in slices for rect in parse(picture).findall(".//rect")]
    assert len({rect.get("data-cell") for rect in cells}) == 24
    strength = {rect.get("data-cell"): float(rect.get("fill-opacity", "0")) for rect in cells}
    assert strength["1 2 3"] == 1.0 and min(strength.values()) == strength["0 0 0"] > 0
    assert slices_figure([1, 1, 1], [0.5])


@pytest.mark.parametrize("shape", [[8, 8, 6], [1, 1, 1], [384, 1, 1], [16, 16, 20]])
def test_the_lattice_stays_within_its_picture(shape) -> None:
    svg = parse(lattice_figure(shape)).find("svg")
    assert svg is not None
    width, height = float(svg.get("width", "0")), float(svg.get("height", "0"))
    for path in svg.findall("path"):
        for pair in path.get("d", "").strip("MZ").split(" L"):
            x, y = map(float, pair.split())
            assert 0 <= x <= width + 0.01 and 0 <= y <= height + 0.01


def test_hostile_and_unprintable_text_stays_text() -> None:
    root = parse(strip("<script>\x00\x08 & ]]>", [0.1], "</svg>", ("a<b", 0.2)))
    assert root.findall(".//script") == []
    assert "<script>" in root.findall(".//svg")[0].get("aria-label", "")
