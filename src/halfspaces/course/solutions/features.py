"""Histograms of intensities and of orientations."""

import numpy as np

from halfspaces.support.types import Array


def intensity_histogram(image: Array, bins: int) -> Array:
    """The shares of the pixels in equal intervals of 0..16, (bins,)."""
    place = np.floor(image / 16 * bins).astype(int)
    place = np.minimum(place, bins - 1)
    return np.bincount(place.ravel(), minlength=bins) / image.size


def orientation_histogram(image: Array, bins: int) -> Array:
    """The orientations of the gradients weighted by their lengths, of length 1, (bins,)."""
    gy, gx = np.gradient(image.astype(float))
    length = np.hypot(gx, gy)
    angle = np.arctan2(gy, gx) % np.pi
    place = np.minimum((angle / np.pi * bins).astype(int), bins - 1)
    histogram = np.bincount(place.ravel(), weights=length.ravel(), minlength=bins)
    norm = np.linalg.norm(histogram)
    return histogram / norm if norm > 0 else histogram
