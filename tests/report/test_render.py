import base64
import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from xml.etree import ElementTree

import pytest
from pydantic import TypeAdapter

from cube import storage
from cube.drift.result import not_judged
from cube.errors import DataError
from cube.evaluation.schema import Evaluation
from cube.evaluation.schema.judgement import Group, LeftOut, RankCurve
from cube.report.page import render_page
from cube.report.render import render_report, report_html
from cube.runs import Run
from tests.report.conftest import HOSTILE, evaluation_values, target
from tests.report.full import full_values, hostile
from tests.report.page import Page

MakeRun = Callable[..., Run]
_SECTIONS = [
    "verdict", "baselines", "ranks", "groups", "targets", "outlook", "training", "similarities",
    "confidence", "map", "lattice", "failures", "examples", "data", "measurements", "config",
]  # fmt: skip
_ALWAYS = [
    "verdict", "baselines", "targets", "training", "similarities", "examples", "data",
    "measurements", "config",
]  # fmt: skip


def test_sentences_and_tables_write_numbers_alike(make_run: MakeRun) -> None:
    values = full_values()
    told = "of 2,312 questions 61% are right, -0.066"
    for name in ("headroom", "label_check", "learning_curve"):
        values[name]["sentence"] = told
    values["recommendations"] = [told]
    values["targets"] = [target("Q&A similarity", 0.5, 0.88, note=told, out_of_reach=told)]
    values["verdict"] |= {"sentence": told, "warnings": [told]}
    values["verdict"]["reasons"][1] |= {"asks": told, "measured": told}
    run = make_run(**values)
    run.write("published.json", {"promoted": False, "sentence": told})
    html = report_html(run)
    assert html.count("of 2\u202f312 questions 61\u202f% are right, \u22120.066") == 10
    assert told not in html


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


def test_terms_and_numbers_are_told_apart_where_they_first_stand(make_run: MakeRun) -> None:
    words = " ".join(report_html(make_run(**full_values())).split())
    assert words.index("MRR@10 is the mean of 1 divided by") < words.index("Why: the rules")
    assert "The frozen teacher is the encoder alone, without a cube." in words
    assert "where it holds 0, there may be none." in words[: words.index("Why: the rules")]
    plain = words.replace("\u202f", " ")
    assert (
        "The first answer found is right for <b>31.5 %</b> of the questions (frozen teacher: "
        "28.0 %), one of the first ten for <b>63.0 %</b> (56.0 %)."
    ) in plain
    # Of fewer turns than the table of the slice, so another number.
    assert "where there are more than the one that is answered, MRR@10 is <b>0.240</b>" in words


def test_all_sections_are_there_in_order_and_linked(make_run: MakeRun) -> None:
    page = Page(report_html(make_run(**full_values())))
    assert [name for name in page.ids if name in _SECTIONS] == _SECTIONS
    assert {f"#{name}" for name in _SECTIONS} <= set(page.hrefs)
    assert len(page.ids) == len(set(page.ids))


def test_the_values_of_these_tests_have_the_shape_of_an_evaluation() -> None:
    values = full_values()
    for name, field in Evaluation.model_fields.items():
        if name in values and name not in ("slices", "verdict"):
            TypeAdapter(field.annotation).validate_python(values[name])
    for part in values["slices"].values():
        RankCurve.model_validate(part["rank_curve"])
        TypeAdapter(list[Group]).validate_python(part["groups"])


@pytest.mark.parametrize(("taken", "words"), [(False, "left out."), (True, "taken.")])
def test_trials_are_told(make_run: MakeRun, taken: bool, words: str) -> None:
    run = make_run()
    assert "Tried before" not in report_html(run)
    run.write("trials.json", [])
    assert "Tried before" not in report_html(run)
    trial = {"setting": "core.hub", "value": 128, "gain": 0.0307, "standard_error": 0.0043}
    run.write("trials.json", [{**trial, "taken": taken}])
    html = report_html(run)
    assert "<code>core.hub = 128</code>" in html
    assert f"by +0.031 (standard error 0.004): {words}" in html
    small = {**trial, "gain": 0.00351, "standard_error": 0.00016, "taken": False}
    run.write("trials.json", [{**trial, "taken": taken}, small])
    html = report_html(run)
    assert "by +0.0035 (standard error 0.0002): left out." in html  # no error is 0
    assert html.count("training, beside what was taken so far: <code>") == taken


def test_the_rate_shown_is_the_one_that_was_taken(make_run: MakeRun) -> None:
    run = make_run()
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    events[2]["learning_rate"] = 2.5e-4  # after a return to an earlier state
    (run.folder / "metrics.jsonl").write_text("\n".join(json.dumps(e) for e in events))
    html = render_report(run).read_text("utf-8")
    assert "Learning rate at step 20: 0.001000" in html
    assert "Learning rate at step 40: 0.0002500" in html


def test_the_weights_kept_are_told_by_what_chose_them(make_run: MakeRun) -> None:
    run = make_run()
    html = report_html(run)
    assert "of step 80, chosen on validation by MRR@10: 0.480 against 0.400 before" in html
    assert "kept: step 80, 0.480" in html and "is kept unless it is worse" not in html
    config, metric = run.folder / "config.yaml", "\n  metric: "
    chosen = f"{metric}validation_restored_cosine"
    config.write_text(config.read_text().replace(f"{metric}null", chosen, 1))
    html = report_html(Run(run.folder))
    assert "by the restored cosine: 0.820 against 0.900 before" in html
    assert "Before them it was up to 0.900: what a later stage learned is kept unless" in html
    assert "kept: step 80, 0.820" in html and "kept: step 80, 0.480" not in html
    evaluation = run.read("evaluation.json")
    assert evaluation is not None
    evaluation["training"]["best_step"] = 0
    run.write("evaluation.json", evaluation)
    html = report_html(Run(run.folder))
    assert "No step was better on validation than the untrained cube" in html
    assert "weights kept are those" not in html


def test_failures_are_ranks_beyond_ten_or_wrong_first_answers(make_run: MakeRun) -> None:
    values = full_values()
    assert "have no right answer among the first 10." in report_html(make_run(**values))
    values["failures"]["clusters"][0]["questions"] = 1
    assert "<small>1 question, " in report_html(make_run(**values))
    values["failures"]["beyond"] = 1
    assert "have a wrong answer first." in report_html(make_run(**values))


def test_what_was_chosen_after_the_training_is_told(make_run: MakeRun) -> None:
    run = make_run()
    evaluation = run.read("evaluation.json")
    assert evaluation is not None
    training = evaluation["training"]
    html = report_html(run)
    assert (
        "follow the core in full; a memory of 900 training pairs adds 0.25 times the answers of "
        "near questions and 0.1 times the difference between the question and those; whitening"
    ) in html
    assert "covariance of the answers searched, to the power of &minus;0.3" in html
    training["calibration"]["answers_share"] = -0.25
    run.write("evaluation.json", evaluation)
    assert "adds −0.25 times the answers of near questions" in report_html(run)
    training["calibration"] |= {"strength": 0.5, "memory_pairs": 0, "whitening": 0.0}
    run.write("evaluation.json", evaluation)
    html = report_html(run)
    assert "at a strength of 0.5; no memory of training pairs; no whitening." in html
    training["calibration"]["strength"] = 0.0
    run.write("evaluation.json", evaluation)
    assert "answers start from the frozen teacher and do not follow the core;" in report_html(run)
    del training["calibration"]
    run.write("evaluation.json", evaluation)
    assert "Chosen on validation after" not in report_html(run)


def test_that_large_slices_are_sampled_is_told(make_run: MakeRun) -> None:
    run = make_run()
    evaluation = run.read("evaluation.json")
    assert evaluation is not None
    assert "drawn at random" not in report_html(run)
    evaluation["splits"]["test"] = run.config.evaluation.max_pairs + 1
    run.write("evaluation.json", evaluation)
    assert "more than 10,000 test pairs, so many are judged" in report_html(run).replace(
        "\N{NARROW NO-BREAK SPACE}", ","
    )


def test_sections_without_numbers_are_left_out_and_named(make_run: MakeRun) -> None:
    html = report_html(make_run())
    page = Page(html)
    assert [name for name in page.ids if name in _SECTIONS] == _ALWAYS
    assert {href for href in page.hrefs if href[1:] in _SECTIONS} == {f"#{n}" for n in _ALWAYS}
    rest = html[html.index("Not in this report") :]
    for words in ("Rank curve", "Parts of the test", "Outlook", "Confidence", "Map", "Error"):
        assert words in rest
    assert "Parts of the test: the questions are all of one source, length and script." in rest
    assert "Not in this report" not in report_html(make_run(**full_values()))


def test_the_document_is_well_formed_and_accessible(make_run: MakeRun) -> None:
    page = Page(report_html(make_run(**full_values())))
    assert page.open == []
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert page.tables_without_caption == 0


def test_nothing_is_loaded_from_anywhere(make_run: MakeRun) -> None:
    html = report_html(make_run(**full_values()))
    page = Page(html)
    assert page.loads == ["data:,"]
    addresses = re.findall(r"https?://[^\"' ]+", html)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}  # the name of SVG, loaded by nobody
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|innerHTML", html)


def test_only_the_reports_own_script_may_run(make_run: MakeRun) -> None:
    html = report_html(make_run())
    page = Page(html)
    digest = base64.b64encode(hashlib.sha256("".join(page.scripts).encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert unescape(policy[1]).endswith(f"script-src 'sha256-{digest}'")
    assert "default-src 'none'" in unescape(policy[1])


def test_hostile_text_is_escaped_everywhere(make_run: MakeRun) -> None:
    run = make_run(**hostile(full_values()))
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
    page = Page(html)
    assert html.count("<script") == 1 and "<img" not in html
    assert page.handlers == []
    assert page.open == []
    assert "&lt;script&gt;alert" in html


def test_every_figure_is_valid_xml_with_a_name(make_run: MakeRun) -> None:
    html = report_html(make_run(**full_values()))
    figures = re.findall(r'<svg [^>]*class="figure.*?</svg>', html, re.DOTALL)
    assert len(figures) > 20
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert root.get("role") == "img"
        assert root.get("aria-label")


def test_an_order_of_too_few_questions_is_a_dash(make_run: MakeRun) -> None:
    restored = {"cosine": 0.88, "spearman": None}
    html = report_html(make_run(restoration={"corrupted": restored}))
    assert '<td class="num">0.880</td><td class="num">–</td>' in html


def test_parts_that_are_left_out_are_counted(make_run: MakeRun) -> None:
    values = full_values()
    assert "Left out" not in report_html(make_run(**values))
    rest = {"by": "source", "parts": 8, "questions": 39}
    values["slices"]["new_wordings"]["groups_left_out"] = [
        LeftOut.model_validate(rest).model_dump()
    ]
    html = report_html(make_run(**values))
    assert (
        "Shown: the 1 of 9 with the most questions, equal ones by name. "
        "Left out: 8, with 39 questions together."
    ) in html
    assert html.count("Left out: ") == 1


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


def test_the_gates_reasons_and_the_advice_stand_with_the_verdict(make_run: MakeRun) -> None:
    html = report_html(make_run(**full_values()))
    section = html[html.index('id="verdict"') : html.index('id="baselines"')]
    assert "surely better than the frozen teacher" in section
    assert "✓</span> met" in section
    assert "–</span> warning" in section  # a failed rule that does not refuse
    assert "Check the labels first." in section


def test_the_registry_has_the_last_word_and_its_promotions_are_shown(make_run: MakeRun) -> None:
    run = make_run()
    sentence = "Not promoted: it was rolled back by Ada: complaints"
    run.write("published.json", {"promoted": False, "sentence": sentence})
    entry = {"at": "2026-01-02T03:04:05+00:00", "version": "v1", "previous": "v2",
             "reason": HOSTILE, "kind": "forced", "by": HOSTILE}  # fmt: skip
    folder = run.config.home / "models" / "small"
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text(json.dumps(entry) + "\n")
    html = report_html(run)
    assert 'class="stamp bad"' in html and "It was rolled back by Ada: complaints" in html
    assert "forced</span> by &lt;script&gt;" in html
    assert html.count("<script") == 1 and "<img" not in html


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


def test_why_context_was_not_ablated_holds_for_the_last_turn_alone(make_run: MakeRun) -> None:
    values = full_values()
    values["dialogue"]["ablation"] = None  # as with data.context: last, however many dialogues
    assert "questions that are made of such turns as well (data.context)" in report_html(
        make_run(**values)
    )


def test_counts_and_orders_are_called_what_they_are(make_run: MakeRun) -> None:
    html = report_html(make_run(**full_values()))
    assert "1 of 40 test pairs outside dialogues have a near copy" in html  # turns may repeat
    assert "<b>150</b> vectors stand for their questions, answers, contexts" in html
    assert "distinct texts" not in html  # a turn before and after others has several vectors
    run = make_run()
    run.write("run.json", {**run.facts, "cache_hits": 20, "cache_misses": 100})
    vectors = run.vectors.manifest | {"context_vectors": 30, "fidelity": None}
    storage.write_json(run.config.home / "vectors" / "v0" / "manifest.json", vectors)
    told = "encoded <b>100</b> texts for this run and the cache gave <b>20</b>; <b>30</b> are made"
    assert told in report_html(Run(run.folder))  # 150 in all
    assert "whose reciprocal rank (1 divided by the rank" in html  # 1 to 2 is more than 9 to 60
    assert "nor pairs that are kept to be looked up (kNN, the cube's memory)" in html


def test_too_few_questions_prove_nothing_anywhere(make_run: MakeRun) -> None:
    values = full_values()
    html = report_html(make_run(**values))
    assert "the cube is better" in html and "From too few questions" not in html
    values["slices"]["new_wordings"]["judged"] = False
    html = report_html(make_run(**values))
    assert "too few to judge" in html and "the cube is better" not in html
    assert "From too few questions to judge." in html  # what twice the data would bring


def test_headroom_shows_no_map_where_the_teacher_is_the_best(make_run: MakeRun) -> None:
    values = full_values()
    meter = '<span class="meter map-ridge"'
    assert meter in report_html(make_run(**values))
    values["headroom"] |= {"linear": 0.4, "linear_name": "frozen teacher (identity)"}
    assert meter not in report_html(make_run(**values))


@pytest.mark.parametrize(("share", "words"), [(0.025, "few leaks"), (0.06, "leaks")])
def test_leaks_beyond_the_limit_are_heard(make_run: MakeRun, share: float, words: str) -> None:
    values = full_values()
    values["leaks"]["share"] = share  # the sign before the words and their colour are seen only
    assert f"</span> {words}</span>" in report_html(make_run(**values))
    values["leaks"] |= {"checked": 0, "leaked": 0, "share": 0.0}
    html = report_html(make_run(**values))
    assert "Not looked for: all test pairs are turns of dialogues." in html
    assert "0 of 0" not in html


def test_what_was_observed_is_written_as_all_numbers(make_run: MakeRun) -> None:
    known = {"type": "expect_table_row_count_to_be_between", "column": None, "kwargs": {},
             "severity": "warning", "description": "Enough pairs.", "success": False,
             "unexpected_count": 1234, "examples": []}  # fmt: skip
    suite = {
        "suite": "pairs",
        "success": True,
        "rows": 2030,
        "expectations": [{**known, "observed": value} for value in (2030, 0.123456, "some text")],
    }
    run = make_run()
    run.write("validation/pairs.json", suite)
    own = render_page("validation.html", run="r", results=[{**suite, "data_docs": None}])
    for html in (report_html(run), own):
        for words in (">2\u202f030", ">0.1235", ">some text", "1\u202f234"):
            assert words in html
        assert "1234<" not in html and ">1234" not in html


def test_the_spread_is_written_as_its_target_is(make_run: MakeRun) -> None:
    stability = {"seeds": 2, "mrr@10": [0.4, 0.402374], "spread": 0.002374}
    targets = [target("Spread over seeds", 0.002374, 0.02, unit="MRR@10")]
    html = report_html(make_run(stability=stability, targets=targets))
    assert html.count("<b>0.00237") == 2


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
    described = {**expectation, "success": True, "description": "Every pair has a question."}
    run.write(
        "validation/other.json",
        {"suite": "other", "success": True, "rows": 9, "expectations": [described]},
    )
    kind = "<small>column values to not be null</small>"
    assert f"Every pair has a question. {kind}" in report_html(run)
    suite = run.read("validation/pairs.json")
    run.write("validation/pairs.json", {**(suite or {}), "rows": 1})
    assert "1 not met, 1 row<" in report_html(run)
    assert html.index("table row count") < html.index("column values to not be null")
    words = " ".join(html[html.index("<h3>Drift</h3>") :].split())
    assert "200 new questions against 1 000 known ones (training questions). Read" in words
    assert words.count("add them with their answers to data.sources and train again") == 1
    assert words.count("> drift</span>") == words.count("> no drift</span>") == 1
    assert ">0.871</td>" in words and "threshold 0.561" in words and "0.5 by chance" in words


def test_drift_that_could_not_be_judged(make_run: MakeRun) -> None:
    run = make_run()
    unjudged = drift(judged=False, drifted=False, score=None, threshold=None, null_scores=[])
    unjudged["judgements"] = []
    run.write("drift/drift.json", {**unjudged, "note": "Too few rows."})
    html = report_html(run)
    assert "not judged" in html and "Too few rows." in html


def test_drift_against_nothing_counts_no_rows(make_run: MakeRun) -> None:
    run = make_run()
    run.write("drift/drift.json", not_judged("No such file."))
    html = report_html(run)
    assert "No such file." in html and "new questions against" not in html


def drift(**changes: object) -> dict[str, object]:
    return {
        "judged": True,
        "drifted": True,
        "score": 0.871,
        "threshold": 0.561,
        "metric": "domain classifier AUC",
        "reference": "training questions",
        "reference_rows": 1000,
        "current_rows": 200,
        "null_scores": [0.5, 0.52, 0.49],
        "judgements": [
            {"method": name, "score": score, "threshold": 0.561, "drifted": score > 0.561}
            for name, score in (("domain classifier AUC", 0.871), ("texts: digits", 0.1))
        ],
        "note": "",
        **changes,
    }
