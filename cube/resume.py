"""Going on with a given run: by its own settings on its own data, or with more steps."""

import re
from typing import Any

from cube.config import Config
from cube.data.corpus import Corpus
from cube.differences import differences, in_words
from cube.errors import ModelError
from cube.runs import Run, made_of, open_run, read_metrics, take_up
from cube.teacher.vectors import Vectors
from cube.trainings import carry_over

_BUDGET = re.compile(r"training\.stages\.(\d+)\.(max_steps|max_epochs|patience)")


def resume_run(
    previous: Run, config: Config, corpus: Corpus, vectors: Vectors, extend: bool
) -> Run:
    """Return the run to go on with: the previous one, or the one that extends it.

    Args:
        previous: the run named.
        config: settings asked for now.
        corpus: what its sources hold now.
        vectors: of that corpus.
        extend: whether larger budgets are allowed.

    Raises:
        ModelError: naming every setting and source that differs, or why more steps are none.
    """
    changes = differences(previous.facts["made_of"], made_of(config, corpus, vectors))
    if not changes:
        if extend and previous.read("training.json") is not None:
            raise ModelError(
                f"Run {previous.run_id} is trained, and --extend was given no larger limit, such "
                f"as --set training.stages.{len(config.training.stages) - 1}.max_steps=…."
            )
        return take_up(previous.folder, config)  # where only the judging differs
    if not extend:
        raise ModelError(
            f"Run {previous.run_id} cannot be resumed, as it is made of something else: "
            f"{in_words(changes)}. Leave --resume out for a new run"
            + (", or add --extend." if _are_extensions(changes, previous) else ".")
        )
    if not _are_extensions(changes, previous):
        raise ModelError(
            f"Run {previous.run_id} can be extended by larger max_steps, max_epochs or patience of "
            f"the stage it has reached or later ones, and by nothing else: {in_words(changes)}."
        )
    _refuse_no_step(previous, config)
    run = open_run(config, corpus, vectors, previous)
    carry_over(previous, run)
    return run


def _are_extensions(changes: dict[str, tuple[Any, Any]], previous: Run) -> bool:
    ended = sum(event["event"] == "stage_end" for event in read_metrics(previous))
    reached = min(ended, len(previous.config.training.stages) - 1)
    for path, (before, now) in changes.items():
        match = _BUDGET.fullmatch(path)
        if match is None or int(match[1]) < reached or now < before:
            return False
    return True


def _refuse_no_step(previous: Run, config: Config) -> None:
    """Refuse limits that a finished run has reached; only those of steps end the stage at once."""
    finished = previous.read("training.json")
    if finished is None:
        return
    epoch_steps = finished["steps_per_epoch"]
    budget = config.training.stages[-1].budget(epoch_steps)
    if finished["stages"][-1]["steps"] >= budget:
        raise ModelError(
            f"Run {previous.run_id} would be trained no step longer: its last stage ends after "
            f"{budget} steps, the smaller of max_steps and {epoch_steps} × max_epochs."
        )
