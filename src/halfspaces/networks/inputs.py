"""How a row of X becomes the input of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class Inputs:
    """The shape of an example in a row of X, and for the network.

    Parameters
    ----------
    n_features : int
        D, the length of a row.
    image_shape : (height, width, channels) or None
        None: plain features.
    planar : bool
        Whether a row holds one channel after the other; else one pixel after the other.

    Raises
    ------
    ValueError
        If the image does not have D values.

    Examples
    --------
    >>> Inputs(12, (2, 2, 3)).stored, Inputs(12, (2, 2, 3)).shape
    ((2, 2, 3), (3, 2, 2))
    """

    n_features: int
    image_shape: tuple[int, int, int] | None = None
    planar: bool = False

    def __post_init__(self) -> None:
        if self.image_shape is not None and prod(self.image_shape) != self.n_features:
            raise ValueError(
                f"image_shape={self.image_shape} has {prod(self.image_shape):,} values, but a row "
                f"of X has {self.n_features:,}; give the shape of the images in X."
            )

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of an example as its values lie in a row."""
        return self.shape if self.image_shape is None or self.planar else self.image_shape

    @property
    def shape(self) -> tuple[int, ...]:
        """(D,), or (channels, height, width): the shape of an example for the network."""
        if self.image_shape is None:
            return (self.n_features,)
        height, width, channels = self.image_shape
        return (channels, height, width)


def image_shape_of(given: Sequence[int]) -> tuple[int, int, int]:
    """(height, width, channels) of (height, width[, channels]).

    >>> image_shape_of((28, 28))
    (28, 28, 1)
    """
    shape = tuple(given) if isinstance(given, Sequence) else ()
    if isinstance(given, str) or len(shape) not in (2, 3):
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, channels), got {given!r}."
        )
    for size in shape:
        check_number("each size in image_shape", size, at_least=1, integer=True)
    height, width, channels = (*shape, 1)[:3]
    return (int(height), int(width), int(channels))
