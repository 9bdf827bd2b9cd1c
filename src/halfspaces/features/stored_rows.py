"""Rows of features in the cache folder, stored by what they depend on."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from halfspaces.support.types import Array
from halfspaces.system.errors import DataError
from halfspaces.system.memory import empty

Fill = Callable[[Array], object]


def stored_rows(
    feature: str,
    arrays: Mapping[str, Array],
    pixels: Array,
    shape: tuple[int, int],
    fill: Fill,
    *,
    recipe: str = "",
    source: str = "",
) -> Array:
    """The rows of images, memory-mapped; if they are not in the cache, `fill` computes them.

    The key has every pixel, the expression and the learned arrays of the fitted feature, the
    `recipe` of copies, and the version. `source` describes the rows in lists of the cache.
    """
    import halfspaces
    from halfspaces.datasets.files import decoded_cache
    from halfspaces.datasets.fingerprint import content

    learned = [f"{name} {content(array)}" for name, array in sorted(arrays.items())]
    stamp = [halfspaces.__version__, content(pixels), *learned]
    name = decoded_cache.key("features", feature, recipe, stamp=stamp)
    return decoded_cache.rows(name, shape, source or feature, fill)


def stored_or_computed(
    feature: str,
    arrays: Mapping[str, Array],
    pixels: Array,
    shape: tuple[int, int],
    fill: Fill,
) -> Array:
    """A copy of `stored_rows`; rows that cannot be stored are computed all the same."""
    rows = empty(Path(feature), shape, np.float32)
    try:
        rows[:] = stored_rows(feature, arrays, pixels, shape, fill)
    except DataError:
        fill(rows)
    return rows
