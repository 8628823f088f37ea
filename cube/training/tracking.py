"""Where the numbers of a training go besides metrics.jsonl: TensorBoard and MLflow, by extras.

Steps that a killed training takes again are told again, with the same values.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cube import storage
from cube.errors import ConfigError
from cube.training.state import Event

Log = Callable[[str, float, int], object]  # name, value, step


@contextmanager
def trackers(names: Sequence[str], folder: Path) -> Iterator[Callable[[Event], None]]:
    """Yield a function that tells all named trackers the numbers of an event, if it measured any.

    Args:
        names: `tensorboard`, `mlflow`.
        folder: of the training; its name is the name of the run there.

    Raises:
        ConfigError: when a tracker's package is not installed.
    """
    with ExitStack() as stack:
        logs: list[Log] = []
        for name in names:
            try:
                logs.append(stack.enter_context(_TRACKERS[name](folder)))
            except ImportError as error:
                raise ConfigError(
                    f"training.tracking names {name}, which is not installed ({error}). "
                    f"Try: pip install 'cube-lattice[{name}]'"
                ) from None

        def tell(event: Event) -> None:
            if event["event"] not in ("start", "validation"):
                return
            for name, value in event.items():
                if isinstance(value, int | float) and name != "step":
                    for log in logs:
                        log(name, value, event["step"])

        yield tell


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Log]:
    """Write scalars under `folder/tensorboard`."""
    from torch.utils.tensorboard.writer import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield writer.add_scalar


@contextmanager
def _mlflow(folder: Path) -> Iterator[Log]:
    """Go on with the folder's run of the experiment `cube`, where MLFLOW_TRACKING_URI points."""
    from mlflow import MlflowClient  # type: ignore[import-not-found]

    client: Any = MlflowClient()
    known = folder / "mlflow_run_id.txt"
    if not known.is_file():
        experiment = client.get_experiment_by_name("cube")
        number = experiment.experiment_id if experiment else client.create_experiment("cube")
        run = client.create_run(number, run_name=folder.name)
        storage.write_bytes(known, run.info.run_id.encode())
    run_id = known.read_text()
    try:
        yield lambda name, value, step: client.log_metric(run_id, name, value, step=step)
    finally:
        client.set_terminated(run_id)  # nothing more will come for now


_TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow}
