"""Connections to clusters: a wrong address and a scheduler that has gone are one sentence each."""

# Not typed: distributed.
# pyright: reportMissingImports=false

import gc
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar
from urllib.parse import urlsplit

from halfspaces.engines.base import EngineError

CONNECT = 8.0  # seconds in which a cluster has to answer
GONE_AFTER = 10.0  # seconds without a connection: the scheduler does not come back
PROBE = 0.1  # of them
LOOK_AFTER = 5.0  # seconds of a call of Ray, after which the client looks whether the head is there
Answer = TypeVar("Answer")
TOKEN = " and, of a head that asks for a token, RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
START = {
    "Dask": "dask scheduler, and on each machine dask worker tcp://HOST:8786",
    "Ray": "ray start --head, and on each machine ray start --address=HOST:6379",
}


def no_cluster(kind: str, address: str, cause: object = "") -> EngineError:
    """The error of a cluster that does not answer."""
    because = f" ({cause})" if str(cause) else ""
    token = TOKEN if kind == "Ray" and cause else ""
    return EngineError(
        f"No cluster of {kind} answers at {address!r}{because}; check the address{token}, start one"
        f" with {START[kind]}, or take 'local'."
    )


def gone(kind: str, part: str) -> EngineError:
    """The error of a scheduler or head that has gone."""
    return EngineError(
        f"The {part} of {kind} is gone; start it again and fit again: a fit with a Checkpoint among"
        " its callbacks goes on from there."
    )


def check_answers(kind: str, address: str) -> None:
    """Raise EngineError unless something listens at an address "host:port", with a protocol or not.

    Names such as "auto", which are no addresses, are left to the cluster's own library.
    """
    try:
        host, port = _host_and_port(address)
    except ValueError as error:
        raise no_cluster(kind, address, error) from None
    if host is None or port is None:
        return
    until = time.monotonic() + CONNECT
    while True:
        try:
            socket.create_connection((host, port), CONNECT).close()
        except OSError as error:
            starting = isinstance(error, ConnectionRefusedError) and time.monotonic() < until
            if not starting:
                raise no_cluster(kind, address, error.strerror or error) from None
            time.sleep(PROBE)
        else:
            return


def _host_and_port(address: str) -> tuple[str | None, int | None]:
    parts = urlsplit(address if "://" in address else f"//{address}")
    return parts.hostname, parts.port


def answers(address: str) -> bool:
    """Whether something listens at an address "host:port", with a protocol or not."""
    try:
        socket.create_connection(_host_and_port(address), CONNECT).close()
    except OSError:
        return False
    return True


def check_head(address: str | None) -> None:
    """Raise EngineError if the head of Ray, at an address that is known, is silent for long."""
    until = time.monotonic() + GONE_AFTER
    while address is not None and not answers(address):
        if time.monotonic() > until:
            raise gone("Ray", "head")
        time.sleep(PROBE)


def asked(question: Callable[[], Answer], head: str | None) -> Answer:
    """The answer of Ray to a question; EngineError where its head is gone.

    Ray itself says nothing for a minute, and then ends the process.
    """
    answered: Future[Answer] = Future()

    def ask() -> None:
        try:
            answered.set_result(question())
        except Exception as error:
            answered.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    while not wait([answered], timeout=LOOK_AFTER).done:
        check_head(head)
    return answered.result()


def dask_client(address: str) -> Any:
    """A client of the scheduler at an address; EngineError where none answers."""
    import distributed

    check_answers("Dask", address)
    made: queue.Queue[Any] = queue.Queue()

    def connect() -> None:
        try:
            found: Any = distributed.Client(address, timeout=CONNECT)
        except (OSError, ValueError, TypeError) as error:
            found = type(error).__name__
        # A client that failed is closed as garbage; within the start of another that would wait
        # for itself, so it is done now.
        gc.collect()
        made.put(found)

    # A server that takes the connection and says nothing is waited for without an end.
    threading.Thread(target=connect, daemon=True).start()
    try:
        found = made.get(timeout=CONNECT + 2)
    except queue.Empty:
        raise no_cluster("Dask", address, "it says nothing") from None
    if isinstance(found, str):
        raise no_cluster("Dask", address, found)
    return found


def check_scheduler(client: Any) -> None:
    """Wait while a client connects again; EngineError where it is closed, or does not for long."""
    until = time.monotonic() + GONE_AFTER
    while client.status == "connecting" and time.monotonic() < until:
        time.sleep(PROBE)
    if client.status != "running":
        raise gone("Dask", "scheduler")
