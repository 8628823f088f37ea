"""The targets: which number of an evaluation each reads, and where its limit lies."""

import pytest

from cube.evaluation.targets import all_targets


def evaluation() -> dict:
    def scores(number: float) -> dict:
        return {"cosine": number, "centred_cosine": number / 2, "random_centred_cosine": 0.01}

    return {
        "headline": "new_wordings",
        "slices": {
            "new_wordings": {
                "questions": 248,
                "bank": 836,
                "scores": {
                    "cube": scores(0.42),
                    "identity": scores(0.4),
                    "ridge": scores(0.6),
                    "mean_answer": scores(0.5),
                },
                "cube_minus": {"random": {"low": 0.3}},
            }
        },
        "systems": {name: {"label": name} for name in ("cube", "identity", "ridge", "mean_answer")},
        "dialogue": {"context_preservation": {"cube": 0.9, "identity": 1.2}},
        "restoration": {
            "corrupted": {"cosine": 0.95},
            "wiener": {"cosine": 0.905},
            "autoencoder": {"cosine": 0.898},
            "final": {"cosine": 0.89},
        },
        "training": {"loss_convergence": 0.008, "skipped_steps": 0},
        "timings": {"peak_rss_gb": 1.4, "epoch_seconds": 0.02, "speedup": 1.5},
        "stability": {"seeds": 3, "spread": 0.004},
    }


@pytest.mark.parametrize(
    ("name", "value", "asked", "met", "trivial", "ceiling"),
    [
        ("Autoencoder cosine", 0.898, "above 0.9", False, 0.95, 0.905),
        ("Q&A similarity", 0.42, "above 0.88", False, 0.5, 0.6),
        ("Semantic relevance", 0.21, "above 0.85", False, 0.2, 0.3),
        ("Context preservation", 0.9, "above 0.8", True, 1.2, None),
        ("Loss convergence", 0.008, "below 0.01", True, None, None),
        ("Memory while training", 1.4, "below 2", True, None, None),
        ("Time of an epoch", 0.02, "below 300", True, None, None),
        ("Training speed-up", 1.5, "above 1.2", True, 1, None),
        ("Better than random", 0.3, "above 0", True, 0, None),
        ("Spread over seeds", 0.004, "below 0.02", True, None, None),
        ("Steps skipped", 0, "below 1", True, None, None),
    ],
)
def test_every_target_has_its_number_and_its_limit(name, value, asked, met, trivial, ceiling):
    target = {target.name: target for target in all_targets(evaluation())}[name]
    assert (target.value, f"{target.direction} {target.limit:g}") == (value, asked)
    assert (target.met, target.trivial, target.ceiling) == (met, trivial, ceiling)


def test_what_was_not_measured_is_neither_met_nor_missed():
    values = evaluation()
    values["dialogue"] = None
    values["training"]["loss_convergence"] = values["timings"]["speedup"] = None
    del values["restoration"]["autoencoder"]
    missing = {target.name for target in all_targets(values) if target.met is None}
    assert missing == {
        "Autoencoder cosine", "Context preservation", "Loss convergence", "Training speed-up",
    }  # fmt: skip


def test_the_final_cube_is_told_from_the_one_that_only_restores():
    values = evaluation()
    values["restoration"]["final"]["cosine"] = 0.91  # more than the target's own value
    assert all_targets(values)[0].ceiling_name == "the final cube"
