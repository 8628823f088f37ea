"""Groups: what is linked by near-identical questions or answers, directly or through others."""

import numpy as np
from jaxtyping import Bool, UInt64

_FEW_DIALOGUES = 3  # that one wording may tie together


def group_pairs(
    pieces: UInt64[np.ndarray, " pairs"],
    wordings: UInt64[np.ndarray, " pairs"],
    answer_wordings: UInt64[np.ndarray, " pairs"],
    is_dialogue: Bool[np.ndarray, " pairs"],
) -> UInt64[np.ndarray, " pairs"]:
    """Return the group of every pair: no two share an answer, a question or nearly one.

    Args:
        pieces: key of each pair's answer or dialogue.
        wordings: key of each pair's question; near-identical ones share it.
        answer_wordings: the same of its answer, which ties no dialogues together.
        is_dialogue: whether a pair comes from a dialogue.
    """
    answers = join_groups(pieces, np.where(is_dialogue, pieces, answer_wordings))
    return join_groups(answers, untie_dialogues(pieces, wordings, is_dialogue))


def untie_dialogues(
    pieces: UInt64[np.ndarray, " pairs"],
    wordings: UInt64[np.ndarray, " pairs"],
    is_dialogue: Bool[np.ndarray, " pairs"],
) -> UInt64[np.ndarray, " pairs"]:
    """Return the wordings with those left out by which many dialogues would be one group.

    Half of all chats may begin with "Hello": that makes them no copies of each other. Chats that
    hold one pair alone and ask the same in it are: several answers to one prompt.

    Args:
        pieces: key of each pair's answer or dialogue.
        wordings: key of each pair's question.
        is_dialogue: whether a pair comes from a dialogue.
    """
    said = np.unique(np.stack([wordings[is_dialogue], pieces[is_dialogue]], axis=1), axis=0)
    names, dialogues = np.unique(said[:, 0], return_counts=True)
    _, dialogue, turns = np.unique(pieces, return_inverse=True, return_counts=True)
    several = is_dialogue & (turns[dialogue] > 1)
    common = several & np.isin(wordings, names[dialogues > _FEW_DIALOGUES])
    return np.where(common, pieces, wordings)


def join_groups(
    pieces: UInt64[np.ndarray, " pairs"], wordings: UInt64[np.ndarray, " pairs"]
) -> UInt64[np.ndarray, " pairs"]:
    """Return the group of every pair: the smallest key among its group's pieces.

    So a group's name depends neither on the order of rows nor on other groups.

    Args:
        pieces: key of each pair's answer or dialogue.
        wordings: key of each pair's question.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, piece = np.unique(pieces, return_inverse=True)
    asked, wording = np.unique(wordings, return_inverse=True)
    nodes = len(names) + len(asked)
    links = coo_array(
        (
            np.ones(len(piece), np.int8),
            (piece.astype(np.int32), (wording + len(names)).astype(np.int32)),
        ),
        (nodes, nodes),
    )
    component = connected_components(links, directed=False)[1][: len(names)]
    _, first, group = np.unique(component, return_index=True, return_inverse=True)
    return names[first][group][piece]  # names ascend: the first of a group is its smallest
