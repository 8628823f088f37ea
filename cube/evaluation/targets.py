"""The targets the project set out with, each with its value and what doing nothing scores on it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

# What restores corrupted vectors, by its name in an evaluation.
_RESTORERS = {"wiener": "a linear restorer", "autoencoder": "the cube", "final": "the final cube"}


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
    ceiling: float | None = None  # the best that any measured map reaches
    ceiling_name: str = ""
    note: str = ""

    @property
    def out_of_reach(self) -> str:
        """Why the limit cannot be met over this teacher; empty where some map meets it."""
        if self.ceiling is None or self.direction == "below" or self.ceiling > self.limit:
            return ""
        return (
            f"The best map measured ({self.ceiling_name}) reaches {self.ceiling:.3f}: over this "
            f"teacher and these data none that was measured meets {self.limit:g}, however well it "
            "ranks."
        )

    @property
    def met(self) -> bool | None:
        """Whether the value lies on the right side of the limit."""
        if self.value is None:
            return None
        return self.value > self.limit if self.direction == "above" else self.value < self.limit

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "met": self.met, "out_of_reach": self.out_of_reach}


def all_targets(values: dict[str, Any]) -> list[Target]:
    """Return every target.

    Args:
        values: content of evaluation.json without the targets.
    """
    headline, dialogue = values["slices"][values["headline"]], values["dialogue"]
    training, timings = values["training"], values["timings"]
    scores, seeds = headline["scores"], values["stability"]["seeds"]
    cube, identity = scores["cube"], scores["identity"]
    restored = {name: part["cosine"] for name, part in values["restoration"].items()}
    restorers = (name for name in restored if name in _RESTORERS)
    best_restorer = max(restorers, key=restored.__getitem__)
    nearness = dialogue["context_preservation"] if dialogue else {"cube": None, "identity": None}
    best_cosine, best_by_cosine = _best(values, "cosine")
    best_centred, best_by_centred = _best(values, "centred_cosine")
    return [
        Target(
            "Autoencoder cosine", restored.get("autoencoder"), 0.90, "above",
            trivial=restored["corrupted"], trivial_name="the corrupted input itself",
            ceiling=restored[best_restorer], ceiling_name=_RESTORERS[best_restorer],
            note="end of the autoencoder stage, corrupted test questions",
        ),
        Target(
            "Q&A similarity", cube["cosine"], 0.88, "above",
            trivial=scores["mean_answer"]["cosine"], trivial_name="the mean answer",
            ceiling=best_cosine, ceiling_name=best_by_cosine,
            note=f"raw cosine of prediction and answer; the frozen teacher's own questions and "
            f"answers have {identity['cosine']:.3f}",
        ),
        Target(
            "Semantic relevance", cube["centred_cosine"], 0.85, "above",
            trivial=identity["centred_cosine"], trivial_name="the frozen teacher",
            ceiling=best_centred, ceiling_name=best_by_centred,
            note=_beside_random(cube["random_centred_cosine"]),
        ),
        Target(
            "Context preservation", nearness["cube"], 0.80, "above",
            trivial=nearness["identity"], trivial_name="the frozen teacher (copies)",
            note="nearness to the turns before, relative to the true answer's; 1 is like the "
            "reference, more leans towards copying",
        ),
        Target(
            "Loss convergence", training["loss_convergence"], 0.01, "below",
            note="relative change of the mean loss, last epoch to the one before",
        ),
        Target("Memory while training", timings["peak_rss_gb"], 2.0, "below", "GB",
               note="peak resident set of the process that trained, mapped pages included"),
        Target("Time of an epoch", timings["epoch_seconds"], 300.0, "below", "s",
               note="on this CPU"),
        Target("Training speed-up", timings["speedup"], 1.2, "above", "×",
               trivial=1.0, trivial_name="per-sample loader",
               note="samples a second against a plain float32 loop, a gather per sample"),
        Target("Better than random", headline["cube_minus"]["random"]["low"], 0.0, "above",
               " MRR@10", trivial=0.0, trivial_name="a random map",
               note="lower end of the interval; "
               f"{headline['questions']:,} questions, {headline['bank']:,} answers in the bank"),
        Target("Spread over seeds", values["stability"]["spread"], 0.02, "below", " MRR@10",
               note=f"largest minus smallest of {seeds} trainings" if seeds > 1
               else "one training has none; evaluation.extra_seeds adds others"),
        Target("Steps skipped", float(training["skipped_steps"]), 1.0, "below",
               note="steps undone, as the loss exploded or was not finite"),
    ]  # fmt: skip


def _beside_random(cosine: float | None) -> str:
    return "centred cosine" + ("" if cosine is None else f"; a random answer has {cosine:.3f}")


def _best(values: dict[str, Any], measure: str) -> tuple[float, str]:
    """Return the largest value of any system on the headline slice, and its label."""
    scores = values["slices"][values["headline"]]["scores"]
    name = max(scores, key=lambda system: scores[system][measure] or -1.0)
    return scores[name][measure], values["systems"][name]["label"]
