"""Train, validation and test as a pure function of texts and seed.

Two things must never lie on both sides of a cut: wordings of one question that are nearly the
same, and, for the slice of unseen answers, the answer itself. So pairs are first joined into
groups (by near-identical answer or question; a dialogue is one piece), whole groups are held
out, and only then single wordings of the remaining groups.
"""

from enum import IntEnum
from functools import lru_cache

import numpy as np
from jaxtyping import Int8, UInt64

from cube.config import SplitConfig
from cube.data.cleaning import caseless_words
from cube.sampling import sampled


class Split(IntEnum):
    """Where a pair belongs."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


SLICES = ("new_wordings", "unseen_answers", "dialogue_turns")


@lru_cache(maxsize=2)  # a question with a list of answers comes once for each of them
def wording_key(text: str) -> str:
    """Return what near-identical texts have in common: their set of words, caseless."""
    return " ".join(sorted(set(caseless_words(text)))) or text


def uniform(keys: UInt64[np.ndarray, " n"], seed: int, salt: int) -> np.ndarray:
    """Map 64-bit keys to uniform numbers in [0, 1), the same in every process.

    The mixer is SplitMix64 (Steele, Lea & Flood 2014).
    """
    offset = (seed * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) % 2**64
    with np.errstate(over="ignore"):
        x = keys + np.uint64(offset)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53


def assign_splits(
    group: UInt64[np.ndarray, " n"],
    wording: UInt64[np.ndarray, " n"],
    is_dialogue: np.ndarray,
    config: SplitConfig,
) -> Int8[np.ndarray, " n"]:
    """Return the Split of every pair.

    Args:
        group: key of the pair's group; pairs with one key share answers or questions.
        wording: key of the pair's question; near-identical questions share it.
        is_dialogue: whether the pair comes from a dialogue, which is never cut.
        config: shares and seed.
    """
    splits = np.full(len(group), Split.TRAIN, np.int8)
    fate = uniform(group, config.seed, salt=1)
    splits[fate < config.unseen_test + config.unseen_validation] = Split.VALIDATION
    splits[fate < config.unseen_test] = Split.TEST

    draw = uniform(wording, config.seed, salt=2)
    free = (splits == Split.TRAIN) & ~_anchored(group, wording, draw, is_dialogue)
    splits[free & (draw < config.wording_test + config.wording_validation)] = Split.VALIDATION
    splits[free & (draw < config.wording_test)] = Split.TEST
    return splits


def slice_pairs(
    answers: np.ndarray, is_dialogue: np.ndarray, splits: np.ndarray, most: int
) -> dict[str, np.ndarray]:
    """Return the test pairs by slice, told apart by what training really saw.

    Of a slice of more than `most` pairs a random sample is kept, the same every time.

    Args:
        answers: what each pair's answer is known by; what near-identical ones share, they are one.
        is_dialogue: whether a pair comes from a dialogue.
        splits: the Split of every pair.
        most: pairs of a slice.
    """
    held_out = splits == Split.TEST
    seen = np.isin(answers, answers[splits == Split.TRAIN])
    masks = (
        held_out & ~is_dialogue & seen,
        held_out & ~is_dialogue & ~seen,
        held_out & is_dialogue,
    )
    return {
        name: sampled(np.flatnonzero(mask), most) for name, mask in zip(SLICES, masks, strict=True)
    }


def _anchored(
    group: np.ndarray, wording: np.ndarray, draw: np.ndarray, is_dialogue: np.ndarray
) -> np.ndarray:
    """Mark the pairs that stay in training if their group does.

    Those are turns of dialogues, questions that a dialogue also asks, and in every group the
    wording with the highest draw: an answer is only "seen" if something of it is trained on.
    """
    names, number = np.unique(group, return_inverse=True)
    highest = np.zeros(len(names))
    np.maximum.at(highest, number, draw)
    anchored = is_dialogue | np.isin(wording, wording[is_dialogue])
    return anchored | (draw == highest[number])
