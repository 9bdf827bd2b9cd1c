"""`halfspaces about`."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer


def about(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON instead.")] = False,
    gpu: Annotated[
        bool,
        typer.Option(
            help="Ask torch for GPUs, where it is installed: its import takes 2 to 10 seconds."
        ),
    ] = True,
) -> None:
    """Describe this installation: versions, processor, threads, extras, caches; for reports of
    bugs.

    It holds no secret and no name of a user: your folder is shown as ~.
    """
    from rich.console import Console

    from halfspaces.cli import installation
    from halfspaces.cli.screen import echo, print_json

    found = installation.facts()
    if gpu:
        with Console(stderr=True).status("asking torch for GPUs ..."):
            found["gpu"] = installation.gpu()
    if json:
        print_json(found)
        return
    for line in lines(found):
        echo(line)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The facts as lines of a report."""
    package = found["halfspaces"]
    commit = "" if package["commit"] is None else f", commit {package['commit']}"
    yield _pair("halfspaces", f"{package['version']}{commit}, in {package['folder']}")
    python = found["python"]
    yield _pair(
        "python", f"{python['version']} ({python['implementation']}), {python['executable']}"
    )
    yield _pair("system", found["system"])
    processor = found["processor"]
    yield _pair("processor", f"{processor['name']}; {', '.join(processor['vector_extensions'])}")
    usable = f"{processor['cores']}, {processor['usable_cores']} of them usable"
    yield _pair("cores", f"{usable}; a fit uses {found['workers']} threads")
    yield _pair("memory", _memory(found["memory"]))
    yield _pair("libraries", ", ".join(f"{k} {v or '-'}" for k, v in found["libraries"].items()))
    for each in found["blas"]:
        name = f"{each['library']} {each['version']} for {each['architecture']}"
        yield _pair("BLAS", f"{name}, {each['threads']} threads ({each['file']})")
    yield _pair("kernels", _kernels(found["kernels"]))
    if "gpu" in found:
        yield _pair("GPU", _gpu(found["gpu"]))
    for name, packages in found["extras"].items():
        yield _pair("extra", f"{name:<12} {_extra(name, packages)}")
    for name, cache in found["caches"].items():
        yield _pair("cache", f"{_size(cache['bytes']):>10}  {name}, in {cache['folder']}")
    for name, value in found["variables"].items():
        yield _pair("variable", f"{name}={value}")


def _pair(name: str, value: str) -> str:
    return f"{name:<11} {value}"


def _memory(memory: dict[str, int | None]) -> str:
    total, available = memory["bytes"], memory["available_bytes"]
    words = "unknown" if total is None else f"{total / 2**30:.1f} GiB"
    return words if available is None else f"{words}, {available / 2**30:.1f} GiB available"


def _kernels(kernels: dict[str, Any]) -> str:
    if kernels["numba"] is None:
        return "numba is not installed: NumPy computes all products; pip install numba"
    if not kernels["folders"]:
        return "no folder can be written: each process compiles; set NUMBA_CACHE_DIR to one"
    folders = ", ".join(kernels["folders"])
    if not kernels["compiled"]:
        return f"none compiled yet in {folders}; all at once: halfspaces compile"
    size = _size(kernels["bytes"])
    several = f"about {kernels['known']} loops, some for several types"
    return f"{kernels['compiled']} compiled ({several}), {size}, in {folders}"


def _gpu(gpu: dict[str, Any]) -> str:
    if gpu["torch"] is None:
        return "not asked for: torch is not installed"
    if "problem" in gpu:
        return f"torch {gpu['torch']} cannot be imported: {gpu['problem']}"
    devices = ", ".join(gpu["devices"]) or "none"
    return f"{devices}, seen by torch {gpu['torch']}"


def _extra(name: str, packages: dict[str, str | None]) -> str:
    missing = [each for each, version in packages.items() if version is None]
    if missing:
        return f"needs {', '.join(missing)}: pip install 'halfspaces[{name}]'"
    return ", ".join(f"{each} {version}" for each, version in packages.items()) or "always there"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
