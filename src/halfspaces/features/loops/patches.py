"""Loops of learned patches. A band of positions at a time: what is cut, whitened and compared stays in the cache."""

from typing import Any

import numba
import numpy as np

THRESHOLD, COUNT, TRIANGLE = 0, 1, 2
FLAT = np.float32(1e-6)  # squared length of a whitened patch that is rounding alone


def respond(
    planes: Any,
    size: int,
    stride: int,
    contrast: Any,
    even: Any,
    odd: Any,
    even_patches: Any,
    odd_patches: Any,
    n: int,
    mirror: bool,
    activation: int,
    thresholds: Any,
    largest: bool,
    row_segment: Any,
    column_segment: Any,
    band: int,
    sums: Any,
) -> None:
    """sums (images, row segments, column segments, chunks, T, 2, width) += responses to patches and their negatives.

    The largest of them where so asked. By each of T thresholds, by one where a patch's own mean distance is the
    threshold. Chunks have segments of their own (chunks, rows), (chunks, columns).

    The n patches come in chunks (chunks, r, width), what is symmetric in them and what is skew, filled up with zeros.
    """
    zero = np.float32(0)
    columns, (chunks, r_even, width), r_odd = (
        column_segment.shape[1],
        even_patches.shape,
        odd_patches.shape[1],
    )
    rows, most = row_segment.shape[1], band * columns
    patches, distance = (
        np.empty((most, planes.shape[1] * size * size), np.float32),
        np.empty(most, np.float32),
    )
    first, second = np.empty((most, r_even), np.float32), np.empty((most, r_odd), np.float32)
    similar, mirrored = np.empty((most, width), np.float32), np.zeros((most, width), np.float32)
    for i in range(len(planes)):
        for top in range(0, rows, band):
            m = min(band, rows - top) * columns
            _cut(planes[i], size, stride, top, columns, contrast, patches[:m])
            np.dot(patches[:m], even, first[:m])
            if r_odd > 0:
                np.dot(patches[:m], odd, second[:m])
            _to_length_one(first[:m], second[:m])
            if activation == TRIANGLE:
                distance[:] = zero
                for chunk in range(chunks):
                    _compare(
                        first[:m],
                        second[:m],
                        even_patches[chunk],
                        odd_patches[chunk],
                        similar[:m],
                        mirrored[:m],
                    )
                    known = min(width, n - chunk * width)
                    for j in range(m):
                        distance[j] += _distances(similar[j, :known])
                        if mirror:
                            distance[j] += _distances(mirrored[j, :known])
                distance /= np.float32((4 if mirror else 2) * n)
            for chunk in range(chunks):
                _compare(
                    first[:m],
                    second[:m],
                    even_patches[chunk],
                    odd_patches[chunk],
                    similar[:m],
                    mirrored[:m],
                )
                for t in range(len(thresholds)):
                    for j in range(m):
                        row, column = (
                            row_segment[chunk, top + j // columns],
                            column_segment[chunk, j % columns],
                        )
                        least = distance[j] if activation == TRIANGLE else thresholds[t]
                        _add(similar[j], activation, least, largest, sums[i, row, column, chunk, t])
                        if mirror:
                            column = column_segment[chunk, columns - 1 - j % columns]
                            _add(
                                mirrored[j],
                                activation,
                                least,
                                largest,
                                sums[i, row, column, chunk, t],
                            )


@numba.njit(inline="always")
def _cut(
    planes: Any, size: int, stride: int, top: int, columns: int, contrast: Any, patches: Any
) -> None:
    """Patches (m, d) of planes (C, H, W), from a row of positions on, each brought to mean 0 and variance near 1."""
    zero, one, d = np.float32(0), np.float32(1), np.float32(patches.shape[1])
    for j in range(len(patches)):
        y, x = (top + j // columns) * stride, (j % columns) * stride
        patch = patches[j]
        at = 0
        mean = variance = zero
        for channel in range(len(planes)):
            for row in range(y, y + size):
                line = planes[channel, row]
                for column in range(x, x + size):
                    patch[at] = line[column]
                    mean += line[column]
                    at += 1
        mean /= d
        for k in range(len(patch)):
            patch[k] -= mean
            variance += patch[k] * patch[k]
        scale = one / np.sqrt(variance / d + contrast)
        for k in range(len(patch)):
            patch[k] *= scale


@numba.njit(inline="always")
def _to_length_one(first: Any, second: Any) -> None:
    """Rows (first, second) of length 1; those of flat patches become 0."""
    zero, one = np.float32(0), np.float32(1)
    for j in range(len(first)):
        a, b = first[j], second[j]
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
def _compare(first: Any, second: Any, even: Any, odd: Any, similar: Any, mirrored: Any) -> None:
    """Similarities with patches, and with their mirror images: what is skew has the other sign in these."""
    np.dot(first, even, similar)
    if odd.shape[0] > 0:
        np.dot(second, odd, mirrored)
        for j in range(len(similar)):
            a, b = similar[j], mirrored[j]
            for k in range(len(a)):
                x, y = a[k] + b[k], a[k] - b[k]
                a[k], b[k] = x, y


@numba.njit(inline="always")
def _distances(similar: Any) -> Any:
    """The sum of the distances of directions with these similarities, and with their negatives."""
    zero, two = np.float32(0), np.float32(2)
    total = zero
    for k in range(len(similar)):
        total += np.sqrt(max(two - two * similar[k], zero)) + np.sqrt(
            max(two + two * similar[k], zero)
        )
    return total


@numba.njit(inline="always")
def _add(similar: Any, activation: int, least: Any, largest: bool, sums: Any) -> None:
    """sums (2, width) += responses to similarities, and to their negatives; or the largest of them."""
    zero, one, two = np.float32(0), np.float32(1), np.float32(2)
    positive, negative = sums[0], sums[1]
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
