"""The tables on a terminal."""

from collections.abc import Callable

from cube.report.terminal import print_summary
from cube.runs import Run
from tests.report.conftest import evaluation_values


def test_a_system_without_vectors_has_a_dash_for_its_cosines(
    make_run: Callable[..., Run], capsys
) -> None:
    slices = evaluation_values()["slices"]
    for part in slices.values():
        part["scores"]["ridge_raw"] |= {"cosine": None, "centred_cosine": None}
    print_summary(make_run(slices=slices))
    rows = [line for line in capsys.readouterr().out.splitlines() if "ridge" in line]
    assert len(rows) == 2 and all(row.count("–") == 2 for row in rows)


def test_a_slice_of_few_questions_is_not_taken_for_a_result(
    make_run: Callable[..., Run], capsys
) -> None:
    slices = evaluation_values()["slices"]
    slices["unseen_answers"] |= {"questions": 8, "judged": False}
    print_summary(make_run(slices=slices))
    titles = [line for line in capsys.readouterr().out.splitlines() if "questions, " in line]
    assert ["too few to judge" in title for title in titles] == [False, True]


def test_the_registry_has_the_last_word(make_run: Callable[..., Run], capsys) -> None:
    run = make_run()
    print_summary(run)
    assert "rolled back" not in capsys.readouterr().out
    run.write("published.json", {"promoted": False, "sentence": "Not promoted: rolled back."})
    print_summary(run)
    printed = capsys.readouterr().out
    assert "The gate says yes: on new wordings" in printed and "Promoted:" not in printed
    assert "Not promoted: rolled back." in printed
    run.write("published.json", {"promoted": True, "sentence": "Promoted: better."})
    print_summary(run)
    assert "Promoted: on new wordings" in capsys.readouterr().out
