"""The facts of `halfspaces about`: values for JSON, without secrets and without the user's name."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any

import halfspaces
from halfspaces.cli.places import place, without_user
from halfspaces.system import cache_folder, machine

LIBRARIES = ("numpy", "scipy", "scikit-learn", "numba", "llvmlite", "pyarrow", "pillow", "pydantic")
FOR_DEVELOPERS = ("bench", "dev")  # extras that no feature of the library needs
VARIABLES = re.compile(
    "HALFSPACES_|NUMBA_|OMP_|GOMP_|KMP_|OPENBLAS_|MKL_|BLIS_|VECLIB_|CUDA_VISIBLE_DEVICES$"
    "|LOKY_|PYTHON|LANG$|LC_ALL$|TERM$|COLUMNS$|NO_COLOR$|FORCE_COLOR$|XDG_CACHE_HOME$"
)
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")  # of an address
CACHES = {
    "decoded images and features": "images",
    "downloaded data": "data",
    "files of addresses": "remote",
    "encoders": "encoders",
    "large arrays": "large",
}


def facts() -> dict[str, Any]:
    """All that a report of a bug needs, but for GPUs."""
    given = variables(os.environ)  # before libraries that set some are loaded
    total, usable = machine.cores()
    memory, available = machine.memory()
    return {
        "halfspaces": package(),
        "python": {
            "version": sys.version.split()[0],
            "implementation": sys.implementation.name,
            "executable": place(sys.executable),
        },
        "system": machine.operating_system(),
        "processor": {
            "name": machine.processor(),
            "vector_extensions": machine.vector_extensions(),
            "cores": total,
            "usable_cores": usable,
        },
        "memory": {"bytes": memory, "available_bytes": available},
        "libraries": {name: version(name) for name in LIBRARIES},
        "blas": blas(),
        "workers": workers(),
        "kernels": kernels(),
        "extras": extras(),
        "caches": caches(),
        "variables": given,
    }


def package() -> dict[str, Any]:
    """The version of the package, the commit that it was made of where that is known, its folder.

    A release is known by its version alone: that of the tag.
    """
    folder = Path(halfspaces.__file__).parent
    number: str = halfspaces.__version__
    commit = commit_of(folder.parents[1])
    if commit is None and "+g" in number:
        commit = number.partition("+g")[2]
    return {"version": number, "commit": commit, "folder": place(folder)}


def commit_of(folder: Path) -> str | None:
    """The commit of a checkout, with "-dirty" if files were changed; None if it is none."""
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()


def version(name: str) -> str | None:
    """The version of an installed package, None if it is not there.

    >>> version("no-such-package") is None
    True
    """
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def blas() -> list[dict[str, Any]]:
    """The libraries of BLAS of NumPy and SciPy, with their threads."""
    from importlib import import_module

    from threadpoolctl import threadpool_info

    import_module("scipy.linalg")  # only libraries that are loaded are found
    return [
        {
            "library": each["internal_api"],
            "version": each.get("version"),
            "architecture": each.get("architecture"),
            "threads": each["num_threads"],
            "file": Path(each["filepath"]).name,
        }
        for each in threadpool_info()
        if each["user_api"] == "blas"
    ]


def workers() -> int:
    """The number of threads that a fit uses unless it is told otherwise."""
    from halfspaces.support.parallel import available_workers

    return available_workers(None)


def kernels() -> dict[str, Any]:
    """The compiled loops on disk; `numba` is None where it is not installed."""
    if util.find_spec("numba") is None:
        return {"numba": None, "compiled": 0, "known": 0, "bytes": 0, "folders": []}
    from halfspaces.kernels.ahead import kept
    from halfspaces.kernels.known_loops import count

    found = kept()
    return {
        "numba": version("numba"),
        "compiled": found.loops,
        "known": count(),
        "bytes": found.size,
        "folders": [place(folder) for folder in found.folders],
    }


def extras() -> dict[str, dict[str, str | None]]:
    """The extras, with the versions of the packages that each needs; None for a missing one."""
    try:
        about = metadata.metadata("halfspaces")
    except metadata.PackageNotFoundError:
        return {}
    names = [name for name in about.get_all("Provides-Extra") or () if name not in FOR_DEVELOPERS]
    needed = packages_by_extra(metadata.requires("halfspaces") or ())
    return {name: {each: version(each) for each in needed.get(name, ())} for name in sorted(names)}


def packages_by_extra(requirements: Iterable[str]) -> dict[str, list[str]]:
    """The names of packages, by the extra that needs them.

    >>> packages_by_extra(["numpy>=2", "zarr>=3; extra == 'zarr'", "fsspec[http]; extra == 'r'"])
    {'zarr': ['zarr'], 'r': ['fsspec']}
    """
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if extra and name:
            found.setdefault(extra[1], []).append(name[0])
    return found


def caches() -> dict[str, dict[str, Any]]:
    """The folders in which the library keeps files of its own, and their sizes in bytes."""
    return {
        name: {"folder": place(cache_folder.folder(part)), "bytes": size_of(part)}
        for name, part in CACHES.items()
    }


def size_of(part: str) -> int:
    """The bytes of the files in a folder of the cache."""
    total = 0
    for folder, _, names in os.walk(cache_folder.folder(part)):
        for name in names:
            path = Path(folder, name)
            total += path.stat().st_size if path.is_file() else 0
    return total


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the environment that change what the library does.

    >>> variables({"OMP_NUM_THREADS": "1", "API_KEY": "secret"})
    {'OMP_NUM_THREADS': '1'}
    >>> variables({"HALFSPACES_MIRROR": "https://me:secret@example.org/"})
    {'HALFSPACES_MIRROR': 'https://...@example.org/'}
    """
    return {
        name: without_user(CREDENTIALS.sub("...@", value))
        for name, value in sorted(environment.items())
        if VARIABLES.match(name)
    }


def gpu() -> dict[str, Any]:
    """What torch sees of GPUs; it is imported, which takes seconds, if it is installed."""
    if util.find_spec("torch") is None:
        return {"torch": None, "devices": []}
    try:
        import torch

        devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        if torch.backends.mps.is_available():
            devices.append("Apple Metal")
    except Exception as error:  # of a broken installation, which the report should show
        return {
            "torch": version("torch"),
            "devices": [],
            "problem": f"{type(error).__name__}: {error}",
        }
    return {"torch": torch.__version__, "cuda": torch.version.cuda, "devices": devices}
