"""The picture of an image and of its description by each feature."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from halfspaces.datasets.formats import decode_image
from halfspaces.features.bag import BagOfWords
from halfspaces.features.base import Feature, fresh
from halfspaces.features.color import ColorHistogram, HueHistogram
from halfspaces.features.gist import GIST
from halfspaces.features.hog import HOG
from halfspaces.features.lbp import LBP
from halfspaces.features.patches import Patches
from halfspaces.features.pixels import Pixels
from halfspaces.features.sift import SIDE, DenseSIFT
from halfspaces.features.textons import Textons
from halfspaces.features.union import Mixture
from halfspaces.plots.figure import TITLE_PAD, new_figure, show_image
from halfspaces.plots.glyphs import glyphs
from halfspaces.plots.words import draw_frequent_words, draw_map
from halfspaces.support.types import Array

LONGEST_SIDE = 512  # pixels of an image, unless another size is asked for

Draw = Callable[[Any, Any, Array], None]  # of Axes, a fitted feature and an image


def size_of(image: Path) -> tuple[int, int] | None:
    """(height, width) at which an image file is drawn; None for all other files."""
    if not image.is_file():
        return None
    try:
        with open(image, "rb") as stream:
            header = decode_image.look(stream)
    except ValueError:
        return None
    scale = min(1.0, LONGEST_SIDE / max(header.height, header.width))
    return max(1, round(scale * header.height)), max(1, round(scale * header.width))


def plot_features(feature: Feature, image: Array) -> Any:
    """A Figure of an image, and beside it a picture of each part of a feature.

    Parameters
    ----------
    feature : Feature
        HOG, DenseSIFT, GIST, HueHistogram, ColorHistogram, LBP, Pixels, BagOfWords or Textons, or a
        Mixture of them.
        Each part is fitted to the image.
    image : array, shape (H, W, 3), (H, W, 1) or (H, W)

    Raises
    ------
    ValueError
        For a feature of another kind, and images that it refuses.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> figure = plot_features(HOG(), np.zeros((16, 16), np.uint8))
    >>> [axes.get_title() for axes in figure.axes]
    ['16 x 16 pixels', 'hog']
    """
    parts = list(feature.parts) if isinstance(feature, Mixture) else [feature]
    for part in parts:
        _check_drawable(part)
        part.fit(image[None])
    panels = [(part, draw) for part in parts for draw in PICTURES[type(part)]]
    count = 1 + len(panels)
    figure = new_figure(count)
    title = f"{image.shape[0]} x {image.shape[1]} pixels"
    show_image(figure.add_subplot(1, count, 1), image, title)
    for position, (part, draw) in enumerate(panels, start=2):
        is_wheel = isinstance(part, HueHistogram) and part.cell is None
        projection = "polar" if is_wheel else None
        axes = figure.add_subplot(1, count, position, projection=projection)
        axes.set_title(str(part), pad=TITLE_PAD)
        draw(axes, part, image)
    return figure


def _check_drawable(part: Feature) -> None:
    if type(part) in PICTURES:
        return
    remedy = "give hog, sift, gist, hue, colors, lbp, words, textons or pixels"
    if isinstance(part, Patches):
        learned = "its patches are learned"
        remedy = f"{learned}: give a model (.safetensors) that was trained with it"
    raise ValueError(f"There is no picture of {part} of an image; {remedy}.")


# ---------------------------------------------------------------------------------- of each feature


def _draw_hog(axes: Any, feature: HOG, image: Array) -> None:
    """In each cell a line along the edges of each direction; its brightness is their length."""
    plain: Any = fresh(feature).set_params(block=None)
    cell = plain.cell
    bins = plain.orientations
    height, width = image.shape[:2]
    cells = plain.transform(image[None]).reshape(height // cell, width // cell, bins)
    full = 2 * np.pi if plain.signed else np.pi
    angle = (np.arange(bins) + 0.5) * full / bins + np.pi / 2  # edges lie across their gradients
    _draw_stars(axes, cells, angle, (cell, cell), image)


def _draw_stars(
    axes: Any, lengths: Array, angles: Array, cell: tuple[float, float], image: Array
) -> None:
    """In each cell a line of each angle; its brightness is its length (rows, columns, angles)."""
    from matplotlib.collections import LineCollection

    y, x = (np.mgrid[: lengths.shape[0], : lengths.shape[1]] + 0.5) * np.reshape(
        cell, (2, 1, 1)
    ) - 0.5
    half = 0.45 * min(cell) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.stack([x, y], axis=-1)[:, :, None]
    lines: Any = np.stack([centres - half, centres + half], axis=3).reshape(-1, 2, 2)
    shade = (lengths / max(float(lengths.max()), 1e-12)).ravel()
    order = np.argsort(shade)
    colors = [(1, 1, 1, alpha) for alpha in shade[order]]
    axes.add_collection(LineCollection(lines[order], colors=colors, linewidths=1))
    height, width = image.shape[:2]
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    axes.set(facecolor="black", xticks=[], yticks=[])


def _draw_gist(axes: Any, feature: GIST, image: Array) -> None:
    """In each part a line along the edges of each direction; its brightness is their energy."""
    shape = (feature.scales, feature.orientations, feature.grid, feature.grid)
    energies = feature.transform(image[None]).reshape(shape)
    largest = energies.max(axis=(1, 2, 3), keepdims=True)
    mean = np.mean(energies / np.maximum(largest, 1e-12), axis=0)  # each scale counts the same
    angles = np.pi * (np.arange(feature.orientations) / feature.orientations + 0.5)
    cell = (image.shape[0] / feature.grid, image.shape[1] / feature.grid)
    _draw_stars(axes, mean.transpose(1, 2, 0), angles, cell, image)


def _draw_sift(axes: Any, feature: DenseSIFT, image: Array) -> None:
    """Patches side by side, a ray for each direction in each of their cells."""
    apart: Any = fresh(feature).set_params(step=SIDE * feature.cell)
    (local,) = apart.local(image[None])
    pictures = glyphs(apart, local)
    counts = [len(places) for places in apart.points(*image.shape[:2])]
    rows = pictures.reshape(*counts, *pictures.shape[1:])
    show_image(axes, np.concatenate(np.concatenate(rows, axis=1), axis=1), axes.get_title())


def _draw_hue(axes: Any, feature: HueHistogram, image: Array) -> None:
    """A wheel of the whole image's hues, or the most frequent hue of each cell."""
    from matplotlib.colors import hsv_to_rgb

    bins = feature.bins
    histograms = feature.transform(image[None]).reshape(-1, bins)
    hues = np.stack([(np.arange(bins) + 0.5) / bins, np.ones(bins), np.ones(bins)], axis=1)
    colours = hsv_to_rgb(hues)
    if feature.cell is None:
        bars = {"width": 2 * np.pi / bins, "color": colours, "edgecolor": "grey"}
        axes.bar(2 * np.pi * hues[:, 0], histograms[0], **bars)
        axes.set(xticks=[], yticks=[])
        return
    largest = histograms.max(axis=1)
    brightness = largest / max(float(largest.max()), 1e-12)
    cells = colours[histograms.argmax(axis=1)] * brightness[:, None]
    rows = image.shape[0] // feature.cell
    columns = image.shape[1] // feature.cell
    show_image(axes, cells.reshape(rows, columns, 3), axes.get_title())


def _draw_colors(axes: Any, feature: ColorHistogram, image: Array) -> None:
    """Bars in the colours of the bins, as high as their parts of all pixels."""
    from matplotlib.colors import hsv_to_rgb

    bins = feature.bins
    parts = feature.transform(image[None]).reshape(-1, bins**3).mean(axis=0)
    places = np.unravel_index(np.arange(bins**3), (bins,) * 3)
    middles = (np.stack(places, axis=1) + 0.5) / bins
    colours = hsv_to_rgb(middles) if feature.space == "hsv" else middles
    axes.bar(np.arange(bins**3), parts, width=1.0, color=colours)
    axes.set(xticks=[], ylabel="part of the pixels")


def _draw_lbp(axes: Any, feature: LBP, image: Array) -> None:
    """The pattern at each pixel."""
    by_pixel = fresh(feature).set_params(cell=1).transform(image[None])
    patterns = by_pixel.reshape(*image.shape[:2], -1).argmax(axis=2)
    axes.imshow(patterns, cmap="nipy_spectral", interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def _draw_pixels(axes: Any, feature: Pixels, image: Array) -> None:
    show_image(axes, image, axes.get_title())


PICTURES: dict[type[Feature], tuple[Draw, ...]] = {
    HOG: (_draw_hog,),
    DenseSIFT: (_draw_sift,),
    GIST: (_draw_gist,),
    HueHistogram: (_draw_hue,),
    ColorHistogram: (_draw_colors,),
    LBP: (_draw_lbp,),
    Pixels: (_draw_pixels,),
    BagOfWords: (draw_map, draw_frequent_words),
    Textons: (draw_map, draw_frequent_words),
}
