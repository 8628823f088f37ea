"""Near-duplicates are found whatever else is looked at with them."""

import numpy as np

from cube.data.near_duplicates import NearDuplicates


def test_a_text_repeats_the_same_one_alone_and_among_others():
    generator = np.random.default_rng(0)
    words = [f"word{i}" for i in range(2_000)]
    texts = [" ".join(generator.choice(words, size)) for size in generator.integers(1, 60, 150)]
    texts += [texts[i].replace(" ", "  ").upper() for i in range(0, 150, 5)]
    found, singly = NearDuplicates(0.9), NearDuplicates(0.9)
    places = list(range(len(texts)))
    together = found.check(texts, places, places)
    assert together[:150] == [-1] * 150
    assert together[150:] == list(range(0, 150, 5))
    assert together == [singly.check([text], [i], [i])[0] for i, text in enumerate(texts)]
    assert found.place(7) == singly.place(7) == (7, 7)
