"""`cube train` and `cube demo`: the core pipeline without Prefect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cube.commands.options import ConfigFile, Overrides
from cube.errors import ConfigError, GateError

if TYPE_CHECKING:
    from cube.config import Config


def train(
    *,
    config: ConfigFile = None,
    overrides: Overrides = None,
    resume: Path | None = None,
    extend: Annotated[bool, Parameter(negative=())] = False,
    profile: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run the core pipeline without Prefect: ingest, embed, train, evaluate, publish, report.

    The same settings on the same data are the same run: the command goes on where it was killed or
    stopped. Exit code 1 if the gate says no, 75 if a signal stopped the training.

    Args:
        resume: run folder to go on with, by its own settings; any difference in what is trained, in
            settings or data, is refused and named.
        extend: with --resume, more steps: larger max_steps, max_epochs or patience of the stage
            reached or later ones. A new run that begins with the state of the old one.
        profile: print where the time and the memory of the training went.
    """
    from cube.config import load_config

    if resume is None:
        if extend:
            raise ConfigError("--extend needs --resume RUN, the run to take more steps of.")
        return _run_pipeline(load_config(config, overrides), profile=profile)
    file = config if config is not None else resume / "config.yaml"
    return _run_pipeline(load_config(file, overrides), resume, extend, profile)


def demo(*, overrides: Overrides = None) -> int:
    """Run the core pipeline on the data the package ships. Exit code 1 if the gate says no."""
    from cube.config import load_config

    return _run_pipeline(load_config(None, overrides))


def _run_pipeline(
    config: "Config", resume: Path | None = None, extend: bool = False, profile: bool = False
) -> int:
    from cube import steps
    from cube.report.render import render_report
    from cube.report.terminal import TrainingBar, print_profile, print_summary
    from cube.runs import Run

    corpus = steps.ingest(config)
    vectors = steps.embed(config, corpus)
    previous = None if resume is None else Run(resume)
    run = steps.start_run(config, corpus, vectors, previous, extend)
    with TrainingBar(steps.training_budget(run)) as bar:
        steps.train(run, bar.on_event)
    if profile:
        print_profile(run)
    steps.evaluate(run)
    published = steps.publish(run)
    render_report(run)
    print_summary(run)
    return 0 if published["promoted"] else GateError.exit_code
