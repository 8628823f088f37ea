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


def all_targets(facts: dict[str, Any]) -> list[Target]:
    """Return every target.

    Args:
        facts: measured values by name, None where not measured: see `target_facts`.
    """
    bank = f"{facts['questions']} questions, {facts['bank']} answers in the bank"
    return [
        Target(
            "Autoencoder cosine", facts["restored"], 0.90, "above",
            trivial=facts["corrupted"], trivial_name="the corrupted input itself",
            ceiling=facts["best_restored"][0], ceiling_name=facts["best_restored"][1],
            note="end of the autoencoder stage, corrupted test questions",
        ),
        Target(
            "Q&A similarity", facts["cosine"], 0.88, "above",
            trivial=facts["mean_answer_cosine"], trivial_name="the mean answer",
            ceiling=facts["best_cosine"][0], ceiling_name=facts["best_cosine"][1],
            note=f"raw cosine of prediction and answer; the frozen teacher's own questions and "
            f"answers have {facts['identity_cosine']:.2f}. Ranking and raw cosine are different "
            "goals: a limit above what the teacher's geometry allows cannot be met by ranking well",
        ),
        Target(
            "Semantic relevance", facts["centred_cosine"], 0.85, "above",
            trivial=facts["identity_centred_cosine"], trivial_name="the frozen teacher",
            ceiling=facts["best_centred_cosine"][0], ceiling_name=facts["best_centred_cosine"][1],
            note=_beside_random(facts["random_centred_cosine"]),
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
               note="samples a second against a plain float32 loop, a gather per sample"),
        Target("Better than random", facts["over_random"], 0.0, "above", " MRR@10",
               trivial=0.0, trivial_name="a random map",
               note=f"lower end of the interval; {bank}"),
        Target("Spread over seeds", facts["spread"], 0.02, "below", " MRR@10",
               note=f"largest minus smallest of {facts['seeds']} trainings" if facts["seeds"] > 1
               else "one training has none; evaluation.extra_seeds adds others"),
        Target("Steps skipped", float(facts["skipped_steps"]), 1.0, "below",
               note="steps undone, as the loss exploded or was not finite"),
    ]  # fmt: skip


def _beside_random(cosine: float | None) -> str:
    return "centred cosine" + ("" if cosine is None else f"; a random answer has {cosine:.2f}")


def target_facts(values: dict[str, Any]) -> dict[str, Any]:
    """Return the measured values that `all_targets` asks for.

    Args:
        values: content of evaluation.json without the targets.
    """
    headline, dialogue = values["slices"][values["headline"]], values["dialogue"]
    scores = headline["scores"]
    restored = {name: part["cosine"] for name, part in values["restoration"].items()}
    nearness = dialogue["context_preservation"] if dialogue else {"cube": None, "identity": None}
    best_restored = max(
        (name for name in restored if name != "corrupted"), key=restored.__getitem__
    )
    restorers = {
        "wiener": "a linear restorer",
        "autoencoder": "the cube",
        "final": "the cube",
    }
    return {
        "questions": headline["questions"],
        "bank": headline["bank"],
        "restored": restored.get("autoencoder"),
        "corrupted": restored["corrupted"],
        "best_restored": (restored[best_restored], restorers[best_restored]),
        "cosine": scores["cube"]["cosine"],
        "identity_cosine": scores["identity"]["cosine"],
        "mean_answer_cosine": scores["mean_answer"]["cosine"],
        "best_cosine": _best(values, scores, "cosine"),
        "centred_cosine": scores["cube"]["centred_cosine"],
        "identity_centred_cosine": scores["identity"]["centred_cosine"],
        "random_centred_cosine": scores["cube"]["random_centred_cosine"],
        "best_centred_cosine": _best(values, scores, "centred_cosine"),
        "context": nearness["cube"],
        "identity_context": nearness["identity"],
        "loss_convergence": values["training"]["loss_convergence"],
        "skipped_steps": values["training"]["skipped_steps"],
        "peak_rss_gb": values["timings"]["peak_rss_gb"],
        "epoch_seconds": values["timings"]["epoch_seconds"],
        "speedup": values["timings"]["speedup"],
        "over_random": headline["cube_minus"]["random"]["low"],
        "spread": values["stability"]["spread"],
        "seeds": values["stability"]["seeds"],
    }


def _best(values: dict[str, Any], scores: dict[str, Any], measure: str) -> tuple[float, str]:
    """Return the largest value of any system and its label."""
    name = max(scores, key=lambda system: scores[system][measure] or -1.0)
    return scores[name][measure], values["systems"][name]["label"]
