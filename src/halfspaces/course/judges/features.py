"""Histograms of images: what they are for known images, and what must not change them."""

import numpy as np

from halfspaces.course.findings import Remark
from halfspaces.course.handin import HandIn
from halfspaces.course.judges.digits import drawn
from halfspaces.course.judges.results import Check, array, close, finite, generator
from halfspaces.support.types import Array

BINS = (4, 7, 9)
NEAR = 1e-6


def _shares(handin: HandIn, image: Array, bins: int) -> Array:
    returned = handin.call("intensity_histogram", image, bins, names="image")
    histogram = array(returned.value, (bins,))
    finite(histogram)
    return histogram


def _orientations(handin: HandIn, image: Array, bins: int) -> Array:
    returned = handin.call("orientation_histogram", image, bins, names="image")
    histogram = array(returned.value, (bins,))
    finite(histogram)
    return histogram


def _images(rng: np.random.Generator) -> list[Array]:
    """Digits and an image of another size, with values that are at no bound of a bin."""
    some = drawn(rng, 2).X.reshape(2, 8, 8) * 15.9 + rng.uniform(0.01, 0.05, (2, 8, 8))
    return [*some, rng.uniform(0, 12, (9, 13))]


def _right_shares(image: Array, bins: int) -> Array:
    place = np.minimum((image * bins / 16).astype(int), bins - 1)
    return np.bincount(place.ravel(), minlength=bins) / image.size


def _intensities(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "intensities")
    for image, bins in zip(_images(rng), BINS, strict=True):
        shares, right = _shares(handin, image, bins), _right_shares(image, bins)
        if not close(shares, right):
            return _why(shares, right, image.size)
    image = np.array([[0.0, 3.0, 4.0], [16.0, 16.0, 15.0]])
    shares = _shares(handin, image, 4)
    return None if close(shares, _right_shares(image, 4)) else Remark("histogram_last")


def _why(shares: Array, right: Array, pixels: int) -> Remark:
    if close(shares, right * pixels):
        return Remark("histogram_counts")
    return Remark("histogram_unknown" if close(shares.sum(), 1.0) else "histogram_sum")


def _places(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "places")
    image = _images(rng)[0]
    shares = _shares(handin, image, 5)
    mixed = rng.permutation(image.ravel()).reshape(4, 16)
    if not close(shares, _shares(handin, mixed, 5)):
        return Remark("histogram_places")
    other = _shares(handin, 16 - image, 5)
    return _intensities(handin, seed) if close(shares, other) else None


def _edges(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "edges")
    step = float(rng.uniform(3, 9))
    vertical = np.zeros((8, 10))
    vertical[:, 5:] = step
    horizontal = np.zeros((10, 8))
    horizontal[5:] = step
    for bins in BINS[1:]:
        first, middle = np.eye(bins)[0], np.eye(bins)[int(bins / 2)]
        flat = handin.call("orientation_histogram", np.full((6, 6), step), bins).value
        if not np.array_equal(array(flat, (bins,)), np.zeros(bins)):
            return Remark("edge_flat")
        found, other = (_orientations(handin, image, bins) for image in (vertical, horizontal))
        if close(found, middle) and close(other, first):
            return Remark("edge_swapped")
        if close(found, first, NEAR) and close(other, middle, NEAR):
            continue
        lengths = found[0], other[int(bins / 2)]
        is_long = close(found, lengths[0] * first, NEAR) and close(other, lengths[1] * middle, NEAR)
        return Remark("edge_length" if is_long and min(lengths) > 0 else "edge_bin")
    return _votes(handin, step)


def _votes(handin: HandIn, step: float) -> Remark | None:
    """A vertical edge, and a horizontal one of a third of its strength."""
    place = np.arange(24) >= 12
    image = step * (3.0 * place + place[:, None])
    histogram = _orientations(handin, image, 9)
    return None if histogram[0] > 2 * histogram[4] > 0 else Remark("edge_votes")


def _brightness(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "brightness")
    image = _images(rng)[0] / 4
    usual = _orientations(handin, image, 9)
    if not close(usual, _orientations(handin, image + 3, 9), NEAR):
        return Remark("brightness")
    if not close(usual, _orientations(handin, image * 2, 9), NEAR):
        return Remark("contrast")
    if not close(float(np.linalg.norm(usual)), 1.0, NEAR):
        return Remark("edge_length")
    return None


def _turned(handin: HandIn, seed: int) -> Remark | None:
    rng = generator(seed, "turned")
    image = rng.uniform(1, 15, (9, 12))
    usual = _orientations(handin, image, 9)
    if not close(usual, _orientations(handin, 16 - image, 9), NEAR):
        return Remark("negative")
    if not close(usual, _orientations(handin, image[::-1, ::-1], 9), NEAR):
        return Remark("turned")
    if not close(usual[::-1], _orientations(handin, image[:, ::-1], 9), NEAR):
        return Remark("mirrored")
    return None if np.count_nonzero(usual) > 2 else Remark("mirrored")


CHECKS: dict[str, Check] = {
    "intensity_histogram.shares": _intensities,
    "intensity_histogram.places": _places,
    "orientation_histogram.edges": _edges,
    "orientation_histogram.brightness": _brightness,
    "orientation_histogram.turned": _turned,
}
