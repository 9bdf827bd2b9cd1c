"""The number of workers."""

# Not typed: joblib.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from typing import Any


def available_workers(n_jobs: int | None, n_items: int = 2) -> int:
    """The number of workers: `n_jobs`, or the number of cores (1 inside a joblib worker).

    One item needs one worker, and no look at the cores, which takes longer than a small visit.

    >>> available_workers(3)
    3
    """
    if n_items <= 1:
        return 1
    import joblib

    count: Any = joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs)
    return count
