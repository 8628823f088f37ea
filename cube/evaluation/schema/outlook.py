"""What is known before and beyond one training: headroom, labels, leaks, more data."""

from typing import Literal

from pydantic import Field

from cube.evaluation.schema.part import Interval, Part, Share, at


class Headroom(Part):
    """What is to be gained, measured on validation questions before training."""

    questions: int = Field(description="validation questions")
    bank: int = Field(description="answers ranked")
    identity: Share = Field(description="MRR@10 of the frozen teacher")
    linear: Share = Field(description="MRR@10 of the best closed-form map")
    linear_name: str = Field(description="which map that is")
    gain: Interval = Field(description="closed-form map minus frozen teacher")
    resamples: int = Field(description="bootstrap samples of the gain's interval")
    confidence: Share = Field(description="mass of the gain's interval")
    ceiling: Share = Field(description="MRR@10 if only copies of right answers stood before them")
    copied_share: Share = Field(description="questions whose right answer has copies in the bank")
    known_answer_share: Share = Field(description="questions whose answer training has seen")
    likely: Literal["yes", "no", "unsure"] = Field(description="whether an adapter should help")
    sentence: str = Field(description="the same in words")


class LabelCheck(Part):
    """Do the answers belong to the questions? Contrastive accuracies; chance 0.5."""

    training: Share = Field(description="frozen teacher on training pairs")
    validation: Share = Field(description="frozen teacher on validation pairs")
    learned: Share = Field(description="best closed-form map on validation pairs")
    suspicious: bool = Field(description="whether training answers look shuffled")
    sentence: str = Field(description="the same in words")


class LeakExample(Part):
    """A test question that training nearly holds."""

    test: str = Field(description="test question")
    training: str = Field(description="training question")
    similarity: float = Field(description="cosine of the two")


class Leaks(Part):
    """Test pairs that are in training as near copies."""

    checked: int = Field(description="test pairs looked at")
    leaked: int = Field(description="of these, pairs with a near copy among the training pairs")
    share: Share = Field(description="leaked / checked")
    limit: Share = Field(description="a larger share fails the run")
    examples: list[LeakExample] = Field(description="some of them")


class CurvePoint(Part):
    """One training of the learning curve."""

    pairs: int = Field(description="training pairs")
    mrr_10: Share = at("mrr", 10, "of the cube on the slice")


class LearningCurve(Part):
    """What more data should bring: an extrapolation, not a measurement."""

    slice: str = Field(description="test slice")
    points: list[CurvePoint] = Field(description="a quarter, a half, all")
    doubled_pairs: int = Field(description="pairs the expectation is for")
    expected: Share = Field(description="MRR@10 expected with that many")
    gain: Interval = Field(description="expected minus measured; over questions, not seeds")
    sentence: str = Field(description="the same in words")
