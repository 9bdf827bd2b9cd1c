"""Loops of learned patches.

They visit a band of positions at a time: patches, whitened patches and similarities stay in the
cache.
"""

import numba
import numpy as np

from halfspaces.support.types import Array

THRESHOLD = 0
COUNT = 1
TRIANGLE = 2
FLAT = np.float32(1e-6)  # squared length of a whitened patch that is only rounding error


def respond(
    planes: Array,
    size: int,
    stride: int,
    contrast: np.float32,
    even: Array,
    odd: Array,
    even_patches: Array,
    odd_patches: Array,
    n: int,
    mirror: bool,
    activation: int,
    thresholds: Array,
    largest: bool,
    row_segment: Array,
    column_segment: Array,
    band: int,
    sums: Array,
) -> None:
    """sums (images, row segments, column segments, chunks, T, 2, width) += responses.

    They are the responses of positions to patches and to their negatives, for each of T thresholds;
    with `largest`, sums are maxima. With TRIANGLE, T is 1 and a position's mean distance is its
    threshold.

    The n patches come in chunks (chunks, r, width) of symmetric and of skew coordinates, filled up
    with zeros. Each chunk has segments of its own: (chunks, rows) and (chunks, columns).
    """
    columns = column_segment.shape[1]
    most = band * columns
    width = even_patches.shape[2]
    patches = np.empty((most, planes.shape[1] * size * size), np.float32)
    distance = np.empty(most, np.float32)
    first = np.empty((most, even_patches.shape[1]), np.float32)
    second = np.empty((most, odd_patches.shape[1]), np.float32)
    similar = np.empty((most, width), np.float32)
    mirrored = np.zeros((most, width), np.float32)
    for i in range(len(planes)):
        for top in range(0, row_segment.shape[1], band):
            m = min(band, row_segment.shape[1] - top) * columns
            a = first[:m]
            b = second[:m]
            direct = similar[:m]
            other = mirrored[:m]
            _cut(planes[i], size, stride, top, columns, contrast, patches[:m])
            _whiten(patches[:m], even, odd, a, b)
            if activation == TRIANGLE:
                _mean_distances(a, b, even_patches, odd_patches, n, mirror, direct, other, distance)
            for chunk in range(len(even_patches)):
                _compare(a, b, even_patches[chunk], odd_patches[chunk], direct, other)
                _add_responses(
                    direct,
                    other,
                    mirror,
                    activation,
                    thresholds,
                    distance,
                    largest,
                    row_segment[chunk],
                    column_segment[chunk],
                    top,
                    sums,
                    i,
                    chunk,
                )


@numba.njit(inline="always")
def _add_responses(
    similar: Array,
    mirrored: Array,
    mirror: bool,
    activation: int,
    thresholds: Array,
    distance: Array,
    largest: bool,
    row_segment: Array,
    column_segment: Array,
    top: int,
    sums: Array,
    i: int,
    chunk: int,
) -> None:
    """The sums of an image and a chunk += the responses of a band of positions.

    All of `sums` is passed: a part of it would not be known to be contiguous, and loops over it
    would not be vectorized.
    """
    columns = len(column_segment)
    for t in range(len(thresholds)):
        for j in range(len(similar)):
            row = row_segment[top + j // columns]
            column = column_segment[j % columns]
            least = distance[j] if activation == TRIANGLE else thresholds[t]
            _add(similar[j], activation, least, largest, sums[i, row, column, chunk, t])
            if mirror:
                column = column_segment[columns - 1 - j % columns]
                _add(mirrored[j], activation, least, largest, sums[i, row, column, chunk, t])


@numba.njit(inline="always")
def _cut(
    planes: Array,
    size: int,
    stride: int,
    top: int,
    columns: int,
    contrast: np.float32,
    patches: Array,
) -> None:
    """patches (m, d) of planes (C, H, W), of mean 0 and a variance near 1.

    They begin at row `top` of the grid of positions.
    """
    zero = np.float32(0)
    one = np.float32(1)
    d = np.float32(patches.shape[1])
    for j in range(len(patches)):
        y = (top + j // columns) * stride
        x = (j % columns) * stride
        patch = patches[j]
        k = 0
        mean = variance = zero
        for channel in range(len(planes)):
            for row in range(y, y + size):
                line = planes[channel, row]
                for column in range(x, x + size):
                    patch[k] = line[column]
                    mean += line[column]
                    k += 1
        mean /= d
        for k in range(len(patch)):
            patch[k] -= mean
            variance += patch[k] * patch[k]
        scale = one / np.sqrt(variance / d + contrast)
        for k in range(len(patch)):
            patch[k] *= scale


@numba.njit(inline="always")
def _whiten(patches: Array, even: Array, odd: Array, first: Array, second: Array) -> None:
    """first and second = the symmetric and skew coordinates of whitened patches of length 1."""
    np.dot(patches, even, first)
    if odd.shape[1] > 0:
        np.dot(patches, odd, second)
    _to_length_one(first, second)


@numba.njit(inline="always")
def _to_length_one(first: Array, second: Array) -> None:
    """Scale rows (first, second) to length 1, and rows of flat patches to 0."""
    zero = np.float32(0)
    one = np.float32(1)
    for j in range(len(first)):
        a = first[j]
        b = second[j]
        squares = zero
        for k in range(len(a)):
            squares += a[k] * a[k]
        for k in range(len(b)):
            squares += b[k] * b[k]
        scale = one / np.sqrt(squares) if squares > FLAT else zero
        for k in range(len(a)):
            a[k] *= scale
        for k in range(len(b)):
            b[k] *= scale


@numba.njit(inline="always")
def _compare(
    first: Array, second: Array, even: Array, odd: Array, similar: Array, mirrored: Array
) -> None:
    """Similarities with patches, and with their mirror images.

    A mirror image has the same symmetric part, and the negative of the skew part.
    """
    np.dot(first, even, similar)
    if odd.shape[0] > 0:
        np.dot(second, odd, mirrored)
        for j in range(len(similar)):
            a = similar[j]
            b = mirrored[j]
            for k in range(len(a)):
                total = a[k] + b[k]
                difference = a[k] - b[k]
                a[k] = total
                b[k] = difference


@numba.njit(inline="always")
def _mean_distances(
    first: Array,
    second: Array,
    even_patches: Array,
    odd_patches: Array,
    n: int,
    mirror: bool,
    similar: Array,
    mirrored: Array,
    distance: Array,
) -> None:
    """distance = the mean distance of each position from all n patches and their negatives."""
    width = even_patches.shape[2]
    distance[:] = np.float32(0)
    for chunk in range(len(even_patches)):
        _compare(first, second, even_patches[chunk], odd_patches[chunk], similar, mirrored)
        _add_distances(similar, mirrored, min(width, n - chunk * width), mirror, distance)
    distance /= np.float32((4 if mirror else 2) * n)


@numba.njit(inline="always")
def _add_distances(
    similar: Array, mirrored: Array, count: int, mirror: bool, distance: Array
) -> None:
    """distance += sums of distances from the first `count` patches, and from mirror images."""
    for j in range(len(similar)):
        distance[j] += _distances(similar[j, :count])
        if mirror:
            distance[j] += _distances(mirrored[j, :count])


@numba.njit(inline="always")
def _distances(similar: Array) -> np.float32:
    """The sum of the distances of directions with these similarities, and of their negatives."""
    zero = np.float32(0)
    two = np.float32(2)
    total = zero
    for k in range(len(similar)):
        total += np.sqrt(max(two - two * similar[k], zero)) + np.sqrt(
            max(two + two * similar[k], zero)
        )
    return total


@numba.njit(inline="always")
def _add(similar: Array, activation: int, least: np.float32, largest: bool, sums: Array) -> None:
    """sums (2, width) += responses to similarities and to their negatives, or their maxima."""
    zero = np.float32(0)
    one = np.float32(1)
    two = np.float32(2)
    positive = sums[0]
    negative = sums[1]
    if activation == THRESHOLD and largest:
        for k in range(len(similar)):
            positive[k] = max(positive[k], similar[k] - least)
            negative[k] = max(negative[k], -similar[k] - least)
    elif activation == THRESHOLD:
        for k in range(len(similar)):
            positive[k] += max(similar[k] - least, zero)
            negative[k] += max(-similar[k] - least, zero)
    elif activation == COUNT and largest:
        for k in range(len(similar)):
            positive[k] = max(positive[k], one if similar[k] > least else zero)
            negative[k] = max(negative[k], one if -similar[k] > least else zero)
    elif activation == COUNT:
        for k in range(len(similar)):
            positive[k] += one if similar[k] > least else zero
            negative[k] += one if -similar[k] > least else zero
    else:
        for k in range(len(similar)):
            a = max(least - np.sqrt(max(two - two * similar[k], zero)), zero)
            b = max(least - np.sqrt(max(two + two * similar[k], zero)), zero)
            positive[k] = max(positive[k], a) if largest else positive[k] + a
            negative[k] = max(negative[k], b) if largest else negative[k] + b
