"""Changed copies of training images, computed block by block and never stored."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from halfspaces.features.images import Images
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class Augmentation:
    """One changed copy of each image: mirrored, moved, or both.

    Parameters
    ----------
    flip : bool
        Exchange left and right.
    shift : int
        The largest move in pixels, up or down and to the left or right. The move of each image is
        drawn from all (2 shift + 1)² − 1 moves but the zero move. Pixels that come in at an edge
        repeat the edge.
    random_state : int
        Seed of the moves.

    Raises
    ------
    ValueError, TypeError
        In use, for a shift below 0 or as large as the images.

    Examples
    --------
    >>> print(Augmentation(flip=True, shift=2), bool(Augmentation()))
    mirrored and moved by up to 2 pixels False
    >>> image = np.arange(8, dtype=np.uint8).reshape(1, 2, 4)
    >>> Augmentation(flip=True).copies(image).planes(slice(0, 1)).tolist()
    [[[[3.0, 2.0, 1.0, 0.0], [7.0, 6.0, 5.0, 4.0]]]]
    """

    flip: bool = False
    shift: int = 0
    random_state: int = 0

    def __bool__(self) -> bool:
        return self.flip or self.shift > 0

    def __str__(self) -> str:
        moved = f"moved by up to {self.shift} pixel{'s' if self.shift > 1 else ''}"
        return " and ".join(["mirrored"] * self.flip + [moved] * (self.shift > 0))

    def seen_by(self, invariances: Collection[str]) -> "Augmentation":
        """The part of it that changes the rows of a feature with these invariances."""
        return replace(self, flip=self.flip and "flip" not in invariances)

    def copies(self, images: Any) -> Images:
        """The changed copies of images (N, H, W, 3) or (N, H, W), for `Feature.transform`."""
        given = Images(images)
        height, width, _ = given.shape
        check_number("shift", self.shift, at_least=0, integer=True)
        if self.shift >= min(height, width):
            problem = f"shift={self.shift} moves images of {height} x {width} pixels out of sight"
            raise ValueError(f"{problem}; give fewer pixels, or larger images.")
        return _Copies(given.pixels, self.flip, self.shift, self._moves(len(given)))

    def _moves(self, count: int) -> Array:
        """Moves down and to the right, (count, 2)."""
        if self.shift == 0:
            return np.zeros((count, 2), int)
        side = 2 * self.shift + 1
        drawn = np.random.default_rng(self.random_state).integers(0, side**2 - 1, count)
        drawn += drawn >= side**2 // 2  # skips the middle one, the zero move
        return np.stack(np.divmod(drawn, side), axis=1) - self.shift


@dataclass(frozen=True, eq=False)
class _Copies(Images):
    flip: bool
    shift: int
    moves: Array = field(repr=False)

    def planes(self, rows: Any) -> Array:
        """The changed copies of some images, as float32 (n, C, H, W)."""
        planes = super().planes(rows)
        planes = planes[..., ::-1] if self.flip else planes
        if self.shift == 0:
            return np.ascontiguousarray(planes)
        edge = (self.shift, self.shift)
        height, width = planes.shape[2:]
        copies = np.empty(planes.shape, planes.dtype)
        padded = np.pad(planes, ((0, 0), (0, 0), edge, edge), mode="edge")
        corners = self.shift - self.moves[rows]
        for copy, image, (top, left) in zip(copies, padded, corners, strict=True):
            copy[:] = image[:, top : top + height, left : left + width]
        return copies
