"""Where the events of a training go besides metrics.jsonl: TensorBoard and MLflow, by extras.

A tracker is called with every event, as `on_event` is, and closed at the end. Steps that a killed
training takes again are told again, with the same values.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cube import storage
from cube.errors import ConfigError
from cube.training.state import Event


@runtime_checkable
class Tracker(Protocol):
    """What a tracking service has to offer."""

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


@contextmanager
def trackers(names: Sequence[str], folder: Path) -> Iterator[Callable[[Event], None]]:
    """Yield a function that tells all named trackers of an event.

    Args:
        names: `tensorboard`, `mlflow`.
        folder: of the training; its name is the name of the run there.

    Raises:
        ConfigError: when a tracker's package is not installed.
    """
    with ExitStack() as stack:
        opened = []
        for name in names:
            opened.append(_open(name, folder))
            stack.callback(opened[-1].close)

        def tell(event: Event) -> None:
            for tracker in opened:
                tracker(event)

        yield tell


def _open(name: str, folder: Path) -> Tracker:
    try:
        return {"tensorboard": TensorBoard, "mlflow": MLflow}[name](folder)
    except ImportError as error:
        raise ConfigError(
            f"training.tracking names {name}, which is not installed ({error}). "
            f"Try: pip install 'cube-lattice[{name}]'"
        ) from None


def _numbers(event: Event) -> dict[str, Any]:
    """Return the measured values of a validation, none of other events."""
    if event["event"] not in ("start", "validation"):
        return {}
    return {k: v for k, v in event.items() if isinstance(v, int | float) and k != "step"}


class TensorBoard:
    """Scalars under `folder/tensorboard`."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def __call__(self, event: Event) -> None:
        """Write the numbers of an event."""
        for name, value in _numbers(event).items():
            self._writer.add_scalar(name, value, event["step"])

    def close(self) -> None:
        """Flush the file."""
        self._writer.close()


class MLflow:
    """A run of the experiment `cube`, where MLFLOW_TRACKING_URI points; resumed with its folder."""

    def __init__(self, folder: Path):
        from mlflow import MlflowClient  # type: ignore[import-not-found]

        self._client: Any = MlflowClient()
        known = folder / "mlflow_run_id.txt"
        if not known.is_file():
            experiment = self._client.get_experiment_by_name("cube")
            number = (
                experiment.experiment_id if experiment else self._client.create_experiment("cube")
            )
            run = self._client.create_run(number, run_name=folder.name)
            storage.write_bytes(known, run.info.run_id.encode())
        self._run_id = known.read_text()

    def __call__(self, event: Event) -> None:
        """Send the numbers of an event."""
        for name, value in _numbers(event).items():
            self._client.log_metric(self._run_id, name, value, step=event["step"])

    def close(self) -> None:
        """Say that nothing more will come for now."""
        self._client.set_terminated(self._run_id)
