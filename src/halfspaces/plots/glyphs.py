"""Small pictures of visual words: the pixels around a point, as a descriptor describes them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from halfspaces.features.base import LocalFeature
from halfspaces.features.raw_patches import RawPatches
from halfspaces.features.sift import ORIENTATIONS, SIDE, DenseSIFT
from halfspaces.features.similarity import SelfSimilarity
from halfspaces.features.textons import FilterBank
from halfspaces.support.types import Array

CELL = 13  # pixels of a cell of SIFT
UNUSED = 0.5  # brightness of displacements that no bin contains


def glyphs(feature: LocalFeature, words: Array) -> Array:
    """Pictures (n, S, S) or (n, S, S, 3), in [0, 1], of descriptors (n, d).

    Raw patches are drawn as they are. Each cell of SIFT has a ray for each direction, whose
    brightness is the length of the gradients. Responses of a filter bank are drawn as the smallest
    patch of pixels that has them. Self-similarity draws in each bin of displacements the similarity
    to the centre.

    Raises
    ------
    ValueError
        For a descriptor of another kind.

    Examples
    --------
    >>> glyphs(RawPatches(size=2), np.array([[0.0, 1.0, 2.0, 4.0]])).tolist()
    [[[0.0, 0.25], [0.5, 1.0]]]
    """
    if type(feature) not in GLYPHS:
        known = "sift, raw, ssim and filters"
        raise ValueError(f"There is no picture of the words of {feature}; there is one of {known}.")
    return GLYPHS[type(feature)](feature, np.asarray(words, float))


def stretched(pictures: Array) -> Array:
    """Pictures scaled so that the range of each is from 0 to 1."""
    axes = tuple(range(1, pictures.ndim))
    low = pictures.min(axis=axes, keepdims=True)
    high = pictures.max(axis=axes, keepdims=True)
    return (pictures - low) / np.maximum(high - low, 1e-12)


def _raw(feature: RawPatches, words: Array) -> Array:
    patches = words.reshape(len(words), -1, feature.size, feature.size)
    return stretched(patches[:, 0] if patches.shape[1] == 1 else patches.transpose(0, 2, 3, 1))


def _sift(feature: DenseSIFT, words: Array) -> Array:
    cells = np.maximum(words, 0).reshape(-1, SIDE, SIDE, ORIENTATIONS)
    cells = cells**2 if feature.root else cells
    cells = cells / np.maximum(cells.max(axis=(1, 2, 3), keepdims=True), 1e-12)
    y, x = np.mgrid[:CELL, :CELL] - (CELL - 1) / 2  # y is down
    angles = 2 * np.pi * np.arange(ORIENTATIONS)[:, None, None] / ORIENTATIONS
    along = x * np.cos(angles) - y * np.sin(angles)
    across = y * np.cos(angles) + x * np.sin(angles)
    narrow = np.clip(1.4 - np.abs(across), 0, 1)
    begun = np.clip(along + 0.5, 0, 1)
    inside = np.clip(CELL / 2 - along, 0, 1)
    drawn = np.max(cells[..., None, None] * (narrow * begun * inside), axis=3)
    return drawn.transpose(0, 1, 3, 2, 4).reshape(len(words), SIDE * CELL, SIDE * CELL)


def _filters(feature: FilterBank, words: Array) -> Array:
    bank = feature.filters().astype(float)
    if feature.strongest:  # the direction is unknown, so it is drawn upright
        bank = bank[:, [0, feature.orientations, -1]]
    lengths = np.linalg.norm(words, axis=1, keepdims=True)
    responses = words * (feature.floor * np.expm1(lengths) / np.maximum(lengths, 1e-12))
    side = bank.shape[-1]
    patches = responses @ np.linalg.pinv(bank.reshape(-1, side * side)).T
    edge = side // 4
    return stretched(patches.reshape(-1, side, side)[:, edge : side - edge, edge : side - edge])


def _similarity(feature: SelfSimilarity, words: Array) -> Array:
    displacements, bins = feature._displacements()
    side = 2 * feature.radius + 1
    pictures = np.full((len(words), side, side), UNUSED)
    rows = displacements[:, 0] + feature.radius
    columns = displacements[:, 1] + feature.radius
    pictures[:, rows, columns] = stretched(words)[:, bins]
    pictures[:, feature.radius, feature.radius] = 1
    return pictures


GLYPHS: dict[type[LocalFeature], Callable[[Any, Array], Array]] = {
    RawPatches: _raw,
    DenseSIFT: _sift,
    FilterBank: _filters,
    SelfSimilarity: _similarity,
}
