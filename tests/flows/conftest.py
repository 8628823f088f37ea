import os

os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"  # before Prefect is imported

import pytest
import torch
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness


@pytest.fixture(scope="session")
def prefect_server():
    """A Prefect server with a database of its own, for the whole session."""
    with (
        prefect_test_harness(server_startup_timeout=120),
        # The thread of the heartbeat costs every flow run a second at its end.
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Train on one thread: several wait for each other without end where other jobs run too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
