"""One turn of dual ascent for one member: epochs in compiled loops, and the W that follows."""

# scipy.sparse has no type stubs:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from halfspaces.kernels.compile import run_compiled
from halfspaces.loop.optimizer import State
from halfspaces.optimizers.dual_rows import ONE_VS_ALL, RowAccess, nearness
from halfspaces.penalties.base import soft_threshold
from halfspaces.support.types import Array
from halfspaces.system.threads import ordered_map

BIAS_LENGTH = 0.05  # of a row's square: the constant feature's, while the bias is held near b₀
BIAS_STEP = 0.5  # of the margin: 1/κ is no less


@dataclass(eq=False)
class DualAscentState(State):
    """The best iterate, the last one with its dual point, and how the penalty maps one to another.

    A point is the iterate once it was evaluated, unless its value is above that of the one before.
    """

    access: RowAccess
    target: Array  # (D+1, M, C), the next point
    dual: Array = field(repr=False)  # (M, N, C), from which it follows
    value: Array  # of the iterate, (M,); infinite before an evaluation
    accuracy: Array  # at which the next turn of each member ends, (M,)
    rho: Array  # ρ of each member, (M,)
    threshold: Array  # t, (M,)
    turns: int = 0
    epochs: float = 0.0  # of the last turn


@dataclass(frozen=True, eq=False)
class Turn:
    """One member's turn.

    Parameters
    ----------
    state : DualAscentState
    m : int
        The number of the member.
    gradient : array, shape (D+1, C)
        Of the data loss at its dual point.
    seed : int
    epochs : int
        At most.
    visits : int
        At most, to each dual point on average; the epoch that comes there is finished.
    """

    state: DualAscentState
    m: int
    gradient: Array
    seed: int
    epochs: int
    visits: int

    def run(self, workers: int) -> tuple[Array, float, bool]:
        """W (D+1, C), the passes that it took, and whether it ended by its accuracy.

        The dual points (N, C) are moved.
        """
        state, m = self.state, self.m
        access = state.access
        rows = access.stored[-1]
        dual = state.dual[m][:, self.classes]
        rest = access.rest(m)
        target = state.target[:, m, self.classes]
        reached = target[-1] * access.linear.fit_intercept - rest @ target[:-1]
        sums = access.omega(m)[rows] @ dual[rows].astype(np.float64)
        running_sum = self._running_sum(sums)
        done = self._ascend(workers, dual, running_sum, reached, sums)
        state.dual[m][:, self.classes] = dual
        weights = self._weights(running_sum, sums)
        W = self._of_all_classes(weights, reached + rest @ weights)
        return W, float(done[0].sum()) / done[0].size / len(rows), bool(done[1].all())

    def _ascend(
        self, workers: int, dual: Array, running_sum: Array, reached: Array, sums: Array
    ) -> Array:
        """Epochs of all classes, which move all arrays; `done` (2, C) of the loops."""
        from halfspaces.kernels import dual_loops

        m, access = self.m, self.state.access
        loop = dual_loops.ascend_sparse if access.sparse else dual_loops.ascend
        pull = self.numbers[dual_loops.BIAS_PULL]
        omega = access.omega(m)
        sizes, along = access.sizes(m)
        steps = omega * (sizes / self.held + pull)
        of_rows = [self._labels, *access.units(m), omega, steps]
        if access.sparse:
            of_rows.append(along)
        bias = reached - sums * pull
        visits = self.visits * len(access.stored[-1])
        done = np.zeros((2, len(sums)), np.int64)

        def ascend(span: tuple[int, int]) -> None:
            """Epochs for the classes of a span."""
            columns = slice(*span)
            seed = self.seed % (1 << 63)
            counts = np.array([access.kind.number, self.epochs, visits, seed, *span])
            part = np.array(running_sum[:, columns].T, access.dtype, order="C")
            of_part = np.ascontiguousarray(dual[:, columns])
            run_compiled(
                loop, *access.stored, *of_rows, self._room, self.numbers, counts,
                of_part, part, bias, reached, sums, done,
            )  # fmt: skip
            running_sum[:, columns] = part.T
            dual[:, columns] = of_part

        list(ordered_map(ascend, self._spans(workers), workers))
        return done

    def _spans(self, workers: int) -> list[tuple[int, int]]:
        """The classes (first, last) that run together; the results are the same for any spans."""
        access = self.state.access
        C = self.gradient.shape[1]
        if access.kind.number != ONE_VS_ALL:
            return [(0, len(np.arange(C)[self.classes]))]
        parts = C if access.sparse else min(workers, C)
        return list(pairwise(np.linspace(0, C, parts + 1).astype(int).tolist()))

    @cached_property
    def classes(self) -> Array | slice:
        """Those that have dual points."""
        return self.state.access.classes(self.m)

    @property
    def _labels(self) -> Array:
        """The position of each row's label among these classes."""
        y = self.state.access.y
        return y if isinstance(self.classes, slice) else np.searchsorted(self.classes, y)

    def _of_all_classes(self, weights: Array, bias: Array) -> Array:
        """W (D+1, C): the other classes have no weights, and a bias below all margins."""
        access = self.state.access
        W = np.zeros_like(self.gradient)
        if not isinstance(self.classes, slice):
            longest = math.sqrt(np.max(access.sizes(self.m)[0][access.stored[-1]]))
            least = np.min(bias - np.linalg.norm(weights, axis=0) * longest)
            W[-1] = least - 2 * access.kind.margin - access.kind.bend
        W[:-1, self.classes] = weights
        W[-1, self.classes] = bias
        return W

    @cached_property
    def nearness(self) -> float:
        """ε: 0 where the penalty has curvature."""
        state, m = self.state, self.m
        size = state.access.mean_size(m)
        return nearness(float(state.rho[m]), float(state.threshold[m]), size)

    @property
    def held(self) -> float:
        """ρ + ε."""
        return float(self.state.rho[self.m]) + self.nearness

    @cached_property
    def numbers(self) -> Array:
        """As `dual_loops` reads them."""
        access = self.state.access
        free = access.linear.fit_intercept
        _, margin, upper, bend = access.kind
        # A strong penalty does not hold the bias: it must reach the margin in a few epochs.
        length = max(BIAS_LENGTH * access.mean_size(self.m) / self.held, BIAS_STEP * margin)
        pull = length if free else 0.0
        threshold = float(self.state.threshold[self.m])
        accuracy = float(self.state.accuracy[self.m])
        return np.array([self.held, threshold, pull, margin, upper, bend, accuracy])

    @cached_property
    def _room(self) -> Array:
        """The class sums (C,) that cost as much of the bound as an excess of 1."""
        access = self.state.access
        room = access.room[self.m if len(access.room) > 1 else 0]
        return np.where(room > 0, room, 1.0)[self.classes] / (
            2 * max(access.kind.margin, np.finfo(float).tiny)
        )

    def _running_sum(self, sums: Array) -> Array:
        """−G + ε W₀ (D, C); of sparse rows over the scale, and without the means' part."""
        access = self.state.access
        V = self.nearness * self.state.target[:-1, self.m] - self.gradient[:-1]
        V = V[:, self.classes]
        if not access.sparse:
            return V
        mean, inverse = (units[:, None] for units in access.units(self.m))
        return inverse * (V - mean * inverse * sums)

    def _weights(self, running_sum: Array, sums: Array) -> Array:
        """W (D, C) from the running sum."""
        access = self.state.access
        V = running_sum
        if access.sparse:
            mean, inverse = (units[:, None] for units in access.units(self.m))
            V = V / inverse + mean * inverse * sums
        return soft_threshold(V, float(self.state.threshold[self.m])) / self.held
