"""Dask as an engine: partitions on the workers of a cluster."""

# Not typed: distributed.
# pyright: reportMissingImports=false

import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import numpy as np

from halfspaces.engines import connections
from halfspaces.engines.base import EngineError, Source
from halfspaces.engines.book import Book
from halfspaces.engines.futures import FuturesEngine, Handle
from halfspaces.engines.residents import (
    Call,
    Delivery,
    Outcome,
    Piece,
    deliver,
    forget,
    keep_freed_memory,
    visit,
)
from halfspaces.support.types import Array

SECONDS = 180  # with a cluster that has no workers
LOOK_AFTER = 1.0  # seconds without a result: is the worker still there?
PROBES = 20  # of a second
ASK_AFTER = 1.0  # seconds: the scheduler need not be asked for its workers in each pass
HINT = "Dask is not installed; install halfspaces[dask]."


class Lazy(Source):
    """A partition of a collection of Dask, which its workers compute, and compute again if lost."""

    def __init__(self, delayed: Any, name: str, computed: Any = None) -> None:
        self.delayed = delayed
        self._name = name
        self._computed = computed

    def future(self, client: Any, worker: str) -> Any:
        """The rows: the future that was computed to look at them, once; then computed again."""
        computed, self._computed = self._computed, None
        return computed or client.compute(self.delayed, workers=[worker], allow_other_workers=True)

    def load(self) -> Any:
        """The rows, computed by Dask."""
        return self.delayed.compute()

    def __str__(self) -> str:
        return self._name


class Dask(FuturesEngine):
    """Visits partitions on the workers of a Dask cluster.

    Partitions stay on their workers; where one dies, those that take over read or receive its
    partitions again. A worker's threads visit as many partitions at a time.

    Parameters
    ----------
    client : distributed.Client, str or None
        A client; the address of a scheduler; "local" starts a cluster of processes on this machine,
        one for each core; None takes the client that is connected.
    workers : int or None
        Of "local": the number of processes.

    Raises
    ------
    EngineError
        If Dask is not installed or no client is connected.
    """

    name: ClassVar[str] = "dask"

    def __init__(self, client: Any = None, *, workers: int | None = None) -> None:
        super().__init__()
        self._started: list[Any] = []
        self._actors: dict[str, _Made] = {}
        self._slots: list[str] = []
        self._asked = 0.0  # when the scheduler was asked for its workers
        self._memory: int | None = None
        self.client = self._connected(client, workers)

    def _connected(self, client: Any, workers: int | None) -> Any:
        try:
            import distributed
        except ImportError:
            raise EngineError(HINT) from None
        if client == "local":
            config = import_module("dask.config")
            # Else a worker that is killed twice within 15 seconds is not started again.
            config.set({"distributed.deploy.lost-worker-timeout": "1 day"})
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            )
            client = distributed.Client(cluster, direct_to_workers=True)
            self._started = [client, cluster]
        elif isinstance(client, str):
            client = connections.dask_client(client)
            self._started = [client]
        elif client is None:
            try:
                client = distributed.get_client()
            except ValueError:
                raise EngineError(
                    "No client of Dask is connected; make one first: distributed.Client(ADDRESS),"
                    " or distributed.Client() for this machine."
                ) from None
        return client

    def __repr__(self) -> str:
        return f"Dask({self.client!r})"

    def close(self) -> None:
        """Free what workers hold; close the client, and the cluster, that were started here."""
        if self.book.sent and self.client.status == "running":
            self.drop(tuple(self.book.sent))
        self.book = Book()
        self._actors = {}
        for each in self._started:
            each.close()
        self._started = []

    def workers(self) -> Sequence[str]:
        """The addresses of the workers, each once for each of its threads; known for a second."""
        now = time.monotonic()
        if self._slots and now < self._asked + ASK_AFTER:
            return self._slots
        threads = self._threads()
        if not threads:
            try:
                self.client.wait_for_workers(1, timeout=SECONDS)
            except TimeoutError:
                raise _no_workers(SECONDS) from None
            threads = self._threads()
        self._slots = [worker for worker in sorted(threads) for _ in range(threads[worker])]
        self._asked = now
        return self._slots

    def _threads(self) -> dict[str, int]:
        """The number of threads of each worker."""
        connections.check_scheduler(self.client)
        try:
            return self.client.nthreads()
        except OSError:  # the connection ends while it is asked
            connections.check_scheduler(self.client)
            return self.client.nthreads()

    def memory(self) -> int | None:
        """The least memory limit of a worker."""
        if self._memory is None:
            self.workers()  # waits until there is one
            workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
            self._memory = min((info["memory_limit"] for info in workers), default=0)
        return self._memory or None

    def share(self, content: bytes) -> Handle:
        """The bytes, as an array: these travel without a copy."""
        return np.frombuffer(content, np.uint8)

    def submit(self, worker: str, call: Call, shared: Handle) -> Handle:
        """A call of the actor of a worker: the scheduler has no task of it."""
        return self._called(worker, "visit", call, shared)

    def send(self, worker: str, delivery: Delivery, content: Any) -> Handle:
        """A call of the actor of a worker; a task for what workers compute or read."""
        if isinstance(content, Piece):
            return self._called(worker, "deliver", delivery, content)
        rows = content.future(self.client, worker) if isinstance(content, Lazy) else content
        return self.client.submit(_deliver, delivery, rows, workers=[worker], pure=False)

    def _called(self, worker: str, method: str, *arguments: Any) -> Handle:
        actor = self._actor(worker)
        try:
            return getattr(actor, method)(*arguments)
        except RuntimeError as error:  # the actor has been lost meanwhile
            raise WorkerGone(worker) from error

    def _actor(self, worker: str) -> Any:
        """The actor of a worker, which is made for its first call."""
        made = self._actors.get(worker)
        if made is None or made.future.status != "finished":
            distributed = import_module("distributed")
            future = self.client.submit(_Worker, actor=True, workers=[worker], pure=False)
            self._wait(worker, partial(distributed.wait, future, timeout=LOOK_AFTER))
            if future.status != "finished":
                raise WorkerGone(worker)
            with self.client.as_current():
                actor = distributed.Actor(_Worker, worker, future.key)
            made = self._actors[worker] = _Made(actor, future)
        return made.actor

    def fetch(self, worker: str, outcome: Handle) -> Outcome:
        """Wait for a result, as long as its worker is there."""
        return self._wait(worker, partial(outcome.result, timeout=LOOK_AFTER))

    def lost(self, worker: str) -> None:
        """Wait until the scheduler knows that a worker has gone, and ask it for those there are."""
        self._actors.pop(worker, None)
        self._asked = 0.0
        for _ in range(PROBES):
            if worker not in self._threads():
                return
            time.sleep(LOOK_AFTER / PROBES)

    def _wait(self, worker: str, attempt: Callable[[], Any]) -> Any:
        while True:
            try:
                return attempt()
            except TimeoutError:
                made = self._actors.get(worker)
                lost = made is not None and made.future.status != "finished"
                if lost or worker not in self._threads():
                    raise WorkerGone(worker) from None

    def drop(self, numbers: Sequence[int]) -> None:
        """Have all workers free what they hold under these numbers."""
        self.client.run(partial(forget, tuple(numbers)), on_error="ignore")

    def is_loss(self, error: Exception) -> bool:
        """Whether workers died, or a task was cancelled because of that."""
        import distributed
        from distributed.client import FutureCancelledError

        losses = (
            WorkerGone,
            OSError,  # of a call whose connection has ended
            distributed.KilledWorker,
            FutureCancelledError,
        )
        if not isinstance(error, losses):
            return False
        connections.check_scheduler(self.client)
        return True


def _no_workers(seconds: int) -> EngineError:
    return EngineError(
        f"The cluster of Dask has had no worker for {seconds} seconds; start workers and fit again:"
        " a fit with a Checkpoint among its callbacks goes on from there."
    )


class WorkerGone(Exception):
    """A worker that is not among those of the scheduler any more."""


class _Made(NamedTuple):
    """An actor, and the future that says whether it lives."""

    actor: Any
    future: Any


class _Worker:
    """The actor of a worker: it visits what the worker holds."""

    def __init__(self) -> None:
        keep_freed_memory()
        self._name = _address()

    def visit(self, call: Call, message: Array) -> Outcome:
        return visit(call, message.tobytes(), self._name)

    def deliver(self, delivery: Delivery, content: Any) -> Outcome:
        return deliver(delivery, content, self._name)


def _address() -> str:
    return import_module("distributed").get_worker().address


def _deliver(delivery: Delivery, content: Any) -> Outcome:
    """`residents.deliver`, as a task."""
    return deliver(delivery, content, _address())
