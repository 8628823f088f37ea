"""What a page says of drift besides numbers: what a measure sees, and what to do."""

HOW_JUDGED = (
    "A threshold is a score that chance hardly gives: drift.deviations standard deviations above "
    "the mean of random parts of the known questions against their rest, or the smallest "
    "difference worth a training where that is larger. Scores of texts are the largest distance "
    "of two distributions, 0 to 1."
)
_SEES = {
    "maximum mean discrepancy": "distance of the two clouds of vectors, around 0 without drift: "
    "other topics, another domain",
    "domain classifier AUC": "how well a classifier tells new from known, 0.5 by chance: the same",
    "texts: characters": "another form",
    "texts: words": "another form",
    "texts: unknown words": "words of no known question: typos, other topics, another language",
    "texts: letters beyond ASCII": "another language",
    "texts: digits": "another form, such as codes of errors",
    "fall of the champion's MRR@10": "from its test questions to the new: answers that changed",
}


def sees(method: str) -> str:
    """Say what a measure is and what it sees."""
    return _SEES.get(method, "")


def what_to_do(drifted: bool) -> str:
    """Say what drift asks for, and that nothing does without it."""
    if not drifted:
        return "Nothing is to be done: the new questions are like the known ones."
    return (
        "Read the new questions first: a broken log or a test looks like drift, too. If people "
        "really ask like this now, add them with their answers to data.sources and train again."
    )
