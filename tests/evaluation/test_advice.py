"""Every recommendation appears for the numbers that call for it, and not otherwise."""

import copy

import pytest

from cube.evaluation.advice import recommendations
from cube.evaluation.targets import Target

QUIET = {
    "headline": "new_wordings",
    "slices": {
        "new_wordings": {
            "questions": 200,
            "judged": True,
            "scores": {"cube": {"hub_skewness": 1.0}, "identity": {"hub_skewness": 1.0}},
            "cube_minus": {"identity": {"difference": 0.05}},
            "groups": [
                {"by": "source", "value": "faq", "questions": 50, "judged": True,
                 "cube_minus_identity": {"difference": 0.05, "low": 0.01, "high": 0.09}},
            ],
        },
        "dialogue_turns": {"judged": True, "groups": []},
    },
    "label_check": {"suspicious": False, "sentence": "Fine."},
    "leaks": {"leaked": 0, "checked": 200},
    "failures": {"num_likely_wrong_labels": 1, "num_unanswerable": 1},
    "headroom": {"copied_share": 0.0, "ceiling": 1.0, "likely": "yes", "sentence": "Room."},
    "learning_curve": {"gain": {"low": -0.01, "high": 0.03}, "sentence": "Twice."},
    "verdict": {"promote": True},
    "confidence": None,
    "dialogue": {"ablation": {"gain": {"high": 0.03}}},
    "training": {
        "loss_convergence": 0.001, "best_step": 290, "steps": 300, "steps_per_epoch": 10,
    },
    "stability": {"spread": 0.002},
}  # fmt: skip


def changed(path: str, value):
    values = copy.deepcopy(QUIET)
    *parents, last = path.split(".")
    part = values
    for name in parents:
        part = part[name]
    part[last] = value
    return values


def test_numbers_that_call_for_nothing_give_no_advice():
    assert recommendations(QUIET) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("label_check", {"suspicious": True, "sentence": "Shuffled."}, "joined. Shuffled."),
        ("leaks.leaked", 2, "2 of 200 test pairs"),
        ("headroom.copied_share", 0.2, "20% of validation questions"),
        ("headroom.likely", "no", "without an adapter. Room."),
        ("failures.num_likely_wrong_labels", 9, "9 of 200"),
        ("failures.num_unanswerable", 9, "9 of 200"),
        ("learning_curve.gain", {"low": 0.01, "high": 0.03}, "Collect more pairs. Twice."),
        ("learning_curve.gain", {"low": -0.01, "high": 0.001}, "change little"),
        (
            "confidence",
            {"threshold": 0.5, "answered_share": 0.4, "answered_accuracy": 0.9, "accuracy": 0.6},
            "from a probability of 50%: 40% of test questions are then answered and 90%",
        ),
        ("slices.new_wordings.scores.cube", {"hub_skewness": 4.0}, "hubs"),
        ("dialogue.ablation.gain.high", 0.004, "data.context: last"),
        ("training.loss_convergence", 0.05, "5.0%"),
        ("stability.spread", 0.1, "seeds differ by 0.100"),
    ],
)
def test_each_number_has_its_sentence(path, value, words):
    advice = recommendations(changed(path, value))
    assert len(advice) == 1
    assert words in advice[0]


def test_a_cube_that_should_not_serve_is_not_told_when_to_answer():
    known = {"threshold": 0.5, "answered_share": 0.4, "answered_accuracy": 0.9, "accuracy": 0.6}
    refused = changed("confidence", known)
    refused["verdict"]["promote"] = False
    assert recommendations(refused) == []


def test_a_part_that_got_worse_is_named():
    values = copy.deepcopy(QUIET)
    group = values["slices"]["new_wordings"]["groups"][0]
    group["cube_minus_identity"] = {"difference": -0.1, "low": -0.2, "high": -0.01}
    assert "source 'faq': on new wordings of known answers" in recommendations(values)[0]
    group["judged"] = False
    assert recommendations(values) == []


def test_a_target_that_no_map_meets_says_so():
    target = Target("x", 0.5, 0.88, "above", ceiling=0.64, ceiling_name="kNN")
    assert "kNN" in target.out_of_reach
    assert Target("x", 0.5, 0.88, "above", ceiling=0.9, ceiling_name="kNN").out_of_reach == ""
    assert Target("x", 0.5, 0.88, "above").out_of_reach == ""


def test_too_few_questions_say_nothing_about_more_data():
    values = changed("learning_curve.gain", {"low": 0.0, "high": 0.0})
    values["slices"]["new_wordings"]["judged"] = False
    assert recommendations(values) == []


def test_longer_is_advised_only_where_the_best_weights_are_the_last():
    values = changed("training.loss_convergence", 0.05)
    values["training"]["best_step"] = 200
    assert recommendations(values) == []


def test_seeds_that_agree_on_a_loss_are_no_reason_for_doubt():
    assert (
        recommendations(changed("slices.new_wordings.cube_minus.identity.difference", -0.15)) == []
    )


def test_a_threshold_that_gains_nothing_is_not_advised():
    confidence = {
        "threshold": 0.5,
        "answered_share": 0.8,
        "answered_accuracy": 0.6,
        "accuracy": 0.6,
    }
    assert recommendations(changed("confidence", confidence)) == []


def test_too_few_turns_say_nothing_about_context():
    values = changed("dialogue.ablation.gain.high", 0.0)
    values["slices"]["dialogue_turns"]["judged"] = False
    assert recommendations(values) == []
