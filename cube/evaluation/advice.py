"""What to do next, in plain sentences, each derived from a number of the evaluation."""

from collections.abc import Iterator
from typing import Any

from cube.evaluation.verdict import SLICE_NAMES

_MANY = 0.02  # share of questions from which a fault of the data is worth a person's time
_BARELY = 0.005  # MRR@10 that makes no difference


def recommendations(values: dict[str, Any]) -> list[str]:
    """Return what the numbers of an evaluation ask for, most urgent first.

    Args:
        values: content of evaluation.json without the recommendations.
    """
    return [
        *_about_data(values),
        *_about_more_data(values),
        *_about_serving(values),
        *_about_parts(values),
        *_about_training(values),
    ]


def _about_data(values: dict[str, Any]) -> Iterator[str]:
    labels, leaks, failures = (values[name] for name in ("label_check", "leaks", "failures"))
    questions = values["slices"][values["headline"]]["questions"]
    if labels and labels["suspicious"]:
        yield f"Check how questions and answers were joined. {labels['sentence']}"
    if leaks and leaks["leaked"]:
        yield (
            f"Remove near copies: {leaks['leaked']:,} of {leaks['checked']:,} test pairs are "
            "nearly in training (data.filters.near_duplicates: minhash)."
        )
    headroom = values["headroom"]
    if headroom and headroom["copied_share"] > _MANY:
        yield (
            f"Merge equal answers: {headroom['copied_share']:.0%} of validation questions have a "
            "right answer with copies in the bank that count as wrong; without them MRR@10 could "
            f"reach 1 instead of {headroom['ceiling']:.2f}."
        )
    if failures["num_likely_wrong_labels"] > _MANY * questions:
        yield (
            f"Look at the labels first: {failures['num_likely_wrong_labels']:,} of {questions:,} "
            "questions are answered with nearly the text that counts as right."
        )
    if failures["num_unanswerable"] > _MANY * questions:
        yield (
            f"Read the questions no system answers ({failures['num_unanswerable']:,} of "
            f"{questions:,}): they may need their context, or have the wrong answer."
        )


def _about_more_data(values: dict[str, Any]) -> Iterator[str]:
    curve, headroom = values["learning_curve"], values["headroom"]
    if not values["slices"][values["headline"]]["judged"]:
        curve = None  # too few questions for a line through their scores
    if curve and curve["gain"]["low"] > 0:
        yield f"Collect more pairs. {curve['sentence']}"
    elif curve and curve["gain"]["high"] < _BARELY:
        yield "More pairs of the same kind should change little: the learning curve does not rise."
    if headroom and headroom["likely"] == "no":
        yield f"Consider doing without an adapter. {headroom['sentence']}"


def _about_serving(values: dict[str, Any]) -> Iterator[str]:
    confidence = values["confidence"] if values["verdict"]["promote"] else None
    if confidence and (confidence["answered_accuracy"] or 0) > confidence["accuracy"]:
        yield (
            f"Answer only from a probability of {confidence['threshold']:.0%}: "
            f"{confidence['answered_share']:.0%} of test questions are then answered and "
            f"{confidence['answered_accuracy']:.0%} of those answers are right, instead of "
            f"{confidence['accuracy']:.0%} of all."
        )
    scores = values["slices"][values["headline"]]["scores"]
    ours, theirs = scores["cube"]["hub_skewness"], scores["identity"]["hub_skewness"]
    if ours > 1.5 * theirs and ours > 1:
        yield (
            f"Watch for hubs: some answers come up far more often than others, more so than for "
            f"the frozen teacher (skewness {ours:.1f} against {theirs:.1f})."
        )


def _about_parts(values: dict[str, Any]) -> Iterator[str]:
    parts = [(n, g) for n, part in values["slices"].items() for g in part["groups"] if g["judged"]]
    for name, group in parts:
        against = group["cube_minus_identity"]
        if against["high"] < 0:
            yield (
                f"Add pairs like those of {group['by'].replace('_', ' ')} {group['value']!r}: "
                f"on {SLICE_NAMES[name]} the cube is worse there than the frozen teacher "
                f"({against['difference']:+.3f} on {group['questions']:,} questions), if that is "
                f"not chance: {len(parts)} parts were looked at."
            )
    dialogue = values["dialogue"]
    turns = values["slices"].get("dialogue_turns")
    told = dialogue and dialogue["ablation"] and turns and turns["judged"]
    if told and dialogue["ablation"]["gain"]["high"] < _BARELY:
        yield (
            "Try data.context: last. With the turns before taken from another dialogue the cube "
            "does no worse, so they do not help."
        )


def _about_training(values: dict[str, Any]) -> Iterator[str]:
    training, stability = values["training"], values["stability"]
    gain = values["slices"][values["headline"]]["cube_minus"]["identity"]["difference"]
    still_gaining = training["best_step"] > training["steps"] - 2 * training["steps_per_epoch"]
    change = training["loss_convergence"]
    if still_gaining and change is not None and change > 0.01:
        yield (
            f"Train longer: the loss still changed by {change:.1%} in the last epoch, and the best "
            "weights are among the last."
        )
    if stability["spread"] is not None and stability["spread"] > abs(gain):
        yield (
            f"Do not read much into this run: seeds differ by {stability['spread']:.3f} MRR@10, "
            f"the gain over the frozen teacher is {gain:+.3f}."
        )
