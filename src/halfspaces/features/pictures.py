"""Pictures of what features see, with matplotlib, which `pip install halfspaces[plots]` brings."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.features.base import Feature, fresh
from halfspaces.features.color import ColorHistogram, HueHistogram
from halfspaces.features.hog import HOG
from halfspaces.features.images import Array
from halfspaces.features.lbp import LBP
from halfspaces.features.mixture import Mixture
from halfspaces.features.patches import Patches
from halfspaces.features.pixels import Pixels

FORMATS = (".png", ".svg", ".pdf")
LARGEST = 512  # pixels of the longer side of an image, unless another size is asked for
MOST_PATCHES = 400


def check_format(out: Path) -> None:
    """Raise ValueError before the work, not after it, where the format is not known, ImportError without matplotlib."""
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"--out {out} must end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    _figure(1)


def size_of(image: Path) -> tuple[int, int] | None:
    """(height, width) of an image file, upright, made to fit; None of what is no single image."""
    from halfspaces.datasets import pixels

    if not image.is_file():
        return None
    try:
        with open(image, "rb") as stream:
            header = pixels.look(stream)
    except ValueError:
        return None
    scale = min(1.0, LARGEST / max(header.height, header.width))
    return max(1, round(scale * header.height)), max(1, round(scale * header.width))


def seen(feature: Feature, image: Array) -> Any:
    """A Figure: the image, and beside it what each part of a feature sees in it.

    Parameters
    ----------
    feature : Feature
        HOG, HueHistogram, ColorHistogram, LBP or Pixels, or a Mixture of them.
    image : array, shape (H, W, 3), (H, W, 1) or (H, W)

    Raises
    ------
    ValueError
        For a feature of another kind, and images that it refuses.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> figure = seen(HOG(), np.zeros((16, 16), np.uint8))
    >>> [axes.get_title() for axes in figure.axes]
    ['16 x 16 pixels', 'hog']
    """
    parts = list(feature.parts) if isinstance(feature, Mixture) else [feature]
    for part in parts:
        if type(part) not in PICTURES:
            remedy = "give hog, hue, colors, lbp or pixels"
            if isinstance(part, Patches):
                remedy = "its patches are learned: give a model (.safetensors) that was trained with it"
            raise ValueError(f"There is no picture of {part} of an image; {remedy}.")
        part.fit(image[None])
    figure = _figure(1 + len(parts))
    _image(figure.add_subplot(1, 1 + len(parts), 1), image, f"{image.shape[0]} x {image.shape[1]} pixels")
    for at, part in enumerate(parts, start=2):
        projection = "polar" if isinstance(part, HueHistogram) and part.cell is None else None
        axes = figure.add_subplot(1, 1 + len(parts), at, projection=projection)
        PICTURES[type(part)](axes, part, image)
        axes.set_title(str(part))
    return figure


def learned(feature: Feature | None, name: str) -> Any:
    """A Figure of the patches that the first `Patches` of a fitted feature has learned.

    Raises
    ------
    ValueError
        Where it has learned none.
    ImportError
        If matplotlib is missing.
    """
    parts = feature.parts_ if isinstance(feature, Mixture) else [feature]
    patches = next((part for part in parts if isinstance(part, Patches)), None)
    if patches is None:
        raise ValueError(f"{name} has learned no patches; give a model that was trained with --features patches.")
    pictures = patches.pictures()[:MOST_PATCHES]
    low, high = (edge(pictures, axis=(1, 2, 3), keepdims=True) for edge in (np.min, np.max))
    pictures = (pictures - low) / np.maximum(high - low, 1e-12)
    side, gap = int(np.ceil(np.sqrt(len(pictures)))), patches.size + 1
    sheet = np.ones((side * gap - 1, side * gap - 1, pictures.shape[3]))
    for at, picture in enumerate(pictures):
        row, column = gap * (at // side), gap * (at % side)
        sheet[row : row + patches.size, column : column + patches.size] = picture
    figure = _figure(1, size=8)
    _image(figure.add_subplot(), sheet, f"{len(pictures):,} of the {patches.n:,} patches of {patches}")
    return figure


def content(figure: Any, out: Path) -> bytes:
    """A Figure as a file, in the format that the name of `out` tells."""
    stream = BytesIO()
    figure.savefig(stream, format=out.suffix.lower().removeprefix("."), dpi=150)
    return stream.getvalue()


# --- of each feature ---------------------------------------------------------------------------------------------


def _hog(axes: Any, feature: HOG, image: Array) -> None:
    """In each cell a line along the edges of each direction, as bright as their gradients are long."""
    from matplotlib.collections import LineCollection

    plain: Any = fresh(feature).set_params(block=None)
    cell, bins = plain.cell, plain.orientations
    height, width = image.shape[:2]
    cells = plain.transform(image[None]).reshape(height // cell, width // cell, bins)
    turn = 2 * np.pi if plain.signed else np.pi
    angle = (np.arange(bins) + 0.5) * turn / bins + np.pi / 2  # edges lie across their gradients
    y, x = (np.mgrid[: cells.shape[0], : cells.shape[1]] + 0.5) * cell - 0.5
    half = 0.45 * cell * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centres = np.stack([x, y], axis=-1)[:, :, None]
    lines: Any = np.stack([centres - half, centres + half], axis=3).reshape(-1, 2, 2)
    shade = (cells / max(float(cells.max()), 1e-12)).ravel()
    order = np.argsort(shade)
    axes.add_collection(LineCollection(lines[order], colors=[(1, 1, 1, alpha) for alpha in shade[order]], linewidths=1))
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal", facecolor="black")
    axes.set(xticks=[], yticks=[])


def _hue(axes: Any, feature: HueHistogram, image: Array) -> None:
    """A wheel of the whole image's hues, or of each cell the hue it has most of."""
    from matplotlib.colors import hsv_to_rgb

    bins = feature.bins
    found = feature.transform(image[None]).reshape(-1, bins)
    hues = np.stack([(np.arange(bins) + 0.5) / bins, np.ones(bins), np.ones(bins)], axis=1)
    if feature.cell is None:
        axes.bar(2 * np.pi * hues[:, 0], found[0], width=2 * np.pi / bins, color=hsv_to_rgb(hues), edgecolor="grey")
        axes.set(yticks=[])
        return
    rows, columns = image.shape[0] // feature.cell, image.shape[1] // feature.cell
    colours = hsv_to_rgb(hues)[found.argmax(axis=1)] * (found.max(axis=1) / max(float(found.max()), 1e-12))[:, None]
    _image(axes, colours.reshape(rows, columns, 3), "")


def _colors(axes: Any, feature: ColorHistogram, image: Array) -> None:
    """The colours of the bins, each as high as its part, in all cells together."""
    from matplotlib.colors import hsv_to_rgb

    bins = feature.bins
    parts = feature.transform(image[None]).reshape(-1, bins**3).mean(axis=0)
    colours = (np.stack(np.unravel_index(np.arange(bins**3), (bins,) * 3), axis=1) + 0.5) / bins
    axes.bar(np.arange(bins**3), parts, width=1.0, color=hsv_to_rgb(colours) if feature.space == "hsv" else colours)
    axes.set(xticks=[], ylabel="part of the pixels")


def _lbp(axes: Any, feature: LBP, image: Array) -> None:
    """The pattern at each pixel."""
    patterns = fresh(feature).set_params(cell=1).transform(image[None]).reshape(*image.shape[:2], -1)
    axes.imshow(patterns.argmax(axis=2), cmap="nipy_spectral", interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def _pixels(axes: Any, feature: Pixels, image: Array) -> None:
    _image(axes, image, "")


PICTURES: dict[type, Callable[..., None]] = {
    HOG: _hog,
    HueHistogram: _hue,
    ColorHistogram: _colors,
    LBP: _lbp,
    Pixels: _pixels,
}


def _image(axes: Any, image: Array, title: str) -> None:
    grey = image.ndim == 2 or image.shape[2] == 1
    axes.imshow(
        image.reshape(image.shape[:2]) if grey else image, cmap="gray" if grey else None, interpolation="nearest"
    )
    axes.set(xticks=[], yticks=[], title=title)


def _figure(panels: int, size: float = 4) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Plots need matplotlib; pip install 'halfspaces[plots]'.") from error
    return Figure(figsize=(size * panels, size + 0.4), layout="constrained")
