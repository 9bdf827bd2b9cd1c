"""Copies of training images that are changed a little, made block by block and stored nowhere."""

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
        Left and right change places.
    shift : int
        Pixels, at most, that a copy is moved by, up or down and to the left or right. Each image has a move of its own,
        drawn from all but none: (2 shift + 1)² − 1 of them. What comes in at an edge repeats the pixels there.
    random_state : int
        Of the moves.

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
        """What of it changes rows that have these invariances."""
        return replace(self, flip=self.flip and "flip" not in invariances)

    def copies(self, images: Any) -> Images:
        """The changed copies of images (N, H, W, 3) or (N, H, W), as `Feature.transform` takes them."""
        given = Images(images)
        height, width, _ = given.shape
        check_number("shift", self.shift, at_least=0, integer=True)
        if self.shift >= min(height, width):
            moved = f"shift={self.shift} moves images of {height} x {width} pixels out of sight"
            raise ValueError(f"{moved}; give fewer pixels, or larger images.")
        return _Copies(given.pixels, self.flip, self.shift, self._moves(len(given)))

    def _moves(self, count: int) -> Array:
        """Down and to the right, (count, 2)."""
        if self.shift == 0:
            return np.zeros((count, 2), int)
        side = 2 * self.shift + 1
        drawn = np.random.default_rng(self.random_state).integers(0, side**2 - 1, count)
        drawn += drawn >= side**2 // 2  # the middle one is none
        return np.stack(np.divmod(drawn, side), axis=1) - self.shift


@dataclass(frozen=True, eq=False)
class _Copies(Images):
    flip: bool
    shift: int
    moves: Array = field(repr=False)

    def planes(self, rows: Any) -> Array:
        """Some copies, as those of images."""
        planes = super().planes(rows)
        planes = planes[..., ::-1] if self.flip else planes
        if self.shift == 0:
            return np.ascontiguousarray(planes)
        edge = (self.shift, self.shift)
        height, width = planes.shape[2:]
        found = np.empty(planes.shape, planes.dtype)
        padded = np.pad(planes, ((0, 0), (0, 0), edge, edge), mode="edge")
        for copy, image, (top, left) in zip(
            found, padded, self.shift - self.moves[rows], strict=True
        ):
            copy[:] = image[:, top : top + height, left : left + width]
        return found
