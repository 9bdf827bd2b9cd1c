"""Dask as an engine: partitions on the workers of a cluster."""

# Not typed: distributed.
# pyright: reportMissingImports=false

import time
import warnings
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from halfspaces.engines import connections
from halfspaces.engines.base import EngineError, Source
from halfspaces.engines.futures import FuturesEngine, Handle
from halfspaces.engines.residents import Call, Outcome, forget, join, visit
from halfspaces.support.types import Array

SECONDS = 180  # with a cluster that has no workers
LOOK_AFTER = 2.0  # seconds without a result: are scheduler and workers still there?
ASK_AFTER = 1.0  # seconds: the scheduler need not be asked for its workers in each pass
HINT = "Dask is not installed; install halfspaces[dask]."


class Lazy(Source):
    """A partition of a collection of Dask, which its workers compute, and compute again if lost."""

    def __init__(self, delayed: Any, name: str, computed: Any = None) -> None:
        self.delayed = delayed
        self._name = name
        self._computed = computed

    def taken(self) -> Any:
        """The future that was computed to look at the rows, once; then None."""
        computed, self._computed = self._computed, None
        return computed

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
            client = distributed.Client(cluster)
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
        """Close the client, and the cluster, that were started here."""
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
        """A task with these bytes: workers fetch them from each other."""
        return self._submit(_same, content)

    def _submit(self, function: Any, *arguments: Any, **options: Any) -> Handle:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self.client.submit(function, *arguments, pure=False, **options)

    def submit(
        self, worker: str, call: Call, shared: Handle, X: Handle, given: dict[int, Array]
    ) -> Handle:
        """A task for a worker; if it is gone, for another one."""
        on = {"workers": [worker], "allow_other_workers": True} if worker else {}
        return self._submit(_visit, call, shared, X, given, **on)

    def submit_join(self, outcomes: Sequence[Handle]) -> Handle:
        """A task that adds outcomes where one of them lies."""
        return self._submit(join, list(outcomes))

    def fetch(self, outcome: Handle) -> Outcome:
        """Wait for a task, as long as there are workers."""
        seen = time.monotonic()
        while time.monotonic() < seen + SECONDS:
            try:
                return outcome.result(timeout=LOOK_AFTER)
            except TimeoutError:
                if self._threads():
                    seen = time.monotonic()
        raise _no_workers(SECONDS)

    def rows_of(self, source: Any, worker: str) -> Handle:
        """A future of the partition of a collection; the rows themselves; or where to read them."""
        if isinstance(source, Lazy):
            on = {"workers": [worker], "allow_other_workers": True} if worker else {}
            return source.taken() or self.client.compute(source.delayed, **on)
        return source.load() if source.rows_here else source

    def drop(self, numbers: Sequence[int]) -> None:
        """Have all workers free what they hold under these numbers."""
        self.client.run(partial(forget, tuple(numbers)), on_error="ignore")

    def is_loss(self, error: Exception) -> bool:
        """Whether workers died, or a task was cancelled because of that."""
        import distributed
        from distributed.client import FutureCancelledError

        if not isinstance(error, (distributed.KilledWorker, FutureCancelledError, OSError)):
            return False
        connections.check_scheduler(self.client)
        return True


def _no_workers(seconds: int) -> EngineError:
    return EngineError(
        f"The cluster of Dask has had no worker for {seconds} seconds; start workers and fit again:"
        " a fit with a Checkpoint among its callbacks goes on from there."
    )


def _same(content: bytes) -> bytes:
    return content


def _visit(call: Call, message: bytes, X: Any, given: dict[int, Array]) -> Outcome:
    """`residents.visit`, with the name of this worker."""
    from distributed import get_worker

    return visit(call, message, X, given, get_worker().address)
