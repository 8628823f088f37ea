"""The table of keys against a dictionary, groups against plain union-find."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cube.data.groups import join_groups, untie_dialogues
from cube.data.histogram import Histogram, draw
from cube.data.key_table import GrowingArray, KeyTable

small = st.integers(0, 40)


@given(st.lists(st.lists(st.tuples(small, small), max_size=60), max_size=12))
def test_keys_are_numbered_like_a_dictionary_would(batches):
    table, plain = KeyTable(capacity=4), {}
    for batch in batches:
        seen_before = len(plain)
        expected = [plain.setdefault(key, len(plain)) for key in batch]
        numbers, new = table.add(np.array(batch, np.uint64).reshape(-1, 2))
        assert numbers.tolist() == expected
        first = {}
        for i, number in enumerate(expected):
            first.setdefault(number, i)
        wanted = {i for number, i in first.items() if number >= seen_before}
        assert set(np.flatnonzero(new).tolist()) == wanted
    assert len(table) == len(plain)


def test_many_keys():
    keys = np.random.default_rng(0).integers(0, 2**63, (200_000, 2), np.uint64)
    table = KeyTable()
    for start in range(0, len(keys), 8_192):
        table.add(keys[start : start + 8_192])
    numbers, new = table.add(keys)
    assert not new.any()
    np.testing.assert_array_equal(numbers, np.arange(len(keys)))


def slow_groups(pieces, wordings):
    groups = [{p} for p in pieces]
    for i, a in enumerate(wordings):
        for j, b in enumerate(wordings):
            if a == b or pieces[i] == pieces[j]:
                groups[i] |= groups[j]
    while True:
        merged = [set().union(*(h for h in groups if h & g)) for g in groups]
        if merged == groups:
            return [min(g) for g in groups]
        groups = merged


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=14))
def test_groups_are_those_of_union_find(pairs):
    pieces, wordings = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    assert join_groups(pieces, wordings).tolist() == slow_groups(pieces.tolist(), wordings.tolist())


def test_a_growing_array_keeps_what_was_appended():
    array = GrowingArray(np.int32)
    for i in range(100):
        array.extend(np.arange(i * 1_000, (i + 1) * 1_000))
    np.testing.assert_array_equal(array.values, np.arange(100_000))


@given(st.lists(st.integers(0, 5_000), min_size=1))
def test_histograms_count_everything(values):
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    result = histogram.to_json()
    assert result["count"] == len(values) == sum(part["count"] for part in result["bins"])
    assert (result["min"], result["max"]) == (min(values), max(values))
    for part in result["bins"]:
        assert part["count"] == sum(part["from"] <= v <= part["to"] for v in values)
    assert len(draw(result)) == len(result["bins"])


def test_what_many_dialogues_say_ties_none_of_them():
    dialogues, hello = np.repeat(np.arange(10, 16, dtype=np.uint64), 2), np.uint64(1)
    wordings = np.arange(100, 112, dtype=np.uint64)
    wordings[::2] = hello  # every one of them begins so
    wordings[[3, 5]] = 7  # two go on alike: one may be a copy of the other
    untied = untie_dialogues(dialogues, wordings, np.ones(12, bool))
    groups = join_groups(dialogues, untied)
    assert len(np.unique(groups)) == 5
    assert groups[2] == groups[4]
    few = untie_dialogues(dialogues[:6], wordings[:6], np.ones(6, bool))
    assert len(np.unique(join_groups(dialogues[:6], few))) == 1
    pairs = untie_dialogues(dialogues, wordings, np.zeros(12, bool))
    np.testing.assert_array_equal(pairs, wordings)


def test_chats_of_one_pair_that_ask_the_same_are_copies_however_many_there_are():
    chats, prompt = np.arange(10, 16, dtype=np.uint64), np.uint64(1)
    wordings = np.full(6, prompt)
    groups = join_groups(chats, untie_dialogues(chats, wordings, np.ones(6, bool)))
    assert len(np.unique(groups)) == 1
