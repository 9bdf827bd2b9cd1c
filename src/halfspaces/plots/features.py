"""Pictures of what features see, with matplotlib, which `pip install halfspaces[plots]` brings."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.features.bag import Bag, BagOfWords
from halfspaces.features.base import Feature, fresh
from halfspaces.features.color import ColorHistogram, HueHistogram
from halfspaces.features.hog import HOG
from halfspaces.features.images import Images
from halfspaces.features.lbp import LBP
from halfspaces.features.patches import Patches
from halfspaces.features.pixels import Pixels
from halfspaces.features.textons import Textons
from halfspaces.features.union import Mixture
from halfspaces.plots.glyphs import glyphs, stretched
from halfspaces.support.types import Array

FORMATS = (".png", ".svg", ".pdf")
LARGEST = 512  # pixels of the longer side of an image, unless another size is asked for
MOST_PATCHES = 400
MOST_WORDS = 49  # beside the map of an image
FRAME = 0.08  # of a word's picture


def check_format(out: Path) -> None:
    """Raise ValueError before the work, not after it, where the format is not known, ImportError without matplotlib."""
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"--out {out} must end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    _figure(1)


def size_of(image: Path) -> tuple[int, int] | None:
    """(height, width) of an image file, upright, made to fit; None of what is no single image."""
    from halfspaces.datasets.formats import decode_image

    if not image.is_file():
        return None
    try:
        with open(image, "rb") as stream:
            header = decode_image.look(stream)
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
            remedy = "give hog, hue, colors, lbp, words, textons or pixels"
            if isinstance(part, Patches):
                remedy = (
                    "its patches are learned: give a model (.safetensors) that was trained with it"
                )
            raise ValueError(f"There is no picture of {part} of an image; {remedy}.")
        part.fit(image[None])
    panels = [(part, draw) for part in parts for draw in PICTURES[type(part)]]
    figure = _figure(1 + len(panels))
    _image(
        figure.add_subplot(1, 1 + len(panels), 1),
        image,
        f"{image.shape[0]} x {image.shape[1]} pixels",
    )
    for at, (part, draw) in enumerate(panels, start=2):
        projection = "polar" if isinstance(part, HueHistogram) and part.cell is None else None
        axes = figure.add_subplot(1, 1 + len(panels), at, projection=projection)
        axes.set_title(str(part))
        draw(axes, part, image)
    return figure


def learned(feature: Feature | None, name: str) -> Any:
    """A Figure of what a fitted feature has learned: a sheet of the patches or words of each part that has some.

    Raises
    ------
    ValueError
        Where it has learned none.
    ImportError
        If matplotlib is missing.
    """
    parts = feature.parts_ if isinstance(feature, Mixture) else [feature]
    parts = [part for part in parts if isinstance(part, Patches | Bag)]
    if not parts:
        remedy = "give a model that was trained with --features patches or words"
        raise ValueError(f"{name} has learned no patches and no words; {remedy}.")
    figure = _figure(len(parts), size=8)
    for at, part in enumerate(parts, start=1):
        if isinstance(part, Patches):
            pictures, what = stretched(part.pictures()), "patches"
        else:
            pictures, what = (
                glyphs(part.of_, part.words_[np.argsort(_first_axes(part.words_)[:, 0])]),
                "words",
            )
        shown = pictures[
            np.linspace(0, len(pictures) - 1, min(len(pictures), MOST_PATCHES)).astype(int)
        ]
        title = f"{len(shown):,} of the {part.n:,} {what} of {part}"
        _image(figure.add_subplot(1, len(parts), at), _sheet(shown), title)
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
    axes.add_collection(
        LineCollection(
            lines[order], colors=[(1, 1, 1, alpha) for alpha in shade[order]], linewidths=1
        )
    )
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal", facecolor="black")
    axes.set(xticks=[], yticks=[])


def _hue(axes: Any, feature: HueHistogram, image: Array) -> None:
    """A wheel of the whole image's hues, or of each cell the hue it has most of."""
    from matplotlib.colors import hsv_to_rgb

    bins = feature.bins
    found = feature.transform(image[None]).reshape(-1, bins)
    hues = np.stack([(np.arange(bins) + 0.5) / bins, np.ones(bins), np.ones(bins)], axis=1)
    if feature.cell is None:
        axes.bar(
            2 * np.pi * hues[:, 0],
            found[0],
            width=2 * np.pi / bins,
            color=hsv_to_rgb(hues),
            edgecolor="grey",
        )
        axes.set(yticks=[])
        return
    rows, columns = image.shape[0] // feature.cell, image.shape[1] // feature.cell
    colours = (
        hsv_to_rgb(hues)[found.argmax(axis=1)]
        * (found.max(axis=1) / max(float(found.max()), 1e-12))[:, None]
    )
    _image(axes, colours.reshape(rows, columns, 3), "")


def _colors(axes: Any, feature: ColorHistogram, image: Array) -> None:
    """The colours of the bins, each as high as its part, in all cells together."""
    from matplotlib.colors import hsv_to_rgb

    bins = feature.bins
    parts = feature.transform(image[None]).reshape(-1, bins**3).mean(axis=0)
    colours = (np.stack(np.unravel_index(np.arange(bins**3), (bins,) * 3), axis=1) + 0.5) / bins
    axes.bar(
        np.arange(bins**3),
        parts,
        width=1.0,
        color=hsv_to_rgb(colours) if feature.space == "hsv" else colours,
    )
    axes.set(xticks=[], ylabel="part of the pixels")


def _lbp(axes: Any, feature: LBP, image: Array) -> None:
    """The pattern at each pixel."""
    patterns = (
        fresh(feature).set_params(cell=1).transform(image[None]).reshape(*image.shape[:2], -1)
    )
    axes.imshow(patterns.argmax(axis=2), cmap="nipy_spectral", interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def _pixels(axes: Any, feature: Pixels, image: Array) -> None:
    _image(axes, image, "")


def _map(axes: Any, feature: Bag, image: Array) -> None:
    """The nearest word at each point, in colours that are alike where words are."""
    _image(axes, _colours(feature.words_)[_nearest(feature, image)], axes.get_title())


def _vocabulary(axes: Any, feature: Bag, image: Array) -> None:
    """The words that are nearest most often, from the most frequent on, each in a frame of its colour on the map."""
    counts = np.bincount(_nearest(feature, image).ravel(), minlength=feature.n)
    often = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    often = often[counts[often] > 0]
    sheet = _sheet(glyphs(feature.of_, feature.words_[often]), _colours(feature.words_)[often])
    _image(axes, sheet, f"its {len(often):,} most frequent words of {feature.n:,}")


PICTURES: dict[type, tuple[Callable[..., None], ...]] = {
    HOG: (_hog,),
    HueHistogram: (_hue,),
    ColorHistogram: (_colors,),
    LBP: (_lbp,),
    Pixels: (_pixels,),
    BagOfWords: (_map, _vocabulary),
    Textons: (_map, _vocabulary),
}


def _nearest(feature: Bag, image: Array) -> Array:
    """The number of the nearest word at each point (rows, columns)."""
    (local,) = feature.of_._local_of_planes(Images(image[None]).planes(slice(0, 1)))
    words = feature.words_
    return np.argmin(np.einsum("nd,nd->n", words, words) - 2 * local @ words.T, axis=2)


def _first_axes(words: Array) -> Array:
    """Places of words (n, d) along the three directions in which they differ most, as far as there are so many."""
    centred = words - words.mean(axis=0)
    U, S, _ = np.linalg.svd(centred, full_matrices=False)
    places = U[:, :3] * S[:3]
    return np.pad(places, ((0, 0), (0, 3 - places.shape[1])))


def _colours(words: Array) -> Array:
    """A colour for each word (n, 3): red, green and blue in the order of the words along their first axes."""
    ranks = _first_axes(words).argsort(axis=0).argsort(axis=0)
    return 0.1 + 0.85 * ranks / max(len(words) - 1, 1)


def _sheet(pictures: Array, frames: Array | None = None) -> Array:
    """Pictures (n, S, S) or (n, S, S, C) row by row in a square, on white or each in a frame of its colour."""
    pictures = pictures if pictures.ndim == 4 else pictures[..., None]
    if frames is not None and pictures.shape[3] == 1:
        pictures = np.repeat(pictures, 3, axis=3)
    size, channels = pictures.shape[1], pictures.shape[3]
    side, frame = (
        int(np.ceil(np.sqrt(len(pictures)))),
        0 if frames is None else max(1, round(FRAME * size)),
    )
    gap = max(1, frame // 2)
    step = size + 2 * frame + gap
    sheet = np.ones((side * step - gap, side * step - gap, channels))
    for at, picture in enumerate(pictures):
        row, column = step * (at // side), step * (at % side)
        if frames is not None:
            sheet[row : row + step - gap, column : column + step - gap] = frames[at]
        sheet[row + frame : row + frame + size, column + frame : column + frame + size] = picture
    return sheet


def _image(axes: Any, image: Array, title: str) -> None:
    grey = image.ndim == 2 or image.shape[2] == 1
    axes.imshow(
        image.reshape(image.shape[:2]) if grey else image,
        cmap="gray" if grey else None,
        interpolation="nearest",
    )
    axes.set(xticks=[], yticks=[], title=title)


def _figure(panels: int, size: float = 4) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Plots need matplotlib; pip install 'halfspaces[plots]'.") from error
    return Figure(figsize=(size * panels, size + 0.4), layout="constrained")
