"""Starting the processes of a training, with torchrun's own agent: `training.processes`.

gloo on CPUs, NCCL on GPUs. When a process dies, all are started again and go on from the last
checkpoint.
"""

import os
import pickle
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from cube.devices import usable_device
from cube.errors import ConfigError, CubeError, ModelError, TrainingInterruptedError

_RESTARTS = 3
TIMEOUT = timedelta(minutes=5)  # of an exchange: after it all are started again
_REFUSED = "cube/refused"  # key of an error that trying again does not help
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_in_processes(count: int, device: str, work: Callable[..., object], *arguments: Any) -> None:
    """Call a function in several processes that form a group, and wait for all.

    Args:
        count: of processes.
        device: `cpu`, or `cuda` for one GPU a process.
        work: importable by name.
        arguments: picklable.

    Raises:
        ConfigError: when there are fewer GPUs than processes that ask for one.
        TrainingInterruptedError: when this process was told to stop, after the others stopped.
        CubeError: what the work raised, in the first process that did.
        ModelError: when they fail again and again.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    if usable_device(device).type == "cuda" and count > torch.cuda.device_count():
        raise ConfigError(
            f"training.processes is {count}, one GPU each, and this machine has "
            f"{torch.cuda.device_count()}."
        )
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=_RESTARTS,
        monitor_interval=0.2,
        start_method="spawn",
    )
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}  # the agent changes them
    try:
        refused = elastic_launch(config, _join_group)(device, work, *arguments)
    except SignalException as told:
        raise TrainingInterruptedError(
            f"Training in {count} processes stopped by {told.sigval.name}: the same command goes "
            "on from the last checkpoint.",
            told.sigval,
        ) from None
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        told: Any = failure.message  # with a traceback, which is logged, unless a signal ended it
        reason = told["message"] if isinstance(told, dict) else told
        raise ModelError(
            f"Process {rank} of {count} failed {_RESTARTS + 1} times: {reason}"
        ) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if error := refused[0]:
        raise error


def _join_group(device: str, work: Callable[..., object], *arguments: Any) -> CubeError | None:
    """Do this process's part; started again after a `CubeError` of any process, return it."""
    count = int(os.environ["LOCAL_WORLD_SIZE"])
    on_gpus = usable_device(device).type == "cuda"
    if on_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    else:
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    store, rank, size = next(rendezvous("env://", timeout=TIMEOUT))
    if store.check([_REFUSED]):
        return pickle.loads(store.get(_REFUSED))
    # The agent keeps one store: a process started again would read where one that died listened.
    own = PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    backend = "nccl" if on_gpus else "gloo"
    distributed.init_process_group(backend, store=own, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        work(*arguments)
    except TrainingInterruptedError:
        raise
    except CubeError as error:
        store.set(_REFUSED, pickle.dumps(error))  # type: ignore[arg-type]
        raise
    finally:
        distributed.destroy_process_group()
    return None
