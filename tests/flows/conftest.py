import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Train on one thread: several wait for each other without end where other jobs run too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
