"""Schedulers, heads and workers as processes of their own, started as their users start them."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress

SECONDS = 60  # for a process to answer, on a busy machine


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def process(*arguments, **environment):
    """A module that runs as the first process of a group, which ends with the block."""
    started = subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def dask_cluster(workers=2, *options, **environment):
    """The address of a new scheduler with new workers, and the scheduler's process."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        at = ("--host", "127.0.0.1", "--port", port, "--no-dashboard")
        scheduler = stack.enter_context(process("distributed.cli.dask_scheduler", *at))
        _wait_for(port)
        for _ in range(workers):
            how = (address, "--nthreads", 1, "--no-dashboard", *options)
            stack.enter_context(process("distributed.cli.dask_worker", *how, **environment))
        yield address, scheduler


@contextmanager
def ray_head():
    """The address of a new head of Ray, and its process."""
    port = free_port()
    how = ("--head", "--port", port, "--num-cpus", 2, "--include-dashboard", "false", "--block")
    with (
        tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder,
        process(
            "ray.scripts.scripts", "start", *how, "--temp-dir", folder, RAY_AUTH_MODE="disabled"
        ) as head,
    ):
        _wait_for(port)
        try:
            yield f"127.0.0.1:{port}", head
        finally:
            with suppress(ProcessLookupError):
                os.killpg(head.pid, signal.SIGKILL)


@contextmanager
def ray_node(address):
    """One more node of a cluster of Ray, which is killed at the end of the block."""
    how = (f"--address={address}", "--num-cpus", 2, "--block")
    with process("ray.scripts.scripts", "start", *how, RAY_AUTH_MODE="disabled") as node:
        try:
            yield node
        finally:
            with suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)


def wait_until(condition):
    until = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("what is waited for does not come")
        time.sleep(0.1)


def _wait_for(port):
    def answers():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    wait_until(answers)
