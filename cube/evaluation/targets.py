"""The targets the project set out with, each with its value and what doing nothing scores on it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Target:
    """One target. `met` is None where a value is missing."""

    name: str
    value: float | None
    limit: float
    direction: Literal["above", "below"]
    unit: str = ""
    trivial: float | None = None  # what the named trivial predictor scores on the same measure
    trivial_name: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value lies on the right side of the limit."""
        if self.value is None:
            return None
        return self.value > self.limit if self.direction == "above" else self.value < self.limit

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "met": self.met}


def all_targets(facts: dict[str, Any]) -> list[Target]:
    """Return every target.

    Args:
        facts: measured values by name, None where not measured: see `cube.evaluation.evaluate`.
    """
    bank = f"{facts['questions']} questions, {facts['bank']} answers in the bank"
    return [
        Target(
            "Autoencoder cosine", facts["restored"], 0.90, "above",
            trivial=facts["corrupted"], trivial_name="the corrupted input itself",
            note="end of the autoencoder stage, corrupted test questions",
        ),
        Target(
            "Q&A similarity", facts["cosine"], 0.88, "above",
            trivial=facts["mean_answer_cosine"], trivial_name="the mean answer",
            note=f"raw cosine of prediction and answer; the frozen teacher's own questions and "
            f"answers have {facts['identity_cosine']:.2f}. Ranking and raw cosine are different "
            "goals: a limit above what the teacher's geometry allows cannot be met by ranking well",
        ),
        Target(
            "Semantic relevance", facts["centred_cosine"], 0.85, "above",
            trivial=facts["identity_centred_cosine"], trivial_name="the frozen teacher",
            note=f"centred cosine; a random answer has {facts['random_centred_cosine']:.2f}",
        ),
        Target(
            "Context preservation", facts["context"], 0.80, "above",
            trivial=facts["identity_context"], trivial_name="the frozen teacher (copies)",
            note="nearness to the turns before, relative to the true answer's; 1 is like the "
            "reference, more leans towards copying",
        ),
        Target(
            "Loss convergence", facts["loss_convergence"], 0.01, "below",
            note="relative change of the mean loss, last epoch to the one before",
        ),
        Target("Memory while training", facts["peak_rss_gb"], 2.0, "below", "GB",
               note="peak resident set of the process that trained, mapped pages included"),
        Target("Time of an epoch", facts["epoch_seconds"], 300.0, "below", "s", note="on this CPU"),
        Target("Training speed-up", facts["speedup"], 1.2, "above", "×",
               trivial=1.0, trivial_name="per-sample loader",
               note="samples a second against a plain loop with one gather per sample, same run"),
        Target("Better than random", facts["over_random"], 0.0, "above", " MRR@10",
               trivial=0.0, trivial_name="a random map",
               note=f"lower end of the interval; {bank}"),
        Target("Spread over seeds", facts["spread"], 0.02, "below", " MRR@10",
               note=f"largest minus smallest of {facts['seeds']} trainings"),
        Target("Steps skipped", float(facts["skipped_steps"]), 1.0, "below",
               note="steps whose loss or gradient was not finite"),
    ]  # fmt: skip
