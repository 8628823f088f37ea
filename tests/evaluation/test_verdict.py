"""The gate: promotes what is surely better and no worse than what is there, and says why not."""

from cube.config import GateConfig
from cube.evaluation.schema.part import Interval
from cube.evaluation.targets import Target
from cube.evaluation.verdict import judge

UP = Interval(difference=0.1, low=0.05, high=0.15)
DOWN = Interval(difference=-0.1, low=-0.15, high=-0.05)
LEVEL = Interval(difference=0.0, low=-0.05, high=0.05)
UNSURE = Interval(difference=-0.01, low=-0.05, high=0.03)
LABELS = {"identity": "frozen teacher", "dense": "dense map", "champion": "champion v1"}
SCORES = {"cube": 0.5, "identity": 0.4, "dense": 0.45, "champion": 0.6}


def verdict(questions=100, others=None, gate=None, alternative=UP, **intervals):
    others = others or {}
    return judge(
        "new_wordings", questions, SCORES, LABELS, intervals, alternative, others, 30, gate
    )


def test_promotes_what_is_surely_better():
    result = verdict(identity=UP, dense=LEVEL)
    assert result.promote
    assert "0.500" in result.sentence
    assert "+0.050 to +0.150" in result.sentence


def test_refuses_what_may_be_no_better_than_the_teacher():
    result = verdict(identity=LEVEL, dense=UP)
    assert not result.promote
    assert result.use_instead == "dense"


def test_what_to_use_instead_is_surely_better_than_the_teacher():
    result = verdict(identity=LEVEL, dense=UP, alternative=LEVEL)
    assert result.use_instead == "identity"
    assert "use the frozen teacher, as dense map (MRR@10 0.450) is not surely" in result.sentence
    result = verdict(identity=LEVEL, alternative=LEVEL)
    assert result.sentence.endswith("; use the frozen teacher.")
    assert verdict(identity=LEVEL, dense=UP, champion=LEVEL).use_instead == "champion"


def test_refuses_what_is_worse_than_champion_or_best_baseline():
    assert verdict(identity=UP, dense=UP, champion=DOWN).use_instead == "champion"
    assert verdict(identity=UP, dense=DOWN).use_instead == "dense"
    assert verdict(identity=UP, dense=UP, champion=LEVEL).promote
    assert verdict(identity=UP, dense=UNSURE).promote  # not surely worse


def test_refuses_to_judge_few_questions():
    result = verdict(questions=29, identity=UP)
    assert not result.promote
    assert "29 test questions are too few" in result.sentence
    assert result.sentence.endswith("until there are about 1.1 times as many pairs.")
    assert verdict(questions=30, identity=UP).promote
    assert "1 test question is too few" in verdict(questions=1, identity=UP).sentence


def test_warns_of_a_slice_that_got_worse():
    result = verdict(identity=UP, others={"unseen_answers": DOWN})
    assert result.promote
    assert "never seen" in result.warnings[0]
    assert verdict(identity=UP, others={"unseen_answers": LEVEL}).warnings == []


def test_every_rule_is_a_reason_with_what_it_asked_and_what_was_measured():
    reasons = verdict(questions=9, identity=LEVEL, dense=DOWN, champion=UP).reasons
    assert [(reason.rule, reason.passed) for reason in reasons] == [
        ("enough_questions", False),
        ("over_identity", False),
        ("no_worse_than_champion", True),
        ("no_worse_than_best_baseline", False),
    ]
    assert reasons[3].measured == "-0.100, interval -0.150 to -0.050"


def test_the_rules_are_those_of_the_config():
    assert not verdict(identity=UP, gate=GateConfig(margin=0.06)).promote
    assert verdict(identity=UP, dense=DOWN, gate=GateConfig(no_worse_than=["champion"])).promote
    strict = GateConfig(other_slices="refuse")
    refused = verdict(identity=UP, others={"unseen_answers": DOWN}, gate=strict)
    assert not refused.promote
    assert "never seen" in refused.sentence
    assert verdict(identity=UP, others={"unseen_answers": LEVEL}, gate=strict).promote


def test_a_target_is_met_missed_or_not_measured():
    assert Target("x", 0.91, 0.9, "above").met is True
    assert Target("x", 0.9, 0.9, "above").met is False
    assert Target("x", 1.0, 2.0, "below").met is True
    assert Target("x", None, 2.0, "below").met is None
