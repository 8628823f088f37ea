"""What is measured besides ranking the slices, and what goes wrong."""

from typing import Literal

from pydantic import Field

from cube.evaluation.schema.part import Interval, Part, Share


class Target(Part):
    """A target of the project."""

    name: str = Field(description="what is measured")
    value: float | None = Field(description="measured value; null: not measured")
    limit: float = Field(description="the target")
    direction: Literal["above", "below"] = Field(description="side of the limit that is right")
    unit: str = Field(description="unit of value, limit, trivial and ceiling")
    met: bool | None = Field(description="verdict; null: not measured")
    trivial: float | None = Field(description="what the trivial predictor scores")
    trivial_name: str = Field(description="which trivial predictor")
    ceiling: float | None = Field(None, description="the best any measured map reaches")
    ceiling_name: str = Field("", description="which map that is")
    out_of_reach: str = Field("", description="why the limit cannot be met; empty: it can")
    note: str = Field(description="how to read it")


class Top(Part):
    """An answer of the first ones."""

    text: str = Field(description="the answer")
    score: float = Field(description="cosine with the prediction")
    right: bool = Field(description="whether it is a right one")


class Found(Part):
    """What one system finds for a question."""

    rank: int = Field(description="rank of the first right answer")
    top: list[Top] = Field(description="first answers")


class Example(Part):
    """A question that changed."""

    question: str = Field(description="the question")
    right: list[str] = Field(description="its right answers")
    before: Found = Field(description="frozen teacher")
    after: Found = Field(description="cube")


class Ablation(Part):
    """The cube with the turns before, and with those of another dialogue."""

    true: Share = Field(description="MRR@10 with the true context")
    shuffled: Share = Field(description="MRR@10 with the context of another dialogue")
    gain: Interval = Field(description="true minus shuffled")


class Dialogue(Part):
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


class ReliabilityBin(Part):
    """Questions of similar predicted probability."""

    low: Share = Field(description="lower edge")
    high: Share = Field(description="upper edge")
    questions: int = Field(description="questions in it")
    predicted: float | None = Field(description="mean predicted probability; null if empty")
    right: float | None = Field(description="share whose top answer is right; null if empty")


class Confidence(Part):
    """Calibrated on validation, measured on all test questions.

    Each is asked of the bank, and of the bank without its right answers.
    """

    fitted_on: int = Field(description="validation questions")
    questions: int = Field(description="test questions")
    accuracy: Share = Field(description="share whose top answer is right, of the bank")
    right_share: Share = Field(description="the same over all that was asked")
    calibration_error: Share = Field(description="expected calibration error over the bins")
    brier: Share = Field(description="mean squared error of the probability")
    threshold: Share = Field(description="below it there is no confident answer")
    answered_share: Share = Field(description="test questions at or above the threshold")
    answered_accuracy: float | None = Field(description="of these, share with a right top answer")
    answered_without: float | None = Field(
        description="share at or above it where the right answers were left out; null: of none"
    )
    bins: list[ReliabilityBin] = Field(description="reliability diagram")
    novel_share: Share = Field(description="test questions unlike 99 % of validation questions")


class Cluster(Part):
    """Failures that resemble each other."""

    words: list[str] = Field(description="words that tell it from the other questions")
    questions: int = Field(description="failures in it")
    share: Share = Field(description="of the failures clustered, a sample of many")
    examples: list[str] = Field(description="questions nearest to its centre")


class WrongLabel(Part):
    """A miss that may be the label's fault."""

    question: str = Field(description="the question")
    label: str = Field(description="the answer that counts as right")
    found: str = Field(description="the cube's top answer")
    similarity: float = Field(description="centred cosine of the two answers")


class Unanswerable(Part):
    """A question no system comes near to."""

    question: str = Field(description="the question")
    label: str = Field(description="the answer that counts as right")
    rank: int = Field(description="its rank for the cube")


class Failures(Part):
    """What goes wrong on the headline slice."""

    beyond: int = Field(description="a failure is a rank beyond this")
    count: int = Field(description="failures")
    share: Share = Field(description="of all questions")
    clusters: list[Cluster] = Field(description="largest first")
    likely_wrong_labels: list[WrongLabel] = Field(description="most similar first")
    num_likely_wrong_labels: int = Field(description="of all questions")
    unanswerable: list[Unanswerable] = Field(description="worst first")
    num_unanswerable: int = Field(description="questions far from their answer for all systems")


class Restored(Part):
    """Corrupted test questions after a map."""

    cosine: float = Field(description="mean cosine with the clean vector")
    spearman: float | None = Field(
        description="rank correlation of pairwise similarities; null: fewer than three questions, "
        "or all equally similar"
    )


class Point(Part):
    """A test question on the two main axes of the right answers and predictions."""

    text: str = Field(description="the question; empty without texts")
    before: tuple[float, float] = Field(description="its own vector")
    after: tuple[float, float] = Field(description="the cube's prediction")
    answer: tuple[float, float] = Field(description="its right answer")
    rank_before: int = Field(description="rank for the frozen teacher")
    rank_after: int = Field(description="rank for the cube")


class EmbeddingMap(Part):
    """A two-dimensional view (principal components)."""

    explained: Share = Field(description="share of the variance the two axes show")
    points: list[Point] = Field(description="a sample of the headline's questions")


class Movement(Part):
    """How far the cube moves each cell of the lattice."""

    shape: tuple[int, int, int] = Field(description="X, Y, Z")
    mean_absolute: list[float] = Field(description="X*Y*Z means over test questions, Z fastest")
