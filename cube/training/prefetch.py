"""Batches gathered ahead in one thread, so that the disk is read while the core computes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

Plan = TypeVar("Plan")
Loaded = TypeVar("Loaded")


class Prefetch(Generic[Plan, Loaded]):
    """Loads what is asked for, and what is expected next in the background.

    A batch is a pure function of its plan, so one that was expected and never asked for (a stage
    ended, a rollback) is dropped without harm.
    """

    def __init__(self, load: Callable[[Plan], Loaded]):
        self._load = load
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: dict[Plan, Future[Loaded]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Load ahead within the block; without it, everything is loaded when asked for."""
        with ThreadPoolExecutor(1, "prefetch") as pool:
            self._pool = pool
            try:
                yield
            finally:
                self._pool = None
                for future in self._waiting.values():
                    future.cancel()
                self._waiting = {}

    def get(self, plan: Plan, ahead: Iterable[Plan]) -> Loaded:
        """Return what a plan asks for, and begin to load what is expected after it.

        Args:
            plan: asked for now.
            ahead: the plans that most likely follow; only they are kept in memory.
        """
        future = self._waiting.pop(plan, None)
        if self._pool is not None:
            pool = self._pool
            self._waiting = {
                later: self._waiting.pop(later, None) or pool.submit(self._load, later)
                for later in ahead
            }
        return future.result() if future is not None else self._load(plan)
