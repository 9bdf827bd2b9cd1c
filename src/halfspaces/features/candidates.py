"""The features that `--features auto` races, and how long each takes.

Seconds are those of two cores that multiply matrices at 140 GFLOP/s in float32. They decide which
candidates a budget allows. This must not depend on the machine, so they are not measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from halfspaces.features.encoders import published
from halfspaces.features.expressions import parse
from halfspaces.tuning.race import fitting_seconds

PIXELS = "pixels"
SIDES = (64, 96)  # to which images are reduced that are larger than 32 x 32
UNIT = 32 * 32  # pixels of an image whose time and columns are given
SMOOTHING = 0.2  # of labels, for tens of thousands of columns
LEAST_SIDE_OF_ENCODER = 24  # pixels: smaller images have nothing that a network knows


@dataclass(frozen=True)
class Candidate:
    """A feature, the side of its images, and its cost.

    Parameters
    ----------
    features : str
        An expression.
    microseconds : float
        To describe an image of 32 × 32 pixels; the time grows with the pixels.
    columns : int
        Of such an image.
    learning : float
        Seconds to learn from the images.
    grows : bool
        Whether columns grow with the number of pixels.
    side : int or None
        Images are reduced to side × side pixels; None leaves them as they are.
    own_size : bool
        Whether the feature resizes images itself: it receives them at this side, or as they are if
        they are smaller.
    label_smoothing : float
        Of the softmax loss that goes with it: with tens of thousands of columns nearly every image
        is fitted, and smoothing reduces the weight of those that cannot be explained.
    """

    features: str
    microseconds: float
    columns: int
    learning: float = 0.0
    grows: bool = True
    side: int | None = None
    own_size: bool = False
    label_smoothing: float = 0.0

    def __str__(self) -> str:
        """The expression, and the side where images are reduced.

        >>> print(Candidate("hog+hue", 20, 334, side=64))
        hog+hue at 64 x 64
        """
        if self.side is None or self.own_size:
            return self.features
        return f"{self.features} at {self.side} x {self.side}"

    def describing(self, n_images: int, pixels: int) -> float:
        """The seconds to learn and to describe images of so many pixels.

        >>> Candidate("patches(n=256)", 600, 9216, learning=4).describing(60_000, 1024)
        40.0
        """
        return self.learning + 1e-6 * self.microseconds * self._size(pixels) * n_images

    def fitting(self, n_rows: int, n_classes: int, pixels: int) -> float:
        """The seconds to choose λ and to fit.

        >>> round(Candidate("patches(n=256)", 600, 9216, grows=False).fitting(50_000, 10, 1024))
        32
        """
        columns = self.columns * (self._size(pixels) if self.grows else 1.0)
        return fitting_seconds(n_rows, columns, n_classes)

    def _size(self, pixels: int) -> float:
        """Its images have so many times the pixels of one of 32 × 32."""
        return (pixels if self.side is None else self.side**2) / UNIT


_PATCHES = (
    Candidate("patches(n=256)", 600, 9216, 4, grows=False),
    Candidate("patches(n=256)+patches(n=256, shrink=2)", 750, 18_432, 8, grows=False),
)
_TWO_SCALES = "patches+patches(shrink=2, grid=2)"
_UNION = "hog(cell=4)+hog+hue(cell=8)+colors(cell=16)+lbp"
_WORDS = Candidate("words", 300, 5376, 10, grows=False)
OF_COLOR = (  # those that are likely to win for what they cost come first
    Candidate(PIXELS, 0, 3072),
    Candidate("hog+hue", 20, 334),
    Candidate(_UNION, 60, 3448),
    *_PATCHES,
    Candidate(f"{_TWO_SCALES}+{_UNION}", 2900, 56_696, 20, grows=False, label_smoothing=SMOOTHING),
    _WORDS,
)
OF_GREY = (
    Candidate(PIXELS, 0, 1024),
    Candidate("hog", 10, 324),
    Candidate("hog(cell=4)+hog", 20, 2088),
    Candidate("hog(cell=4)+hog+lbp", 40, 3032),
    *_PATCHES,
    Candidate(_TWO_SCALES, 2800, 53_248, 20, grows=False, label_smoothing=SMOOTHING),
    _WORDS,
)
ENCODER = Candidate("encoder", 100, 1280, 2, grows=False, side=224, own_size=True)


def candidates(shape: tuple[int, int, int], sides: Iterable[int] = ()) -> tuple[Candidate, ...]:
    """The candidates for images of this shape, those first that are to be raced first.

    Those that need larger images are left out. An encoder is among the others if it is installed.

    Parameters
    ----------
    shape : tuple of int
        Height, width and channels.
    sides : iterable of int
        To which images may be reduced, beside the size that they have. Pixels stay small.

    Examples
    --------
    >>> [str(candidate) for candidate in candidates((8, 8, 1))]
    ['pixels', 'patches(n=256)']
    """
    ladder = OF_COLOR if shape[2] == 3 else OF_GREY
    fitting = [step for step in ladder if _takes(step, shape)]
    larger = [replace(step, side=side) for side in sides for step in ladder[2:]]
    big_enough = max(*shape[:2], *sides) >= LEAST_SIDE_OF_ENCODER
    encoders = [ENCODER] if big_enough and published.is_installed() else []
    return (*fitting[:2], *encoders, *fitting[2:], *larger)


def _takes(candidate: Candidate, shape: tuple[int, int, int]) -> bool:
    """Whether images of this shape are large enough."""
    try:
        parse(candidate.features)._check_shape(shape)
    except ValueError:
        return False
    return True
