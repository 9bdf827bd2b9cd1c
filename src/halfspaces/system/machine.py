"""What this machine is: processor, cores, memory, operating system."""

import os
import platform
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

CPU_LINES = ("model name", "Model", "Hardware", "cpu model")  # of x86, and of other processors


def processor() -> str:
    """The name of the processor, as the system has it.

    >>> processor() != ""
    True
    """
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        pairs = [
            (key.strip(), value.strip()) for key, _, value in (x.partition(":") for x in lines)
        ]
        for wanted in CPU_LINES:
            for key, value in pairs:
                if key == wanted and value:
                    return value
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(
                command, capture_output=True, text=True, check=True
            ).stdout.strip()
    return platform.processor() or platform.machine() or "unknown"


def vector_extensions() -> list[str]:
    """The vector instructions that NumPy found, in its words.

    >>> all(isinstance(name, str) for name in vector_extensions())
    True
    """
    import numpy as np

    config: Any = np.show_config(mode="dicts")  # without entries that are empty
    extensions = config.get("SIMD Extensions", {})
    return [*extensions.get("baseline", ()), *extensions.get("found", ())]


def cores() -> tuple[int, int]:
    """The number of cores, and of those that this process may use.

    >>> total, usable = cores()
    >>> total >= usable >= 1
    True
    """
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    return total, usable


def memory() -> tuple[int | None, int | None]:
    """The bytes of memory, and of what is available; None where the system does not say."""
    total = None
    with suppress(AttributeError, ValueError, OSError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    available = None
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                available = 1024 * int(line.split()[1])
    return total, available


def operating_system() -> str:
    """The system with its version, and the name of a distribution of Linux."""
    name = platform.platform()
    with suppress(OSError, KeyError):
        name = f"{name}, {platform.freedesktop_os_release()['PRETTY_NAME']}"
    return name
