"""The phrase bank returns the nearest texts, best first."""

import numpy as np

from cube.decoding.phrase_bank import PhraseBank


def test_nearest_first_and_scores_are_cosines():
    bank = PhraseBank(["east", "north", "north-east"], np.array([[2, 0], [0, 3], [1, 1]]))
    phrases = bank.nearest(np.array([[5.0, 0.1]]), count=2)[0]
    assert [phrase.text for phrase in phrases] == ["east", "north-east"]
    assert phrases[0].score > 0.999
    assert len(bank.nearest(np.array([[1.0, 0]]), count=9)[0]) == 3
