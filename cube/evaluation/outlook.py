"""What can be known of a run before its training: leaks, headroom, labels that look wrong."""

from typing import Any

from cube.evaluation.headroom import check_labels, headroom, look_ahead
from cube.evaluation.leaks import check_leaks, find_leaks, leaks_to_json
from cube.runs import Run

_LEAKS_SHOWN = 10


def outlook(run: Run) -> dict[str, Any]:
    """Return the content of outlook.json.

    Raises:
        DataError: when too many test pairs have a near copy in training.
    """
    experiment, judging = run.experiment, run.config.evaluation
    limit = judging.max_leaked_share
    leaks = find_leaks(experiment)
    check_leaks(leaks, limit)
    shown = [experiment.questions[pairs[:_LEAKS_SHOWN]] for pairs in (leaks.leaked, leaks.copies)]
    ahead = look_ahead(experiment)
    labels = check_labels(ahead)
    return {
        "leaks": leaks_to_json(leaks, limit, *(run.corpus.texts(rows) for rows in shown)),
        "headroom": headroom(ahead, labels, experiment, judging),
        "label_check": labels,
    }
