"""A fit on hosts apart, one of which loses its network for a while: the bits must not change.

    sudo python -m benchmarks.cut_link [SECONDS]

The scheduler of Dask and two workers run in network namespaces of their own, joined by a bridge, on
Linux as root. In the middle of a fit the link of one worker is down for some seconds (10).
Prints the seconds of a quiet fit and of the one whose link was cut, and whether all bits are equal.
"""

import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.engines import Dask, Threads, place

BRIDGE, NETWORK = "hsbr0", "10.77.0"
HOSTS = {"hs-scheduler": 1, "hs-worker1": 11, "hs-worker2": 12}
CUT = "hs-worker1"


def ip(*arguments: object) -> None:
    subprocess.run(["ip", *map(str, arguments)], check=True)


def link(host: str) -> str:
    """The end of a host's link that is in the bridge."""
    return f"hsv{HOSTS[host]}"


@contextmanager
def hosts() -> Iterator[None]:
    """Namespaces with an address each, and a bridge between them and this host."""
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{NETWORK}.254/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host, number in HOSTS.items():
            ip("netns", "add", host)
            ip("link", "add", link(host), "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", link(host), "master", BRIDGE, "up")
            ip("-n", host, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")
            ip("-n", host, "link", "set", "lo", "up")
        yield
    finally:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], check=False)
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)


@contextmanager
def running(host: str, *arguments: object) -> Iterator[None]:
    """A module of Python that runs on a host as long as the block."""
    python = [sys.executable, "-m", *map(str, arguments)]
    process = subprocess.Popen(
        ["ip", "netns", "exec", host, *python],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def fitted(rows, y, callbacks=()):
    begun = time.perf_counter()
    found = LinearClassifier(tol=1e-7, callbacks=list(callbacks)).fit(rows, y)
    return found, time.perf_counter() - begun


def cut_for(seconds: float) -> None:
    ip("link", "set", link(CUT), "down")
    time.sleep(seconds)
    ip("link", "set", link(CUT), "up")


def main(seconds: float) -> None:
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    here = place(X, Threads(2), 6)
    expected, _ = fitted(here, y)
    address = f"tcp://{NETWORK}.1:8786"
    cut = threading.Thread(target=cut_for, args=(seconds,))

    def in_the_middle(run):
        if run.passes > 5 and not cut.ident:
            cut.start()

    with ExitStack() as stack:
        stack.enter_context(hosts())
        at = ("--host", f"{NETWORK}.1", "--port", 8786, "--no-dashboard")
        stack.enter_context(running("hs-scheduler", "distributed.cli.dask_scheduler", *at))
        for host in ("hs-worker1", "hs-worker2"):
            how = (address, "--nthreads", 1, "--no-dashboard", "--no-nanny")
            stack.enter_context(running(host, "distributed.cli.dask_worker", *how))
        with Dask(address) as engine:
            engine.client.wait_for_workers(2, timeout=60)
            _, quiet = fitted(here.moved_to(engine), y)
            found, slow = fitted(here.moved_to(engine), y, [in_the_middle])
        cut.join()
    same = np.array_equal(found.coef_, expected.coef_)
    print(f"a quiet fit {quiet:.1f} s, one whose link was cut {slow:.1f} s; same bits: {same}")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
