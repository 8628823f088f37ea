"""Splits: a pure function, no question on both sides, slices that mean what they say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cube.config import SplitConfig
from cube.data.splits import Split, assign_splits, slice_pairs, uniform, wording_key


def keys(values) -> np.ndarray:
    return (np.asarray(values, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)


def faq(groups: int, wordings: int, seed: int = 0):
    group = np.repeat(keys(range(groups)), wordings)
    wording = keys(range(10_000, 10_000 + groups * wordings))
    splits = assign_splits(group, wording, np.zeros(len(group), bool), SplitConfig(seed=seed))
    return group, wording, splits


def test_near_identical_questions_share_a_key():
    assert wording_key("How do I reset my password?") == wording_key("how do i RESET my password")
    assert wording_key("reset, my password!") == wording_key("My password reset")
    assert wording_key("reset my password") != wording_key("change my password")
    assert wording_key("???") == "???"


def test_shares_are_about_what_was_asked_for():
    _, _, splits = faq(2_000, 4)
    config = SplitConfig()
    by_group = splits.reshape(2_000, 4)
    assert abs((by_group == Split.TEST).all(axis=1).mean() - config.unseen_test) < 0.03
    assert abs((by_group == Split.VALIDATION).all(axis=1).mean() - config.unseen_validation) < 0.03
    seen = by_group[(by_group == Split.TRAIN).any(axis=1)]
    # One wording in four always stays in training, so three quarters of the shares remain.
    assert abs((seen == Split.TEST).mean() - 0.75 * config.wording_test) < 0.06


@given(st.integers(0, 50))
def test_every_answer_of_a_new_wording_is_seen_in_training(seed):
    group, _, splits = faq(60, 3, seed)
    slices = slice_pairs(group, np.zeros(len(group), bool), splits, most=len(group))
    trained = set(group[splits == Split.TRAIN].tolist())
    assert set(group[slices["new_wordings"]].tolist()) <= trained
    assert trained.isdisjoint(group[slices["unseen_answers"]].tolist())
    assert len(slices["new_wordings"]) + len(slices["unseen_answers"]) == (splits == 2).sum()


@given(st.integers(0, 50))
def test_every_group_that_is_not_held_out_keeps_a_wording(seed):
    group = np.concatenate([keys(range(40)), keys(range(30)), keys(range(10))])
    shares = SplitConfig(unseen_validation=0, unseen_test=0, wording_test=0.8, seed=seed)
    splits = assign_splits(group, keys(range(1_000, 1_080)), np.zeros(80, bool), shares)
    assert set(group[splits == Split.TRAIN]) == set(group)


def test_one_wording_stays_in_training_however_many_are_held_out():
    group = np.repeat(keys(range(200)), 2)
    shares = SplitConfig(
        unseen_validation=0.1, unseen_test=0.1, wording_validation=0.45, wording_test=0.45
    )
    splits = assign_splits(group, keys(range(1_000, 1_400)), np.zeros(400, bool), shares)
    pairs = slice_pairs(group, np.zeros(400, bool), splits, most=400)
    trained = np.unique(group[splits == Split.TRAIN])
    assert len(trained) > 140
    assert np.isin(group[pairs["new_wordings"]], trained).all()


def test_a_large_slice_is_sampled_the_same_way_every_time():
    group, _, splits = faq(2_000, 4)
    none = np.zeros(len(group), bool)
    all_of_them = slice_pairs(group, none, splits, most=len(group))
    sampled, again = (slice_pairs(group, none, splits, most=150) for _ in range(2))
    for name in ("new_wordings", "unseen_answers"):
        assert len(sampled[name]) == 150
        assert (sampled[name] == again[name]).all()
        assert set(sampled[name].tolist()) < set(all_of_them[name].tolist())
        assert sampled[name].max() > len(group) // 2  # not the first ones


def test_equal_wordings_never_part():
    group = np.repeat(keys(range(50)), 6)
    wording = np.repeat(keys(range(1_000, 1_150)), 2)  # every wording twice
    splits = assign_splits(group, wording, np.zeros(len(group), bool), SplitConfig())
    assert (splits[::2] == splits[1::2]).all()


def test_dialogues_stay_whole_and_keep_their_questions_in_training():
    group = np.repeat(keys(range(300)), 4)
    wording = keys(range(5_000, 6_200))
    is_dialogue = np.zeros(1_200, bool)
    is_dialogue[:600] = True
    splits = assign_splits(group, wording, is_dialogue, SplitConfig()).reshape(300, 4)
    assert (splits[:150] == splits[:150, :1]).all()
    assert set(splits[:150, 0].tolist()) == {0, 1, 2}


def test_order_does_not_matter_and_the_seed_does():
    group, wording, splits = faq(100, 3)
    order = np.random.default_rng(0).permutation(len(group))
    none = np.zeros(len(group), bool)
    assert (assign_splits(group[order], wording[order], none, SplitConfig()) == splits[order]).all()
    other = assign_splits(group, wording, none, SplitConfig(seed=1))
    assert (other != splits).any()


def test_a_pair_keeps_its_split_when_others_are_added():
    group, wording, splits = faq(100, 3)
    few = slice(0, 150)
    none = np.zeros(150, bool)
    assert (assign_splits(group[few], wording[few], none, SplitConfig()) == splits[few]).all()


def test_uniform_is_uniform():
    draws = uniform(keys(range(20_000)), seed=3, salt=1)
    histogram = np.histogram(draws, bins=10, range=(0, 1))[0]
    assert draws.min() >= 0
    assert draws.max() < 1
    assert (abs(histogram - 2_000) < 250).all()


def test_what_a_dialogue_asks_is_nowhere_asked_in_another_split():
    """Every group is a turn, a pair with the turn's own wording, and a pair with another."""
    group = np.repeat(keys(range(300)), 3)
    wording = keys(range(1_000, 1_900))
    wording[1::3] = wording[::3]
    is_dialogue = np.tile([True, False, False], 300)
    splits = assign_splits(group, wording, is_dialogue, SplitConfig()).reshape(300, 3)
    assert (splits[:, 0] == splits[:, 1]).all()
    assert (splits[:, 0] != splits[:, 2]).any()


def test_an_answer_is_known_where_training_has_seen_it_not_where_validation_has():
    answers = np.array([1, 1, 2, 2])
    splits = np.array([Split.VALIDATION, Split.TEST, Split.TRAIN, Split.TEST])
    slices = slice_pairs(answers, np.zeros(4, bool), splits, most=4)
    assert slices["new_wordings"].tolist() == [3]
    assert slices["unseen_answers"].tolist() == [1]
