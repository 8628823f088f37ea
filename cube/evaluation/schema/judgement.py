"""Systems on slices and the verdict: what `cube fit` and `cube evaluate` give."""

from typing import Literal

from pydantic import Field

from cube.evaluation.schema.part import Interval, Part, Share, at


class Scores(Part):
    """One system on one slice; definitions in docs/metrics.md."""

    mrr_10: Share = at("mrr", 10, "mean of 1/rank of the first right answer, 0 beyond {k}")
    hit_1: Share = at("hit", 1, "share of questions with a right answer in the first {k}")
    hit_5: Share = at("hit", 5, "share of questions with a right answer in the first {k}")
    hit_10: Share = at("hit", 10, "share of questions with a right answer in the first {k}")
    recall_1: Share = at("recall", 1, "mean share of a question's right answers in the first {k}")
    recall_5: Share = at("recall", 5, "mean share of a question's right answers in the first {k}")
    recall_10: Share = at("recall", 10, "mean share of a question's right answers in the first {k}")
    ndcg_10: Share = at("ndcg", 10, "normalised discounted cumulative gain of the first {k}")
    one_of_100: Share = Field(
        alias="1-of-100", description="chance that a right answer is first among 100 candidates"
    )
    contrastive_accuracy: Share = Field(
        description="share of wrong answers farther than the right one"
    )
    never_retrieved: Share = Field(
        description="share of the bank in no question's first 10, among as many as fit there"
    )
    hub_skewness: float = Field(
        description="skewness of how often an answer is among the first 10; 0 without hubs"
    )
    cosine: float | None = Field(description="mean cosine of prediction and right answer")
    centred_cosine: float | None = Field(description="the same less the mean training answer")
    random_centred_cosine: float | None = Field(
        description="centred cosine with a wrong answer instead"
    )
    relevance_margin: float | None = Field(description="centred_cosine minus random_centred_cosine")
    alignment: float | None = Field(
        description="mean squared distance of unit prediction and unit answer"
    )
    uniformity: float | None = Field(
        description="log of the mean exp(-2 squared distance) of pairs of predictions"
    )


class Group(Part):
    """A part of a slice."""

    by: Literal["source", "question_length", "script", "turn_depth"] = Field(
        description="what the slice is divided by"
    )
    value: str = Field(description="which part")
    questions: int = Field(description="questions in it")
    bank: int = Field(description="answers ranked")
    judged: bool = Field(description="whether there are enough questions for a conclusion")
    cube: Share = Field(description="MRR@10 of the cube")
    identity: Share = Field(description="MRR@10 of the frozen teacher")
    cube_minus_identity: Interval = Field(description="their difference")


class LeftOut(Part):
    """Parts beside the groups, which are those of most questions, equal ones by name."""

    by: Literal["source", "question_length", "script", "turn_depth"] = Field(
        description="what the slice is divided by"
    )
    parts: int = Field(description="smaller parts that are not shown")
    questions: int = Field(description="questions in them, together")


class RankCurve(Part):
    """Share of questions answered within the first k."""

    k: list[int] = Field(description="cut-offs")
    found: dict[str, list[Share]] = Field(description="by system, one share a cut-off")


class Slice(Part):
    """All systems on one slice of the test part."""

    questions: int = Field(description="distinct test questions")
    bank: int = Field(description="answers every question is ranked against")
    single_answer_share: Share = Field(description="questions with one right answer")
    judged: bool = Field(description="whether there are enough questions for the gate")
    scores: dict[str, Scores] = Field(description="by system")
    cube_minus: dict[str, Interval] = Field(description="cube minus system, MRR@10")
    rank_curve: RankCurve | None = Field(None, description="for cube and baselines")
    groups: list[Group] = Field([], description="parts by source, length, script, turn depth")
    groups_left_out: list[LeftOut] = Field([], description="what was too much to show of them")


class System(Part):
    """A map that was judged."""

    label: str = Field(description="words for it")
    parameters: int = Field(description="learned numbers")
    ranks_by: str = Field(description="what its ranking is by")


class Reason(Part):
    """One rule of the gate."""

    rule: str = Field(description="name of the rule")
    asks: str = Field(description="what it asks")
    measured: str = Field(description="what was measured")
    passed: bool = Field(description="whether that is enough")
    refusal: str | None = Field(description="why a cube that fails it is kept out; null: it warns")
    use_instead: str | None = Field(description="name of the system to use then")
    interval: Interval | None = Field(description="what was compared; null: nothing was")


class Verdict(Part):
    """The gate's decision."""

    promote: bool = Field(description="whether the cube may become champion")
    sentence: str = Field(description="the decision and its reason")
    use_instead: str | None = Field(description="name of the system to use if not promoted")
    warnings: list[str] = Field(description="what a person should look at")
    reasons: list[Reason] = Field(description="every rule of the gate")


class Judgement(Part):
    """What `cube evaluate` and `cube fit` give: systems on slices and the verdict."""

    headline: str = Field(description="the slice the gate reads")
    verdict: Verdict = Field(description="the gate's decision")
    systems: dict[str, System] = Field(description="by name; `cube` is the challenger")
    slices: dict[str, Slice] = Field(description="by name")
