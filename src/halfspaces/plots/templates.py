"""Class templates: the weights of each class, drawn as what they multiply.

A score is the inner product of an image and the template of the class. Weights of pixels are an
image; weights of HOG are a field of edges; weights of learned patches and words are drawn as the
patches and words that speak most for the class; weights of plain features are a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from halfspaces.features.bag import Bag
from halfspaces.features.base import Feature
from halfspaces.features.cells import cells_of
from halfspaces.features.hog import HOG
from halfspaces.features.patches import Patches
from halfspaces.features.pixels import Pixels
from halfspaces.features.union import Mixture
from halfspaces.loop.result import Result
from halfspaces.objective.objective import Objective
from halfspaces.plots.display import Display, shortened
from halfspaces.plots.figure import sheet_of
from halfspaces.plots.glyphs import glyphs, stretched
from halfspaces.plots.sources import Member, check_linear
from halfspaces.support.types import Array
from halfspaces.system.libraries import as_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from halfspaces.estimators.linear import LinearModel

CELL = 15  # pixels of a cell of HOG
STRONGEST = 9  # patches or words of a class
MOST_COLUMNS = 40  # of plain features: the ones with the largest weights
MOST_CLASSES = 100
LONGEST = 30  # characters of the names in a table
GREY_LEVEL = 0.5


class Part(NamedTuple):
    """A feature, and the columns of a row that it has computed."""

    feature: Feature
    columns: slice
    scale: Array | float  # by which its columns were divided


def columns_of(feature: Feature) -> list[Part]:
    """The parts of a fitted feature."""
    if not isinstance(feature, Mixture):
        return [Part(feature, slice(None), 1.0)]
    parts = []
    start = 0
    for part in feature.parts_:
        stop = start + len(part.get_feature_names_out())
        parts.append(Part(part, slice(start, stop), feature.scale_[start:stop]))
        start = stop
    return parts


def weights_by_class(estimator: "LinearModel | Member") -> Array:
    """coef_ with a row for each class; of two classes the rows are opposite."""
    coef = np.asarray(as_numpy(estimator.coef_), dtype=float)
    return np.concatenate([-coef / 2, coef / 2]) if len(estimator.classes_) == 2 else coef


@dataclass(eq=False)
class TemplatesDisplay(Display):
    """A picture of the weights of each class.

    Parameters
    ----------
    pictures : array, shape (C, h, w) or (C, h, w, 3)
        In [0, 1]; of plain features weights (C, columns), positive and negative.
    names : list of str
        Of the classes.
    about : str
        What a picture shows.
    columns : list of str
        Names of plain features.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from halfspaces import LinearClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = LinearClassifier(strength=0.1).fit(X, y)
    >>> TemplatesDisplay.from_estimator(classifier, image_shape=(8, 8)).pictures.shape
    (10, 8, 8)
    """

    kind: ClassVar[str] = "templates"
    pictures: Array = field(repr=False)
    names: list[str]
    about: str
    columns: list[str] = field(default_factory=list, repr=False)

    @classmethod
    def from_estimator(
        cls,
        estimator: "LinearModel | Member",
        *,
        feature: Feature | None = None,
        image_shape: Sequence[int] | None = None,
        planar: bool | None = None,
        scale: Array | None = None,
        class_names: Sequence[object] | None = None,
    ) -> Self:
        """Of a fitted estimator.

        Parameters
        ----------
        estimator : LinearClassifier or LinearClassifierCV
        feature : Feature or None
            The fitted feature that computed the rows; None takes that of a loaded model.
        image_shape : (height, width) or (height, width, channels), optional
            Of images whose pixels are the columns; None takes that of a loaded model.
        planar : bool, optional
            Whether a row holds all of the first channel, then all of the second, as in CIFAR-10;
            None takes that of a loaded model.
        scale : array, shape (D,), optional
            The standard deviations of plain features. Weights are multiplied by them: otherwise a
            feature of small values looks important, since its weights must be large.
        class_names : sequence, optional

        Raises
        ------
        ValueError
            For images of another size, and features whose weights have no picture.
        """
        check_linear(estimator)
        weights = weights_by_class(estimator)
        notes = getattr(estimator, "notes_", {})
        feature = feature or getattr(estimator, "features_", None)
        shape = tuple(image_shape or notes.get("image_shape") or ())
        given = class_names or notes.get("class_names")
        names = [str(name) for name in (estimator.classes_ if given is None else given)]
        names = names[: len(weights)][:MOST_CLASSES]
        weights = weights[:MOST_CLASSES]
        if feature is not None:
            pictures, about = _of_feature(feature, weights)
            return cls(pictures, names, about)
        if shape:
            is_planar = notes.get("planar", False) if planar is None else planar
            return cls(_images(weights, shape, planar=is_planar), names, "weights of pixels")
        about = "weights of the features"
        if scale is not None:
            weights = weights * scale
            about = "weights × standard deviations of the features"
        labels = getattr(estimator, "feature_names_in_", np.arange(weights.shape[1]))
        strongest = np.sort(np.argsort(-np.abs(weights).max(axis=0))[:MOST_COLUMNS])
        some = "" if len(strongest) == weights.shape[1] else f"{len(strongest)} largest "
        columns = [shortened(str(labels[column]), LONGEST) for column in strongest]
        return cls(weights[:, strongest], names, f"{some}{about}", columns)

    @classmethod
    def from_result(
        cls, result: Result, objective: Objective, *, member: int = 0, **options: Any
    ) -> Self:
        """Of one member of a result of `minimize`; options are those of `from_estimator`."""
        return cls.from_estimator(Member(result, objective, member), **options)

    @property
    def alt(self) -> str:
        """What is seen, in words."""
        return f"The {self.about} for each of {len(self.names)} classes: {', '.join(self.names)}."

    @property
    def _across(self) -> int:
        """Pictures side by side."""
        return min(len(self.names), 5 if len(self.names) <= 20 else 10)

    @property
    def shape(self) -> tuple[float, float]:
        """Wide enough for the pictures, or for the columns of the table."""
        if self.columns:
            names, columns = (max(map(len, words)) for words in (self.names, self.columns))
            width = 2.4 + 0.28 * len(self.columns) + 0.08 * min(names, LONGEST)
            return width, 1.3 + 0.3 * len(self.names) + 0.08 * columns
        down = -(-len(self.names) // self._across)
        side = 1.6 if self._across <= 5 else 1.1
        return side * self._across, (side + 0.3) * down + 0.3

    def draw(self, ax: "Axes") -> None:
        """Draw on Axes."""
        if self.columns:
            self._draw_table(ax)
        else:
            draw_pictures(ax, list(self.pictures), self.names, self._across)
        ax.set_title(self.about)

    def _draw_table(self, ax: "Axes") -> None:
        most = float(np.abs(self.pictures).max()) or 1.0
        image = ax.imshow(self.pictures, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
        ax.set_xticks(np.arange(len(self.columns)), self.columns, rotation=90)
        ax.set_yticks(np.arange(len(self.names)), [shortened(each, LONGEST) for each in self.names])
        for (row, column), weight in np.ndenumerate(self.pictures):
            if weight < -0.1 * most:
                ax.text(column, row, "−", ha="center", va="center", fontsize=7)
        ax.set_xlabel("−: a negative weight")
        ax.figure.colorbar(image, ax=ax, label="weight")


def draw_pictures(
    ax: "Axes", pictures: list[Array], captions: Sequence[str], across: int, *, font: float = 9
) -> None:
    """Small pictures in a grid on one Axes, each with a caption above it."""
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    height, width = pictures[0].shape[:2]
    unit = 1.0 / max(height, width)
    tall = height * unit + 0.19 * lines
    wide = width * unit
    brightest = max(float(picture.max()) for picture in pictures) or 1.0
    for position, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = (wide + 0.12) * (position % across)
        top = (tall + 0.06) * (position // across) + 0.19 * lines
        flat = picture.ndim == 2 or picture.shape[2] == 1
        shown = picture.reshape(picture.shape[:2]) if flat else picture
        extent = (left, left + wide, top + height * unit, top)
        ax.imshow(
            shown,
            extent=extent,
            cmap="gray" if flat else None,
            interpolation="nearest",
            vmin=0,
            vmax=brightest,
        )
        ax.text(left + wide / 2, top - 0.03, caption, ha="center", va="bottom", fontsize=font)
    down = -(-len(pictures) // across)
    count = min(across, len(pictures))
    ax.set(
        xlim=(-0.02, (wide + 0.12) * count - 0.1), ylim=((tall + 0.06) * down, 0), aspect="equal"
    )
    ax.axis("off")


def _images(weights: Array, shape: tuple[int, ...], *, planar: bool = False) -> Array:
    if int(np.prod(shape)) != weights.shape[1]:
        size = " x ".join(map(str, shape))
        raise ValueError(
            f"image_shape={shape} has {int(np.prod(shape)):,} values and the model takes "
            f"{weights.shape[1]:,} columns; templates of {size} need a model of these pixels."
        )
    grey = len(shape) == 2 or shape[2] == 1
    if planar and not grey:
        planes = weights.reshape(-1, shape[-1], shape[0], shape[1])
        return contrast(planes.transpose(0, 2, 3, 1))
    return contrast(weights.reshape(-1, *(shape[:2] if grey else shape)))


def contrast(pictures: Array) -> Array:
    """Pictures (n, ...) in [0, 1], each scaled to its own range but for a few outliers.

    Pixels that are almost never on have weights many times as large as all others.
    """
    flat = pictures.reshape(len(pictures), -1)
    low, high = np.percentile(flat, [5, 95], axis=1)
    room = 0.5 * (high - low)
    low = np.maximum(low - room, flat.min(axis=1))[:, None]
    high = np.minimum(high + room, flat.max(axis=1))[:, None]
    return np.clip((flat - low) / np.maximum(high - low, 1e-30), 0, 1).reshape(pictures.shape)


def _of_feature(feature: Feature, weights: Array) -> tuple[Array, str]:
    """The pictures of the first part that has one, and what they show."""
    for part in columns_of(feature):
        draw = PICTURES.get(type(part.feature)) or next(
            (draw for kind, draw in PICTURES.items() if isinstance(part.feature, kind)), None
        )
        if draw is not None:
            return draw(part.feature, weights[:, part.columns] / part.scale)
    raise ValueError(
        f"There is no picture of the weights of {feature}; there is one of pixels, hog, patches "
        "and words."
    )


def _of_pixels(feature: Pixels, weights: Array) -> tuple[Array, str]:
    return _images(weights, tuple(feature.image_shape_)), "weights of pixels"


def _of_hog(feature: HOG, weights: Array) -> tuple[Array, str]:
    """Edges for the class bright, edges against it dark, on grey."""
    field_ = _hog_cells(feature, weights)
    rays = _rays(feature)
    most = np.abs(field_).max(axis=(1, 2, 3), keepdims=True)
    drawn = np.einsum("crka,ahw->crhkw", field_ / np.maximum(most, 1e-12), rays)
    n, rows, _, columns, _ = drawn.shape
    pictures = drawn.reshape(n, rows * CELL, columns * CELL)
    return np.clip(GREY_LEVEL + 0.5 * pictures, 0, 1), "weights of edges (bright: for the class)"


def _hog_cells(feature: HOG, weights: Array) -> Array:
    """Weights (C, rows, columns, orientations) of cells: the sums over the blocks of each."""
    height, width, _ = feature.image_shape_
    rows, columns, *_ = cells_of(feature.cell, height, width)
    bins = feature.orientations
    if feature.block is None:
        return weights.reshape(-1, rows, columns, bins)
    block = feature.block
    down, across = rows - block + 1, columns - block + 1
    blocks = weights.reshape(-1, down, across, block, block, bins)
    cells = np.zeros((len(weights), rows, columns, bins))
    for row in range(block):
        for column in range(block):
            cells[:, row : row + down, column : column + across] += blocks[:, :, :, row, column]
    return cells


def _rays(feature: HOG) -> Array:
    """A line along the edges of each direction, (orientations, CELL, CELL)."""
    full = 2 * np.pi if feature.signed else np.pi
    angles = (np.arange(feature.orientations) + 0.5) * full / feature.orientations
    y, x = np.mgrid[:CELL, :CELL] - (CELL - 1) / 2
    across = x * np.cos(angles)[:, None, None] + y * np.sin(angles)[:, None, None]
    inside = np.hypot(x, y) <= CELL / 2
    return np.clip(1.3 - np.abs(across), 0, 1) * inside


def _of_patches(feature: Patches, weights: Array) -> tuple[Array, str]:
    """The patches with the largest weights, on average over regions and thresholds."""
    by_patch = weights.reshape(len(weights), -1, 2, feature.n).mean(axis=1)
    signs = by_patch.reshape(len(weights), -1)  # the patches, then their negatives
    pictures = stretched(feature.pictures())
    return _strongest(np.concatenate([pictures, 1 - pictures]), signs), (
        "patches with the largest weights"
    )


def _of_words(feature: Bag, weights: Array) -> tuple[Array, str]:
    """The words with the largest weights, on average over regions."""
    by_word = weights.reshape(len(weights), -1, feature.n).mean(axis=1)
    pictures = glyphs(feature.of_, feature.words_)
    return _strongest(pictures, by_word), "words with the largest weights"


def _strongest(pictures: Array, weights: Array) -> Array:
    """A sheet (h, w) or (h, w, 3) for each class of the pictures with the largest weights."""
    count = min(STRONGEST, len(pictures))
    order = np.argsort(-weights, axis=1)[:, :count]
    return np.stack([sheet_of(pictures[chosen]) for chosen in order])


PICTURES: dict[type[Feature], Callable[[Any, Array], tuple[Array, str]]] = {
    Pixels: _of_pixels,
    HOG: _of_hog,
    Patches: _of_patches,
    Bag: _of_words,
}
