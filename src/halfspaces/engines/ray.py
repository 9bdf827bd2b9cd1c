"""Ray as an engine: partitions held by actors of a Ray cluster."""

# Not typed: ray.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from halfspaces.engines import connections
from halfspaces.engines.base import EngineError, Source
from halfspaces.engines.futures import FuturesEngine, Handle
from halfspaces.engines.residents import (
    Call,
    Delivery,
    Outcome,
    deliver,
    forget,
    keep_freed_memory,
    visit,
)

HINT = "Ray is not installed; install halfspaces[ray]."
STORE = 256 << 20  # bytes of the object store of a cluster that is started here
INLINE = 64 << 10  # bytes of a message that goes with each call


class Stored(Source):
    """A partition in Ray's object store, which computes it again if it is lost."""

    def __init__(self, reference: Any, name: str) -> None:
        self.reference = reference
        self._name = name

    def load(self) -> Any:
        """The rows."""
        import ray

        return ray.get(self.reference)

    def __str__(self) -> str:
        return self._name


class Ray(FuturesEngine):
    """Visits partitions on actors of a Ray cluster, one for each of its cores.

    Ray starts an actor that died again; it then reads or receives its partitions again.

    Parameters
    ----------
    address : str or None
        Of a cluster; "local" starts one on this machine; None takes the one that is connected, or
        else starts one.
    workers : int or None
        The number of actors; None: one for each core of the cluster.

    Raises
    ------
    EngineError
        If Ray is not installed, or the cluster has no free core.
    """

    name: ClassVar[str] = "ray"

    def __init__(self, address: str | None = None, *, workers: int | None = None) -> None:
        super().__init__()
        try:
            import ray
        except ImportError:
            raise EngineError(HINT) from None
        self._ray = ray
        self._started = not ray.is_initialized()
        if self._started:
            self._connect(address, workers)
        self._given_workers = workers
        self._actors: dict[str, Any] = {}
        self._head = self._head_of(address)

    def _head_of(self, address: str | None) -> str | None:
        """Where the head listens to this process; None if that is not known.

        Through Ray's client (ray://) it is the server of clients: the head's own address need not
        be reachable from here.
        """
        if address is not None and "://" in address:
            return address
        from ray.util.client import ray as client

        return None if client.is_connected() else self._ray.get_runtime_context().gcs_address

    def _connect(self, address: str | None, workers: int | None) -> None:
        options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False}
        if address in (None, "local"):
            options |= {"num_cpus": workers, "object_store_memory": STORE, "address": "local"}
        else:
            connections.check_answers("Ray", address)
            options["address"] = address
        try:
            self._ray.init(**options)
        except ConnectionError as error:
            raise connections.no_cluster("Ray", str(address), error) from None

    def __repr__(self) -> str:
        return f"Ray(workers={len(self._actors)})"

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        if self._head is None or connections.answers(self._head):
            for actor in self._actors.values():
                self._ray.kill(actor)
        self._actors = {}
        if self._started and self._ray.is_initialized():
            self._ray.shutdown()

    def workers(self) -> Sequence[str]:
        """The names of the actors; cores that were added since the last pass get one, too."""
        resources = connections.asked(self._ray.cluster_resources, self._head)
        cores = int(resources.get("CPU", 0))
        wanted = self._given_workers or max(cores, 1)
        while len(self._actors) < wanted:
            name = f"worker {len(self._actors)}"
            # They hold no core: tasks of Ray Data would wait for it for ever.
            options: dict[str, Any] = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
            options["scheduling_strategy"] = "SPREAD"
            self._actors[name] = self._ray.remote(**options)(_Worker).remote(name)
        return list(self._actors)

    def share(self, content: bytes) -> Handle:
        """The bytes in the object store, once on each machine; few of them in each call."""
        return content if len(content) < INLINE else self._ray.put(content)

    def submit(self, worker: str, call: Call, shared: Handle) -> Handle:
        """A call of an actor."""
        return self._actors[worker].visit.remote(call, shared)

    def send(self, worker: str, delivery: Delivery, content: Any) -> Handle:
        """A call of an actor, which copies what lies in the object store."""
        if isinstance(content, Stored):
            content = content.reference
        return self._actors[worker].deliver.remote(delivery, content)

    def fetch(self, worker: str, outcome: Handle) -> Outcome:
        """Wait for a result; EngineError where the head of the cluster is gone."""
        while True:
            try:
                return self._ray.get(outcome, timeout=connections.LOOK_AFTER)
            except self._ray.exceptions.GetTimeoutError:
                connections.check_head(self._head)

    def drop(self, numbers: Sequence[int]) -> None:
        """Have all actors free what they hold under these numbers."""
        for actor in self._actors.values():
            actor.forget.remote(tuple(numbers))

    def is_loss(self, error: Exception) -> bool:
        """Whether actors died, or objects were lost with a machine."""
        errors = self._ray.exceptions
        if not self._ray.is_initialized():
            raise connections.gone("Ray", "head") from error
        connections.check_head(self._head)
        losses = (errors.RayActorError, errors.ObjectLostError, errors.WorkerCrashedError)
        return isinstance(error, losses)


class _Worker:
    """An actor: it holds partitions and visits them."""

    def __init__(self, name: str) -> None:
        keep_freed_memory()
        self._name = name

    def visit(self, call: Call, message: bytes) -> Outcome:
        return visit(call, message, self._name)

    def deliver(self, delivery: Delivery, content: Any) -> Outcome:
        return deliver(delivery, content, self._name)

    def forget(self, numbers: Sequence[int]) -> None:
        forget(numbers)

    def pid(self) -> int:
        return os.getpid()
