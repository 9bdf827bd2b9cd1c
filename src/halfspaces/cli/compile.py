"""`halfspaces compile`."""

from typing import Any


def compile_all() -> None:
    """Compile the kernels for this processor ahead of time, so that no fit has to.

    They are kept beside the package, or in the user's folder where that is read-only. A second run
    compiles nothing.
    """
    import time

    from halfspaces.cli.places import place
    from halfspaces.cli.screen import echo
    from halfspaces.kernels import ahead
    from halfspaces.system import interrupts

    interrupts.work_begins()
    started = time.perf_counter()
    _check_compiler()
    made = _each(ahead.all_loops())
    compiled = sum(map(ahead.was_compiled, made))
    folders = ", ".join(map(place, ahead.kept().folders))
    seconds = time.perf_counter() - started
    if not folders:
        raise ValueError(
            f"{compiled} loops were compiled, and no folder for them can be written; "
            "set NUMBA_CACHE_DIR to one."
        )
    if compiled:
        echo(f"{compiled} of {len(made)} loops compiled in {seconds:.0f} s; kept in {folders}")
    else:
        echo(f"All {len(made)} loops are compiled; they are in {folders}")


def _each(loops: list[Any]) -> list[tuple[Any, ...]]:
    """What numba made of each loop, with a bar while it works."""
    from halfspaces.system.progress import Bar

    made: list[tuple[Any, ...]] = []
    with Bar("Compiling", len(loops), "loops") as bar:
        for loop in loops:
            bar.title = f"Compiling {loop.name}"
            bar.advance(0)
            made.append(loop.compile())
            bar.advance()
    return made


def _check_compiler() -> None:
    from halfspaces.kernels.product_loops import UNCOMPILED

    if UNCOMPILED:
        raise ValueError("NUMBA_DISABLE_JIT forbids to compile; unset it.")
