"""Visual words: a map of an image, its most frequent words, and the vocabulary of a feature."""

from typing import Any

import numpy as np

from halfspaces.features.bag import Bag
from halfspaces.features.images import Images
from halfspaces.plots.figure import sheet_of, show_image
from halfspaces.plots.glyphs import glyphs
from halfspaces.support.types import Array

MOST_WORDS = 49  # beside the map of an image


def draw_map(axes: Any, feature: Bag, image: Array) -> None:
    """Draw the nearest word at each point; similar words have similar colours."""
    show_image(axes, _colours(feature.words_)[nearest_words(feature, image)], axes.get_title())


def draw_frequent_words(axes: Any, feature: Bag, image: Array) -> None:
    """Draw the words that are nearest most often, each in a frame of its colour on the map."""
    counts = np.bincount(nearest_words(feature, image).ravel(), minlength=feature.n)
    frequent = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    frequent = frequent[counts[frequent] > 0]
    pictures = glyphs(feature.of_, feature.words_[frequent])
    sheet = sheet_of(pictures, _colours(feature.words_)[frequent])
    show_image(axes, sheet, f"its {len(frequent):,} most frequent words of {feature.n:,}")


def nearest_words(feature: Bag, image: Array) -> Array:
    """The number of the nearest word at each point of an image, (rows, columns)."""
    planes = Images(image[None]).planes(slice(0, 1))
    (local,) = feature.of_._local_of_planes(planes)
    words = feature.words_
    squares = np.einsum("nd,nd->n", words, words)
    return np.argmin(squares - 2 * local @ words.T, axis=2)


def sorted_glyphs(feature: Bag) -> Array:
    """Pictures of all words, in the order of their first principal component."""
    order = np.argsort(_principal_components(feature.words_)[:, 0])
    return glyphs(feature.of_, feature.words_[order])


def _principal_components(words: Array) -> Array:
    """The first three principal components of words (n, d); missing ones are 0."""
    centred = words - words.mean(axis=0)
    U, S, _ = np.linalg.svd(centred, full_matrices=False)
    components = U[:, :3] * S[:3]
    return np.pad(components, ((0, 0), (0, 3 - components.shape[1])))


def _colours(words: Array) -> Array:
    """A colour for each word (n, 3): its ranks in the first three principal components."""
    ranks = _principal_components(words).argsort(axis=0).argsort(axis=0)
    return 0.1 + 0.85 * ranks / max(len(words) - 1, 1)
