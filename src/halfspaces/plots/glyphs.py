"""Visual words as small pictures: what a descriptor says of the pixels around a point, drawn."""

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
MIDDLE = 0.5  # of what is similar to all around it


def glyphs(feature: LocalFeature, words: Array) -> Array:
    """Pictures (n, S, S) or (n, S, S, 3), in [0, 1], of descriptors (n, d).

    Raw patches are themselves. Of SIFT each cell has a ray for each direction, as bright as the gradients towards it
    are long. A filter bank's responses are those of the smallest patch of pixels that has them. Self-similarity is as
    bright in each bin of displacements as what lies there is like the middle.

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
        raise ValueError(
            f"There is no picture of what {feature} says; there is one of sift, raw, ssim and filters."
        )
    return GLYPHS[type(feature)](feature, np.asarray(words, float))


def stretched(pictures: Array) -> Array:
    """Each from 0, its least number, to 1, its largest."""
    axes = tuple(range(1, pictures.ndim))
    low, high = pictures.min(axis=axes, keepdims=True), pictures.max(axis=axes, keepdims=True)
    return (pictures - low) / np.maximum(high - low, 1e-12)


def _raw(feature: RawPatches, words: Array) -> Array:
    patches = words.reshape(len(words), -1, feature.size, feature.size)
    return stretched(patches[:, 0] if patches.shape[1] == 1 else patches.transpose(0, 2, 3, 1))


def _sift(feature: DenseSIFT, words: Array) -> Array:
    cells = np.maximum(words, 0).reshape(-1, SIDE, SIDE, ORIENTATIONS)
    cells = cells**2 if feature.root else cells
    cells = cells / np.maximum(cells.max(axis=(1, 2, 3), keepdims=True), 1e-12)
    y, x = np.mgrid[:CELL, :CELL] - (CELL - 1) / 2
    angles = 2 * np.pi * np.arange(ORIENTATIONS)[:, None, None] / ORIENTATIONS
    along, across = (
        x * np.cos(angles) - y * np.sin(angles),
        y * np.cos(angles) + x * np.sin(angles),
    )  # y is down
    rays = (
        np.clip(1.4 - np.abs(across), 0, 1)
        * np.clip(along + 0.5, 0, 1)
        * np.clip(CELL / 2 - along, 0, 1)
    )
    drawn = np.max(cells[..., None, None] * rays, axis=3)
    return drawn.transpose(0, 1, 3, 2, 4).reshape(len(words), SIDE * CELL, SIDE * CELL)


def _filters(feature: FilterBank, words: Array) -> Array:
    bank = feature.filters().astype(float)
    if feature.strongest:  # whatever its direction was, drawn upright
        bank = bank[:, [0, feature.orientations, -1]]
    lengths = np.linalg.norm(words, axis=1, keepdims=True)
    responses = words * (feature.floor * np.expm1(lengths) / np.maximum(lengths, 1e-12))
    side = bank.shape[-1]
    patches = responses @ np.linalg.pinv(bank.reshape(-1, side * side)).T
    edge = side // 4
    return stretched(patches.reshape(-1, side, side)[:, edge : side - edge, edge : side - edge])


def _similarity(feature: SelfSimilarity, words: Array) -> Array:
    away, bins = feature._displacements()
    side = 2 * feature.radius + 1
    pictures = np.full((len(words), side, side), MIDDLE)
    pictures[:, away[:, 0] + feature.radius, away[:, 1] + feature.radius] = stretched(words)[
        :, bins
    ]
    pictures[:, feature.radius, feature.radius] = 1
    return pictures


GLYPHS: dict[type, Callable[[Any, Array], Array]] = {
    RawPatches: _raw,
    DenseSIFT: _sift,
    FilterBank: _filters,
    SelfSimilarity: _similarity,
}
