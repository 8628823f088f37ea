import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cube.errors import DataError
from cube.report.render import render_report, report_html
from cube.runs import Run
from tests.report.conftest import HOSTILE, evaluation_values, target

MakeRun = Callable[..., Run]
_VOID = {"meta", "link", "br", "img", "hr", "input"}
_SECTIONS = [
    "verdict", "baselines", "targets", "training", "similarities", "examples", "data",
    "measurements", "config",
]  # fmt: skip


class _Page(HTMLParser):
    """Headings, ids, attributes that load something, and whether every tag is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.hrefs: list[str] = []
        self.open: list[str] = []
        self.tables_without_caption = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.tables_without_caption += (tag == "table") - (tag == "caption")
        self.handlers += [name for name in values if name.startswith("on")]
        self.loads += [str(values[name]) for name in ("src", "srcset", "data") if name in values]
        if "id" in values:
            self.ids.append(str(values["id"]))
        if "href" in values:
            (self.loads if tag in ("link", "use", "image") else self.hrefs).append(
                str(values["href"])
            )

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_written_where_runs_keep_it(make_run: MakeRun) -> None:
    run = make_run()
    path = render_report(run)
    assert path == run.folder / "report" / "index.html"
    assert path.stat().st_size < 300_000
    assert path.read_text("utf-8") == report_html(run)


def test_a_run_without_evaluation_says_what_to_do(make_run: MakeRun) -> None:
    run = make_run()
    (run.folder / "evaluation.json").unlink()
    with pytest.raises(DataError, match="evaluate it first"):
        render_report(run)


def test_all_sections_are_there_in_order_and_linked(make_run: MakeRun) -> None:
    page = _Page(report_html(make_run()))
    assert [name for name in page.ids if name in _SECTIONS] == _SECTIONS
    assert {f"#{name}" for name in _SECTIONS} <= set(page.hrefs)
    assert len(page.ids) == len(set(page.ids))


def test_the_document_is_well_formed_and_accessible(make_run: MakeRun) -> None:
    page = _Page(report_html(make_run()))
    assert page.open == []
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert page.tables_without_caption == 0


def test_nothing_is_loaded_from_anywhere(make_run: MakeRun) -> None:
    html = report_html(make_run())
    page = _Page(html)
    assert page.loads == ["data:,"]
    assert "script" not in page.tags
    assert not re.search(r"@import|url\(|https?://", html)


def test_hostile_text_is_escaped_everywhere(make_run: MakeRun) -> None:
    run = make_run()
    run.write(
        "validation/pairs.json",
        {
            "suite": HOSTILE,
            "success": False,
            "rows": 3,
            "expectations": [
                {
                    "type": "expect_column_values_to_not_be_null",
                    "column": HOSTILE,
                    "kwargs": {"regex": HOSTILE},
                    "severity": "critical",
                    "success": False,
                    "observed": HOSTILE,
                    "unexpected_count": 1,
                    "examples": [HOSTILE],
                }
            ],
        },
    )
    run.write("drift/drift.json", drift(note=HOSTILE, reference=HOSTILE, metric=HOSTILE))
    html = report_html(run)
    page = _Page(html)
    assert "<script" not in html and "<img" not in html
    assert page.handlers == []
    assert "&lt;script&gt;alert" in html


def test_every_figure_is_valid_xml_with_a_name(make_run: MakeRun) -> None:
    figures = re.findall(r'<svg [^>]*class="figure.*?</svg>', report_html(make_run()), re.DOTALL)
    assert len(figures) > 10
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert root.get("role") == "img"
        assert root.get("aria-label") == root.findtext("title") != ""


def test_the_headline_slice_comes_first_and_slices_name_their_size(make_run: MakeRun) -> None:
    html = report_html(make_run())
    first, second = html.index('id="slice-1"'), html.index('id="slice-2"')
    assert "New wordings of known answers" in html[first : first + 200]
    assert "<b>248</b> questions, <b>836</b> answers in the bank" in html[first:second]
    assert "Recall@k equals Hit@k" in html[first:second]
    assert "Recall@k equals Hit@k" not in html[second:]
    assert "87.5\N{NARROW NO-BREAK SPACE}% of the questions have one right answer" in html[second:]
    assert "Too few questions to judge" in html[second:]


def test_a_promotion_looks_like_one(make_run: MakeRun) -> None:
    html = report_html(make_run())
    assert 'class="stamp good"' in html
    assert "On new wordings the cube scores more." in html
    assert "<title>Promoted: small" in html


def test_a_negative_verdict_looks_negative(make_run: MakeRun) -> None:
    verdict = {
        "promote": False,
        "sentence": "Not promoted: use ridge regression instead.",
        "use_instead": "ridge_raw",
        "warnings": ["On another slice the cube is worse."],
    }
    html = report_html(make_run(verdict=verdict))
    assert 'class="stamp bad"' in html
    assert "✕</span> Not promoted" in html
    assert "Use ridge regression instead." in html
    assert "On another slice the cube is worse." in html
    assert 'class="stamp good"' not in html


def test_targets_show_each_verdict(make_run: MakeRun) -> None:
    html = report_html(make_run())
    section = html[html.index('id="targets"') : html.index('id="training"')]
    assert "<b>1</b> met, <b>1</b> not met, <b>1</b> not measured" in section
    assert "✕</span> not met" in section
    assert "–</span> not measured" in section
    assert "(meets it too)" in section  # the trivial predictor of a target nobody measured


def test_missing_measurements_are_said_to_be_missing(make_run: MakeRun) -> None:
    run = make_run(
        stability={"seeds": 1, "mrr@10": [0.4], "spread": None},
        restoration={},
        timings=None,
        examples={"better": [], "worse": []},
        targets=[target("Context preservation", None, 0.8)],
    )
    (run.folder / "metrics.jsonl").unlink()
    html = report_html(run)
    for sentence in (
        "No learning curve was recorded.",
        "Validation was not run.",
        "Drift was not measured.",
        "Restoration was not measured.",
        "Context preservation was not measured",
        "one seed was trained",
        "No question of this slice gained.",
        "No question of this slice lost.",
        "not measured</td>",
    ):
        assert sentence in html, sentence
    assert "../validation/" not in html and "../drift/" not in html


def test_measures_that_only_some_evaluations_have_get_a_column(make_run: MakeRun) -> None:
    slices = evaluation_values()["slices"]
    assert "nDCG@10" not in report_html(make_run())
    for values in slices["new_wordings"]["scores"].values():
        values["ndcg@10"] = 0.5
    assert "nDCG@10" in report_html(make_run(slices=slices))


def test_validation_and_drift_are_summed_up_and_linked(make_run: MakeRun) -> None:
    run = make_run()
    expectation = {
        "type": "expect_column_values_to_not_be_null",
        "column": "question",
        "kwargs": None,
        "severity": "critical",
        "observed": None,
        "unexpected_count": None,
        "examples": None,
    }
    failed = {**expectation, "type": "expect_table_row_count_to_be_between", "success": False}
    run.write(
        "validation/pairs.json",
        {
            "suite": "pairs",
            "success": False,
            "rows": 10,
            "expectations": [{**expectation, "success": True}, failed],
        },
    )
    run.write("validation/other.json", ["not a suite"])
    run.write("drift/drift.json", drift())
    for page in ("validation/index.html", "drift/drift.html"):
        (run.folder / page).write_text("")
    html = report_html(run)
    assert 'href="../validation/index.html"' in html
    assert 'href="../drift/drift.html"' in html
    assert "2 expectations, 1 not met, 10 rows" in html
    assert html.index("table row count") < html.index("column values to not be null")
    assert "drifted" in html and "0.871" in html and "threshold 0.561" in html


def test_drift_that_could_not_be_judged(make_run: MakeRun) -> None:
    run = make_run()
    unjudged = drift(judged=False, drifted=False, score=None, threshold=None, null_scores=[])
    run.write("drift/drift.json", {**unjudged, "note": "Too few rows."})
    html = report_html(run)
    assert "not judged" in html and "Too few rows." in html


def drift(**changes: object) -> dict[str, object]:
    return {
        "judged": True,
        "drifted": True,
        "score": 0.871,
        "threshold": 0.561,
        "metric": "domain classifier ROC AUC",
        "reference": "training questions",
        "reference_rows": 1000,
        "current_rows": 200,
        "null_scores": [0.5, 0.52, 0.49],
        "note": "",
        **changes,
    }
