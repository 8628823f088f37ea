"""The shape of `evaluation.json`, every key described.

`python -m cube.evaluation.schema` prints it as JSON Schema; docs/reference holds the result. Every
evaluation is validated against it before it is written, so a report never meets another shape.
"""

import json
import sys
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Text = str


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)


def _at(name: str, k: int, meaning: str) -> Any:
    return Field(alias=f"{name}@{k}", description=meaning.format(k=k))


class Interval(_Part):
    """A paired bootstrap interval over questions."""

    difference: float = Field(description="mean of the differences")
    low: float = Field(description="lower end")
    high: float = Field(description="upper end")


class Scores(_Part):
    """One system on one slice; definitions in docs/metrics.md."""

    mrr_10: Share = _at("mrr", 10, "mean of 1/rank of the first right answer, 0 beyond {k}")
    hit_1: Share = _at("hit", 1, "share of questions with a right answer in the first {k}")
    hit_5: Share = _at("hit", 5, "share of questions with a right answer in the first {k}")
    hit_10: Share = _at("hit", 10, "share of questions with a right answer in the first {k}")
    recall_1: Share = _at("recall", 1, "mean share of a question's right answers in the first {k}")
    recall_5: Share = _at("recall", 5, "mean share of a question's right answers in the first {k}")
    recall_10: Share = _at(
        "recall", 10, "mean share of a question's right answers in the first {k}"
    )
    ndcg_10: Share = _at("ndcg", 10, "normalised discounted cumulative gain of the first {k}")
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


class Group(_Part):
    """A part of a slice."""

    by: Literal["source", "question_length", "script", "turn_depth"] = Field(
        description="what the slice is divided by"
    )
    value: Text = Field(description="which part")
    questions: int = Field(description="questions in it")
    bank: int = Field(description="answers ranked")
    judged: bool = Field(description="whether there are enough questions for a conclusion")
    cube: Share = Field(description="MRR@10 of the cube")
    identity: Share = Field(description="MRR@10 of the frozen teacher")
    cube_minus_identity: Interval = Field(description="their difference")


class RankCurve(_Part):
    """Share of questions answered within the first k."""

    k: list[int] = Field(description="cut-offs")
    found: dict[str, list[Share]] = Field(description="by system, one share a cut-off")


class Slice(_Part):
    """All systems on one slice of the test part."""

    questions: int = Field(description="distinct test questions")
    bank: int = Field(description="answers every question is ranked against")
    single_answer_share: Share = Field(description="questions with one right answer")
    judged: bool = Field(description="whether there are enough questions for the gate")
    scores: dict[str, Scores] = Field(description="by system")
    cube_minus: dict[str, Interval] = Field(description="cube minus system, MRR@10")
    rank_curve: RankCurve | None = Field(None, description="for cube and baselines")
    groups: list[Group] = Field([], description="parts by source, length, script, turn depth")


class System(_Part):
    """A map that was judged."""

    label: Text = Field(description="words for it")
    parameters: int = Field(description="learned numbers")
    ranks_by: Text = Field(description="what its ranking is by")


class Verdict(_Part):
    """The gate's decision."""

    model_config = ConfigDict(extra="allow")

    promote: bool = Field(description="whether the cube may become champion")
    sentence: Text = Field(description="the decision and its reason")
    use_instead: str | None = Field(description="name of the system to use if not promoted")
    warnings: list[Text] = Field(description="what a person should look at")


class Target(_Part):
    """A target of the project."""

    name: Text = Field(description="what is measured")
    value: float | None = Field(description="measured value; null: not measured")
    limit: float = Field(description="the target")
    direction: Literal["above", "below"] = Field(description="side of the limit that is right")
    unit: Text = Field(description="unit of value, limit, trivial and ceiling")
    met: bool | None = Field(description="verdict; null: not measured")
    trivial: float | None = Field(description="what the trivial predictor scores")
    trivial_name: Text = Field(description="which trivial predictor")
    ceiling: float | None = Field(None, description="the best any measured map reaches")
    ceiling_name: Text = Field("", description="which map that is")
    out_of_reach: Text = Field("", description="why the limit cannot be met; empty: it can")
    note: Text = Field(description="how to read it")


class Top(_Part):
    """An answer of the first ones."""

    text: Text = Field(description="the answer")
    score: float = Field(description="cosine with the prediction")
    right: bool = Field(description="whether it is a right one")


class Found(_Part):
    """What one system finds for a question."""

    rank: int = Field(description="rank of the first right answer")
    top: list[Top] = Field(description="first answers")


class Example(_Part):
    """A question that changed."""

    question: Text = Field(description="the question")
    right: list[Text] = Field(description="its right answers")
    before: Found = Field(description="frozen teacher")
    after: Found = Field(description="cube")


class Ablation(_Part):
    """The cube with the turns before, and with those of another dialogue."""

    true: Share = Field(description="MRR@10 with the true context")
    shuffled: Share = Field(description="MRR@10 with the context of another dialogue")
    gain: Interval = Field(description="true minus shuffled")


class Dialogue(_Part):
    """Multi-turn measures on test dialogues."""

    turns: int = Field(description="test turns")
    bank: int = Field(description="answers ranked in the ablation")
    context_preservation: dict[str, float] = Field(description="by system; 1: like the reference")
    coherence: dict[str, Share] = Field(
        description="by system: share of turns whose prediction is nearest to the true next turn "
        "among the turns of its dialogue"
    )
    coherence_chance: Share = Field(description="coherence of guessing")
    ablation: Ablation | None = Field(description="null: the questions hold no context")


class Headroom(_Part):
    """What is to be gained, measured on validation questions before training."""

    questions: int = Field(description="validation questions")
    bank: int = Field(description="answers ranked")
    identity: Share = Field(description="MRR@10 of the frozen teacher")
    linear: Share = Field(description="MRR@10 of the best closed-form map")
    linear_name: Text = Field(description="which map that is")
    gain: Interval = Field(description="closed-form map minus frozen teacher")
    ceiling: Share = Field(description="MRR@10 if only copies of right answers stood before them")
    copied_share: Share = Field(description="questions whose right answer has copies in the bank")
    known_answer_share: Share = Field(description="questions whose answer training has seen")
    likely: Literal["yes", "no", "unsure"] = Field(description="whether an adapter should help")
    sentence: Text = Field(description="the same in words")


class LabelCheck(_Part):
    """Do the answers belong to the questions? Contrastive accuracies; chance 0.5."""

    training: Share = Field(description="frozen teacher on training pairs")
    validation: Share = Field(description="frozen teacher on validation pairs")
    learned: Share = Field(description="best closed-form map on validation pairs")
    suspicious: bool = Field(description="whether training answers look shuffled")
    sentence: Text = Field(description="the same in words")


class LeakExample(_Part):
    """A test question that training nearly holds."""

    test: Text = Field(description="test question")
    training: Text = Field(description="training question")
    similarity: float = Field(description="cosine of the two")


class Leaks(_Part):
    """Test pairs that are in training as near copies."""

    checked: int = Field(description="test pairs looked at")
    leaked: int = Field(description="of these, pairs with a near copy among the training pairs")
    share: Share = Field(description="leaked / checked")
    limit: Share = Field(description="a larger share fails the run")
    examples: list[LeakExample] = Field(description="some of them")


class CurvePoint(_Part):
    """One training of the learning curve."""

    pairs: int = Field(description="training pairs")
    mrr_10: Share = _at("mrr", 10, "of the cube on the slice")


class LearningCurve(_Part):
    """What more data should bring: an extrapolation, not a measurement."""

    slice: Text = Field(description="test slice")
    points: list[CurvePoint] = Field(description="a quarter, a half, all")
    doubled_pairs: int = Field(description="pairs the expectation is for")
    expected: Share = Field(description="MRR@10 expected with that many")
    gain: Interval = Field(description="expected minus measured; over questions, not seeds")
    sentence: Text = Field(description="the same in words")


class ReliabilityBin(_Part):
    """Questions of similar predicted probability."""

    low: Share = Field(description="lower edge")
    high: Share = Field(description="upper edge")
    questions: int = Field(description="questions in it")
    predicted: float | None = Field(description="mean predicted probability; null if empty")
    right: float | None = Field(description="share whose top answer is right; null if empty")


class Confidence(_Part):
    """Calibrated on validation, measured on all test questions."""

    fitted_on: int = Field(description="validation questions")
    questions: int = Field(description="test questions")
    accuracy: Share = Field(description="share whose top answer is right")
    calibration_error: Share = Field(description="expected calibration error over the bins")
    brier: Share = Field(description="mean squared error of the probability")
    threshold: Share = Field(description="below it there is no confident answer")
    answered_share: Share = Field(description="test questions at or above the threshold")
    answered_accuracy: float | None = Field(description="of these, share with a right top answer")
    bins: list[ReliabilityBin] = Field(description="reliability diagram")
    novel_share: Share = Field(description="test questions unlike 99 % of validation questions")


class Cluster(_Part):
    """Failures that resemble each other."""

    words: list[Text] = Field(description="words that tell it from the other questions")
    questions: int = Field(description="failures in it")
    share: Share = Field(description="of all failures")
    examples: list[Text] = Field(description="questions nearest to its centre")


class WrongLabel(_Part):
    """A miss that may be the label's fault."""

    question: Text = Field(description="the question")
    label: Text = Field(description="the answer that counts as right")
    found: Text = Field(description="the cube's top answer")
    similarity: float = Field(description="centred cosine of the two answers")


class Unanswerable(_Part):
    """A question no system comes near to."""

    question: Text = Field(description="the question")
    label: Text = Field(description="the answer that counts as right")
    rank: int = Field(description="its rank for the cube")


class Failures(_Part):
    """What goes wrong on the headline slice."""

    beyond: int = Field(description="a failure is a rank beyond this")
    count: int = Field(description="failures")
    share: Share = Field(description="of all questions")
    clusters: list[Cluster] = Field(description="largest first")
    likely_wrong_labels: list[WrongLabel] = Field(description="most similar first")
    num_likely_wrong_labels: int = Field(description="of all questions")
    unanswerable: list[Unanswerable] = Field(description="worst first")
    num_unanswerable: int = Field(description="questions far from their answer for all systems")


class Restored(_Part):
    """Corrupted test questions after a map."""

    cosine: float = Field(description="mean cosine with the clean vector")
    spearman: float = Field(description="rank correlation of pairwise similarities")


class Point(_Part):
    """A test question on the two main axes of the right answers and predictions."""

    text: Text = Field(description="the question; empty without texts")
    before: tuple[float, float] = Field(description="its own vector")
    after: tuple[float, float] = Field(description="the cube's prediction")
    answer: tuple[float, float] = Field(description="its right answer")
    rank_before: int = Field(description="rank for the frozen teacher")
    rank_after: int = Field(description="rank for the cube")


class EmbeddingMap(_Part):
    """A two-dimensional view (principal components)."""

    explained: Share = Field(description="share of the variance the two axes show")
    points: list[Point] = Field(description="a sample of the headline's questions")


class Movement(_Part):
    """How far the cube moves each cell of the lattice."""

    shape: tuple[int, int, int] = Field(description="X, Y, Z")
    mean_absolute: list[float] = Field(description="X*Y*Z means over test questions, Z fastest")


class Judgement(_Part):
    """What `cube evaluate` and `cube fit` give: systems on slices and the verdict."""

    headline: Text = Field(description="the slice the gate reads")
    verdict: Verdict = Field(description="the gate's decision")
    systems: dict[str, System] = Field(description="by name; `cube` is the challenger")
    slices: dict[str, Slice] = Field(description="by name")


class Evaluation(Judgement):
    """evaluation.json."""

    format: int = Field(description="of this file")
    inputs: Text = Field(description="digest of all that went in")
    run: Text = Field(description="id of the run")
    version: Text = Field(description="version in the registry")
    created: Text = Field(description="when the run began, ISO 8601")
    dimension: int = Field(description="of the embeddings")
    lattice: tuple[int, int, int] = Field(description="sides")
    parameters: int = Field(description="of the cube")
    teacher: Text = Field(description="model of the teacher")
    splits: dict[str, int] = Field(description="pairs by split")
    champion: dict[str, Any] = Field(description="version and note of the champion compared with")
    training: dict[str, Any] = Field(description="content of training.json")
    timings: dict[str, Any] = Field(description="content of timings.json")
    stability: dict[str, Any] = Field(description="MRR@10 over seeds and its spread")
    restoration: dict[str, Restored] = Field(
        description="corrupted, wiener (best linear), autoencoder, final"
    )
    similarities: dict[str, Any] = Field(description="histograms of right and best wrong cosines")
    examples: dict[str, list[Example]] = Field(description="better and worse than the teacher")
    targets: list[Target] = Field(description="every target")
    dialogue: Dialogue | None = Field(None, description="null without test dialogues")
    headroom: Headroom | None = Field(None, description="measured before training")
    label_check: LabelCheck | None = Field(None, description="do answers belong to questions")
    leaks: Leaks | None = Field(None, description="near copies of test pairs in training")
    learning_curve: LearningCurve | None = Field(None, description="null where switched off")
    confidence: Confidence | None = Field(None, description="null with too few questions")
    failures: Failures | None = Field(None, description="error analysis of the headline slice")
    recommendations: list[Text] = Field([], description="what to do next, from the numbers")
    embedding_map: EmbeddingMap | None = Field(None, description="2-D view of the headline slice")
    movement: Movement | None = Field(None, description="which cells move")


def validated(values: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation unchanged after checking its shape.

    Raises:
        pydantic.ValidationError: a fault of this program, never of the data.
    """
    Evaluation.model_validate(values)
    return values


if __name__ == "__main__":
    sys.stdout.write(json.dumps(Evaluation.model_json_schema(), indent=2) + "\n")
