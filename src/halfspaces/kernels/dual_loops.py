"""Dual coordinate ascent as compiled loops over the rows of X, dense or sparse.

For one member, with weights ω_i that sum to 1 and standardized rows x̃_i = (x_i − mean)/scale,

    G = Σ ω_i x̃_i a_iᵀ,    W = soft(−G + ε W₀, t)/(ρ + ε),    b = b₀ − (Σ ω_i a_i)/κ.

A step on a row replaces its dual point by the one that maximizes a lower bound on the dual
objective, which is exact for t = 0:

    a_i ← argmin_a  L*_i(a) − ⟨a, s_i⟩ + (m/2)‖a − a_i‖²,    m = ω_i (‖x̃_i‖²/(ρ + ε) + 1/κ).

The bias is free: b₀ is moved to b after each epoch (the proximal point method). W₀ stays.

A dual point that lies on the edge of its domain, and whose slope points outside by more than those
of the epoch before, is left out (shrinking) until the next full epoch, which comes when the others
are accurate enough, or after 20 epochs.
"""

# pyright: reportIndexIssue=false

from typing import Any

import numba
import numpy as np

from halfspaces.support.types import Array

ONE_VS_ALL, PAIRWISE, LARGEST = 0, 1, 2  # the kinds of losses
LINE = 64  # bytes
TOGETHER = 128  # rows that are read ahead: one by one, in a random order, each would be waited for
FULL = 20  # epochs, at most, from one that visits all dual points to the next
# Entries of `numbers`; the first is ρ + ε.
HELD, THRESHOLD, BIAS_PULL, MARGIN, UPPER, BEND, ACCURACY = range(7)
# Entries of `counts`: kind, epochs, visits to the points of a class, seed, first and last class.
KIND, EPOCHS, VISITS, SEED, FIRST, LAST = range(6)


def row_sizes(X: Array, rows: Array, mean: Array, inverse: Array, sizes: Array) -> None:
    """‖(x − mean) inverse‖² of dense rows."""
    for r in range(len(rows)):
        i = rows[r]
        total = mean.dtype.type(0)
        for d in range(len(mean)):
            z = (X[i, d] - mean[d]) * inverse[d]
            total += z * z
        sizes[i] = total


def sparse_row_sizes(
    data: Array, indices: Array, indptr: Array, rows: Array, mean: Array, inverse: Array,
    sizes: Array, along: Array,
) -> None:  # fmt: skip
    """‖(x − mean) inverse‖² and ⟨x, mean inverse²⟩ of sparse rows."""
    constant = 0.0
    for d in range(len(mean)):
        constant += (mean[d] * inverse[d]) ** 2
    for r in range(len(rows)):
        i = rows[r]
        square = product = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            d = indices[k]
            scaled = inverse[d] * inverse[d] * data[k]
            square += scaled * data[k]
            product += scaled * mean[d]
        sizes[i] = square - 2 * product + constant
        along[i] = product


def ascend(  # noqa: PLR0912
    X: Array, rows: Array, y: Array, mean: Array, inverse: Array, omega: Array, steps: Array,
    room: Array, numbers: Array, counts: Array,
    dual: Array, V: Array, bias: Array, reached: Array, sums: Array, done: Array,
) -> None:  # fmt: skip
    """Epochs over dense rows; V (last − first, D) is −G + ε W₀, `sums` Σ ω a, `steps` m.

    `reached` is b at the end of the last epoch, and `bias` where the next one begins.

    `done` (2, C) counts the visits to dual points of each class, and notes which classes ended by
    their accuracy.
    """
    kind, first, last = counts[KIND], counts[FIRST], counts[LAST]
    pull, margin, upper, bend = numbers[BIAS_PULL], numbers[MARGIN], numbers[UPPER], numbers[BEND]
    C = last - first
    over, t = V.dtype.type(1 / numbers[HELD]), V.dtype.type(numbers[THRESHOLD])
    z = np.empty(V.shape[1], V.dtype)
    order, idle, age, running, bounds, tally = _rooms(len(rows), C)
    active, scores, old, changes = _row_rooms(C)
    seed = np.uint64(counts[SEED])
    for _ in range(counts[EPOCHS]):
        seed = _shuffle(order, seed)
        _begin(idle, bounds, age)
        for number in range(len(order)):
            if number % TOGETHER == 0:
                ahead = order[number : number + TOGETHER]
                tally[0, 0] += 0 * _read_ahead(X, rows, ahead, running, idle)
            r = order[number]
            i = rows[r]
            n = 0
            for c in range(C):
                if running[c] and not idle[r, c]:
                    active[n] = c
                    n += 1
            if omega[i] == 0 or n == 0 or (kind != ONE_VS_ALL and n == 1):
                continue
            for d in range(len(z)):
                z[d] = (X[i, d] - mean[d]) * inverse[d]
            m = steps[i]
            for k in range(n):
                c = active[k]
                done[0, first + c] += 1
                scores[k] = _product(z, V[c], t) * over + bias[first + c]
                old[k] = dual[i, c]
                if kind == ONE_VS_ALL:
                    sign = -1.0 if first + c == y[i] else 1.0
                    violation = margin + sign * scores[k]
                    change, excess, loss, idle[r, c] = _rise(
                        violation, sign * old[k], m, upper, bend, bounds, c
                    )
                    changes[k] = sign * change
                    tally[0, c] += omega[i] * (loss - old[k] * scores[k] / 2)
                    tally[1, c] += omega[i] * excess
            if kind == PAIRWISE:
                _pairwise_step(
                    y[i], active, n, scores, old, changes, m, margin, upper, bend, omega[i],
                    bounds, idle, r, tally,
                )  # fmt: skip
            elif kind == LARGEST:
                _largest_step(
                    y[i], active, n, scores, old, changes, m, margin, bend, omega[i], idle, r, tally
                )
            for k in range(n):
                if changes[k] != 0:
                    c = active[k]
                    dual[i, c] = old[k] + changes[k]
                    change = omega[i] * changes[k]
                    sums[first + c] += change
                    bias[first + c] -= change * pull
                    _subtract(V[c], V.dtype.type(change), z)
        _move_biases(running, bias[first:last], reached[first:last], sums[first:last], pull)
        if not _go_on(
            counts, running, age, tally, sums[first:last], room[first:last], numbers,
            done[:, first:last],
        ):  # fmt: skip
            break


def ascend_sparse(  # noqa: PLR0912, PLR0915
    data: Array, indices: Array, indptr: Array, rows: Array, y: Array, mean: Array, inverse: Array,
    omega: Array, steps: Array, along: Array, room: Array, numbers: Array, counts: Array,
    dual: Array, U: Array, bias: Array, reached: Array, sums: Array, done: Array,
) -> None:  # fmt: skip
    """Epochs over sparse rows; U (last − first, D) is (−G + ε W₀)/scale, but for the means.

    Where there are means, t = 0: then a product with a standardized row is one with the stored
    values, and three numbers for each class.
    """
    kind, first, last = counts[KIND], counts[FIRST], counts[LAST]
    pull, margin, upper, bend = numbers[BIAS_PULL], numbers[MARGIN], numbers[UPPER], numbers[BEND]
    C = last - first
    over, t = 1 / numbers[HELD], numbers[THRESHOLD]
    order, idle, age, running, bounds, tally = _rooms(len(rows), C)
    active, scores, old, changes = _row_rooms(C)
    shift = np.zeros(C)  # ⟨mean, U⟩
    square, plain, centred = _shift(mean, inverse, U, shift)
    seed = np.uint64(counts[SEED])
    for _ in range(counts[EPOCHS]):
        _begin(idle, bounds, age)
        left = order[: _count_left(order, running, idle)]
        seed = _shuffle(left, seed)
        for number in range(len(left)):
            if number % TOGETHER == 0:
                ahead = left[number : number + TOGETHER]
                tally[0, 0] += 0 * _read_sparse_ahead(
                    data, indices, indptr, rows, ahead, running, idle, steps, along, dual, y
                )
            r = left[number]
            i = rows[r]
            n = 0
            for c in range(C):
                if running[c] and not idle[r, c]:
                    active[n] = c
                    n += 1
            if omega[i] == 0 or n == 0 or (kind != ONE_VS_ALL and n == 1):
                continue
            m = steps[i]
            for k in range(n):
                c = active[k]
                done[0, first + c] += 1
                product = 0.0
                if t == 0:
                    for j in range(indptr[i], indptr[i + 1]):
                        product += data[j] * U[c, np.uintp(indices[j])]
                else:
                    for j in range(indptr[i], indptr[i + 1]):
                        d = np.uintp(indices[j])
                        u, least = U[c, d], t * inverse[d]
                        product += data[j] * (max(u - least, 0.0) + min(u + least, 0.0))
                if centred:
                    product += sums[first + c] * (along[i] - square) - shift[c]
                scores[k] = product * over + bias[first + c]
                old[k] = dual[i, c]
                if kind == ONE_VS_ALL:
                    sign = -1.0 if first + c == y[i] else 1.0
                    violation = margin + sign * scores[k]
                    change, excess, loss, idle[r, c] = _rise(
                        violation, sign * old[k], m, upper, bend, bounds, c
                    )
                    changes[k] = sign * change
                    tally[0, c] += omega[i] * (loss - old[k] * scores[k] / 2)
                    tally[1, c] += omega[i] * excess
            if kind == PAIRWISE:
                _pairwise_step(
                    y[i], active, n, scores, old, changes, m, margin, upper, bend, omega[i],
                    bounds, idle, r, tally,
                )  # fmt: skip
            elif kind == LARGEST:
                _largest_step(
                    y[i], active, n, scores, old, changes, m, margin, bend, omega[i], idle, r, tally
                )
            for k in range(n):
                if changes[k] != 0:
                    c = active[k]
                    dual[i, c] = old[k] + changes[k]
                    change = omega[i] * changes[k]
                    sums[first + c] += change
                    bias[first + c] -= change * pull
                    if centred:
                        shift[c] -= change * along[i]
                    if plain:
                        for j in range(indptr[i], indptr[i + 1]):
                            U[c, np.uintp(indices[j])] -= data[j] * change
                    else:
                        for j in range(indptr[i], indptr[i + 1]):
                            d = np.uintp(indices[j])
                            U[c, d] -= data[j] * inverse[d] * inverse[d] * change
        _move_biases(running, bias[first:last], reached[first:last], sums[first:last], pull)
        if not _go_on(
            counts, running, age, tally, sums[first:last], room[first:last], numbers,
            done[:, first:last],
        ):  # fmt: skip
            break


@numba.njit
def _rooms(N: int, C: int) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Order, idle, age, running, bounds and tally."""
    idle, bounds, tally = np.zeros((N, C), np.bool_), np.empty((4, C)), np.zeros((3, C))
    return np.arange(N), idle, np.zeros(C, np.int64), np.ones(C, np.bool_), bounds, tally


@numba.njit
def _row_rooms(C: int) -> tuple[Array, Array, Array, Array]:
    """The active classes of a row, their scores, dual points and changes."""
    return np.empty(C, np.int64), np.empty(C), np.empty(C), np.empty(C)


@numba.njit
def _read_ahead(X: Array, rows: Array, ahead: Array, running: Array, idle: Array) -> float:
    """Touch the rows that come next: one value of each line of the cache."""
    seen = 0.0
    for r in ahead:
        if _some(running, idle, r):
            for d in range(0, X.shape[1], LINE // X.itemsize):
                seen += X[rows[r], d]
    return seen


@numba.njit
def _read_sparse_ahead(
    data: Array, indices: Array, indptr: Array, rows: Array, ahead: Array, running: Array,
    idle: Array, steps: Array, along: Array, dual: Array, y: Array,
) -> float:  # fmt: skip
    """The same for sparse rows, and for what else is kept of a row."""
    seen = 0.0
    for r in ahead:
        if _some(running, idle, r):
            i = rows[r]
            seen += steps[i] + along[i] + dual[i, 0] + y[i]
            for j in range(indptr[i], indptr[i + 1], LINE // data.itemsize):
                seen += data[j]
            for j in range(indptr[i], indptr[i + 1], LINE // indices.itemsize):
                seen += indices[j]
    return seen


@numba.njit
def _move_biases(running: Array, bias: Array, reached: Array, sums: Array, pull: float) -> None:
    """b₀ ← b at the end of an epoch."""
    for c in range(len(running)):
        if running[c]:
            reached[c] = bias[c]
            bias[c] -= sums[c] * pull


@numba.njit
def _shift(mean: Array, inverse: Array, U: Array, shift: Array) -> tuple[float, bool, bool]:
    """Add ⟨mean, U⟩ of each class; ‖mean inverse‖², is no feature scaled, and are there means?"""
    square = 0.0
    plain, centred = True, False
    for d in range(len(mean)):
        square += (mean[d] * inverse[d]) ** 2
        plain = plain and inverse[d] == 1
        centred = centred or mean[d] != 0
        for c in range(len(shift)):
            shift[c] += mean[d] * U[c, d]
    return square, plain, centred


@numba.njit
def _begin(idle: Array, bounds: Array, age: Array) -> None:
    """Begin an epoch: the slopes of the last one become bounds, unless it is to be a full one.

    `bounds` (4, C) are the least and the largest slopes of this epoch and of the one before, `age`
    (C,) the epochs since each class's last full one.
    """
    for c in range(len(age)):
        if age[c] == 0:
            for r in range(len(idle)):
                idle[r, c] = False
            bounds[2, c], bounds[3, c] = -np.inf, np.inf
        else:
            bounds[2, c] = bounds[0, c] if bounds[0, c] < 0 else -np.inf
            bounds[3, c] = bounds[1, c] if bounds[1, c] > 0 else np.inf
        bounds[0, c], bounds[1, c] = np.inf, -np.inf


@numba.njit(inline="always")
def _some(running: Array, idle: Array, r: int) -> bool:
    """Whether a row has a dual point to visit."""
    for c in range(len(running)):  # noqa: SIM110
        if running[c] and not idle[r, c]:
            return True
    return False


@numba.njit
def _count_left(order: Array, running: Array, idle: Array) -> int:
    """Move the rows that have a dual point to visit to the front; their number."""
    count = 0
    for n in range(len(order)):
        if _some(running, idle, order[n]):
            order[count], order[n] = order[n], order[count]
            count += 1
    return count


@numba.njit
def _shuffle(order: Array, seed: Any) -> Any:
    """A random order (Fisher and Yates), by a linear congruential generator."""
    for i in range(len(order) - 1, 0, -1):
        seed = seed * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        j = int((seed >> np.uint64(33)) % np.uint64(i + 1))
        order[i], order[j] = order[j], order[i]
    return seed


@numba.njit(inline="always")
def _product(z: Array, v: Array, t: float) -> float:
    """⟨z, soft(v, t)⟩."""
    total = z.dtype.type(0)
    if t == 0:
        for d in range(len(z)):
            total += z[d] * v[d]
    else:
        zero = z.dtype.type(0)
        for d in range(len(z)):
            total += z[d] * (max(v[d] - t, zero) + min(v[d] + t, zero))
    return total


@numba.njit(inline="always")
def _subtract(v: Array, factor: float, z: Array) -> None:
    """v −= factor z."""
    for d in range(len(v)):
        v[d] -= factor * z[d]


@numba.njit(inline="always")
def _rise(
    z: float, slope: float, m: Any, upper: float, bend: float, bounds: Array, c: int
) -> tuple[float, float, float, bool]:
    """The change of one slope β of φ(z) in [0, upper], with φ* = (bend/2) β².

    Also the excess φ(z) + φ*(β) − β z, which is the part of the gap, φ(z), and whether the slope is
    to be left out.
    """
    best = 0.0
    if z > 0:
        best = min(z / bend, upper) if bend > 0 else upper
    loss = best * z - bend / 2 * best * best
    excess = loss - slope * z + bend / 2 * slope * slope
    uphill = z - bend * slope
    change = 0.0
    aside = False
    if slope <= 0:
        aside = uphill < bounds[2, c]
        uphill = max(uphill, 0.0)
    elif slope >= upper:
        aside = uphill > bounds[3, c]
        uphill = min(uphill, 0.0)
    if aside:
        return change, excess, loss, aside
    bounds[0, c] = min(bounds[0, c], uphill)
    bounds[1, c] = max(bounds[1, c], uphill)
    if uphill != 0:
        change = min(max(slope + uphill / (m + bend), 0.0), upper) - slope
    return change, excess, loss, aside


@numba.njit
def _pairwise_step(
    y: Any, active: Array, n: int, scores: Array, old: Array, changes: Array, m: Any,
    margin: float, upper: float, bend: float, omega: Any, bounds: Array, idle: Array, r: int,
    tally: Array,
) -> None:  # fmt: skip
    """One wrong class after another: its slope rises with that of the right class falling."""
    right = 0
    for k in range(n):
        changes[k] = 0
        if active[k] == y:
            right = k
    for k in range(n):
        if k == right:
            continue
        c = active[k]
        z = margin + scores[k] - scores[right]
        change, excess, loss, idle[r, c] = _rise(z, old[k], 2 * m, upper, bend, bounds, c)
        tally[0, 0] += omega * (loss - old[k] * (z - margin) / 2)
        tally[1, 0] += omega * excess
        changes[k] = change
        changes[right] -= change
        scores[k] -= m * change
        scores[right] += m * change


@numba.njit
def _largest_step(
    y: Any, active: Array, n: int, scores: Array, old: Array, changes: Array, m: Any,
    margin: float, bend: float, omega: Any, idle: Array, r: int, tally: Array,
) -> None:  # fmt: skip
    """q = a + onehot(y) moves to the projection of v on the simplex.

    v = (m q + s + Δ [j≠y])/(m + bend), of which the largest score is subtracted first: where m is
    small, v is large, and only differences from the largest matter.
    """
    largest, least = -np.inf, np.inf  # `least` is that of the slopes s − bend q where q is above 0
    along = square = 0.0
    right = 0
    for k in range(n):
        q = old[k]
        if active[k] == y:
            right = k
            q += 1
        else:
            scores[k] += margin
        largest = max(largest, scores[k])
        along += q * scores[k]
        square += q * q
        if q > 0:
            least = min(least, scores[k] - bend * q)
    # The part of the gap is that of the smoothed loss; it is measured beside the loss itself.
    smoothed = _smoothed_maximum(scores, n, largest, bend, changes) if bend > 0 else largest
    penalty = -(along - scores[right] + margin * old[right]) / 2
    tally[0, 0] += omega * (largest - scores[right] + penalty)
    tally[1, 0] += omega * max(smoothed - along + bend / 2 * square, 0.0)
    n_left = 0
    highest = -np.inf
    share = m / (m + bend) if m + bend > 0 else 1.0
    for k in range(n):
        q = old[k] + (1.0 if k == right else 0.0)
        if q <= 0 and scores[k] < least and k != right:
            idle[r, active[k]] = True
        else:
            n_left += 1
        changes[k] = share * q
        if scores[k] < largest:
            changes[k] -= (largest - scores[k]) / (m + bend)
        highest = max(highest, changes[k])
    if n_left == 1:
        idle[r, active[right]] = True
    threshold = _simplex_threshold(changes, n, highest)
    for k in range(n):
        q = old[k] + (1.0 if k == right else 0.0)
        changes[k] = max(changes[k] - threshold, 0.0) - q


@numba.njit
def _smoothed_maximum(
    scores: Array, n: int, largest: float, bend: float, scratch: Array
) -> float:  # fmt: skip
    """max ⟨q, s⟩ − (bend/2) ‖q‖² over the simplex."""
    for k in range(n):
        scratch[k] = (scores[k] - largest) / bend
    threshold = _simplex_threshold(scratch, n, 0.0)
    total = 0.0
    for k in range(n):
        q = max(scratch[k] - threshold, 0.0)
        total += q * scores[k] - bend / 2 * q * q
    return total


@numba.njit
def _simplex_threshold(values: Array, n: int, highest: float) -> float:
    """τ for which Σ max(0, v − τ) = 1, by Newton's method from below.

    Each round but the last leaves a value out.
    """
    threshold = highest - 1
    for _ in range(n + 1):
        total = -1.0
        above = 0
        for k in range(n):
            if values[k] > threshold:
                total += values[k] - threshold
                above += 1
        if total <= 1e-12 or above == 0:
            break
        threshold += total / above
    return threshold


@numba.njit
def _go_on(
    counts: Array, running: Array, age: Array, tally: Array, sums: Array, room: Array,
    numbers: Array, done: Array,
) -> bool:  # fmt: skip
    """Note which classes are accurate enough after a full epoch; whether others are left.

    Enough is an excess, and class sums beside the room of their class, of a part of the objective.
    Of this a row has its loss and −⟨a, s⟩/2: the sum of these is (ρ/2) ‖W‖².
    Classes of losses that couple them end together.
    """
    together = counts[KIND] != ONE_VS_ALL
    visits = np.sum(done[0]) // len(running)
    some = False
    for c in range(len(running)):
        at = 0 if together else c
        if age[c] == 0:
            tally[2, at] = tally[0, at]  # the objective, when all dual points were visited
        enough = numbers[ACCURACY] * tally[2, at]
        excess = tally[1, at]
        if numbers[BIAS_PULL] > 0:
            for k in range(len(room)) if together else range(c, c + 1):
                excess = max(excess, abs(sums[k]) / room[k])
        if running[c] and age[c] == 0 and excess <= enough:
            done[1, c] = 1
            running[c] = False
        elif (visits if together else done[0, c]) >= counts[VISITS]:
            running[c] = False
        age[c] = (age[c] + 1) % FULL if excess > enough else 0
        some |= running[c]
    tally[:2] = 0
    return some
