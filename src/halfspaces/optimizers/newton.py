"""Newton's method with the exact Hessian: a handful of passes where the Hessian is small.

The Hessian of the mean loss is Σ_i w_i x_i x_iᵀ ⊗ ∇²L_i/Σ w_i, of (D+1)·C rows and columns, plus
2λ for the weights. A separable loss splits it into C blocks of D+1.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import ClassVar

import numpy as np

from halfspaces.loop.optimizer import Optimizer, State, by_member, inner
from halfspaces.loop.result import Reason
from halfspaces.losses.base import Loss
from halfspaces.objective.objective import Objective
from halfspaces.objective.request import Evaluation, Request
from halfspaces.optimizers.line_search import LineSearch
from halfspaces.optimizers.quasi_newton import HIDDEN, Rounding
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block, Visit

# Times the decrease that the step before promised: where more is promised, and rounding hides it,
# the steps do not come closer, as those of Newton's method do.
FALLEN = 0.1
# The first step from W = 0 is longer by this, times the part of the curvature that is the loss's:
# it falls from there on. That saves one evaluation in nine.
FURTHER = 0.5
TINY = float(np.finfo(np.float64).tiny)
MOST_ELEMENTS = 1 << 28  # of the Hessians of all members: 2 GiB
FAR = 2.0  # times the objective at W = 0
PRODUCTS = 1 << 20  # of the features of some rows that are formed at a time
LEAST_ROWS = 64  # whose products are formed at a time
# Of the mean of the diagonal: what is added to it, so that no system is singular. Rounding moves
# the gradient along a flat direction; in float32 less would make long steps of that.
RIDGE = {"float64": 1e-12, "float32": 1e-7}


@dataclass(eq=False)
class NewtonSearch:
    """The data loss and its gradient at the iterate, the step from there, each member's trial."""

    data: Array  # (M,)
    gradient: Array = field(repr=False)
    direction: Array = field(repr=False)
    line: LineSearch
    rests: Array  # members whose steps change nothing but rounding errors, (M,)


@dataclass(eq=False)
class NewtonState(State):
    """The iterate and the line search from there; `at_zero` is the objective at W = 0."""

    penalty: Penalty
    at_zero: float
    rounding: Rounding
    hessian: "Hessian" = field(repr=False)
    search: NewtonSearch | None = None  # None: the iterate has not been evaluated


@dataclass(frozen=True)
class Newton(Optimizer[NewtonState]):
    """W ← W − step · H⁻¹ ∇L, H the Hessian of the objective.

    For losses with gradients everywhere, of which squared hinges have a generalized Hessian, and
    the penalty L2 or none. Each step visits the rows a second time, for the Hessian; `passes` count
    the evaluations alone, as they do for the sketches of preconditioners. A step takes
    N C² (D+1)² and (C (D+1))³ operations, and N C (D+1)² and C (D+1)³ where the loss is separable.
    A line search shortens it where the model is too bold.

    Raises
    ------
    TypeError
        From `init`, for a loss with kinks or another penalty.
    ValueError
        From `init`, where the Hessian would have more than 268,435,456 entries.

    References
    ----------
    Nocedal & Wright, Numerical Optimization, 2006, ch. 3, https://doi.org/10.1007/978-0-387-40065-5;
    Mangasarian, A finite Newton method for classification, 2002,
    https://doi.org/10.1080/1055678021000028375 (squared hinges)

    Examples
    --------
    >>> from halfspaces import LinearClassifier, minimize
    >>> from sklearn.datasets import load_iris
    >>> objective = LinearClassifier(strength=0.01).objective(*load_iris(return_X_y=True))
    >>> result = minimize(objective, Newton(), tol=1e-8)
    >>> result.converged, result.passes < 10
    (True, True)
    """

    recovers: ClassVar[bool] = True
    squares_the_gap: ClassVar[bool] = True

    def init(self, W: Array, objective: Objective) -> NewtonState:
        """Nothing is evaluated yet."""
        members = W.shape[1]
        penalty = objective.penalty
        if not (penalty.smooth and penalty.thresholds(members) is not None):
            raise TypeError(
                f"Newton needs penalty='l2' or 'none', got {penalty}; use optimizer='auto'."
            )
        if not objective.loss.smooth:
            raise TypeError(
                f"Newton needs a loss without kinks, got {objective.loss}; use optimizer='lbfgs'."
            )
        size = members * W[:, 0].size * (len(W) if objective.loss.separable else W[:, 0].size)
        if size > MOST_ELEMENTS:
            raise ValueError(
                f"Newton would need a Hessian of {size:,} numbers; use optimizer='lbfgs'."
            )
        hessian = Hessian(objective.blocks, objective.linear, objective.loss)
        return NewtonState(
            W,
            np.zeros(members),
            penalty=penalty,
            at_zero=objective.chance_value,
            rounding=Rounding.of(objective),
            hessian=hessian,
        )

    def continued(
        self, objective: Objective, state: NewtonState, evaluation: Evaluation
    ) -> NewtonState:
        """The data loss and its gradient stay known: the first request is a step already.

        A last trial that no update has seen yet is accepted by members for which it is no higher.
        """
        search = state.search
        data, gradient = evaluation.data, evaluation.data_gradient
        if search is not None:
            if np.array_equal(evaluation.request.W, self.propose(state).W):
                value = search.data + state.penalty.value(state.W[:-1])
                self._move(state, search, evaluation, evaluation.total <= value)
            data, gradient = search.data, search.gradient
        moved = replace(state, penalty=objective.penalty, done=None)
        moved.search = self._first_search(moved, data, gradient)
        return moved

    def propose(self, state: NewtonState) -> Request:
        """The iterate, then the trial point of each member's line search."""
        search = state.search
        if search is None:
            return Request(state.W)
        return Request(state.W + by_member(search.line.step) * search.direction)

    def update(self, state: NewtonState, evaluation: Evaluation) -> NewtonState:
        """Accept passing trial points and compute new steps there; other steps are adjusted."""
        search = state.search
        if search is None:
            state.search = self._first_search(state, evaluation.data, evaluation.data_gradient)
            return state
        accepted = search.line.judge(evaluation.total, inner(evaluation.gradient, search.direction))
        state.step = np.where(accepted, search.line.step, 0.0)
        if accepted.any():
            self._move(state, search, evaluation, accepted)
            self._turn(state, search, accepted)
        if np.all(search.line.failed | search.rests):
            state.done = Reason.NO_PROGRESS
        return state

    @staticmethod
    def _move(
        state: NewtonState, search: NewtonSearch, evaluation: Evaluation, members: Array
    ) -> None:
        """To the point that was evaluated, for some members, a mask (M,)."""
        mask = by_member(members)
        state.W = np.where(mask, evaluation.request.W, state.W)
        search.data = np.where(members, evaluation.data, search.data)
        assert evaluation.data_gradient is not None
        search.gradient = np.where(mask, evaluation.data_gradient, search.gradient)

    def _first_search(
        self, state: NewtonState, data: Array, gradient: Array | None
    ) -> NewtonSearch:
        assert gradient is not None
        value, slope, direction = self._step(state, data, gradient)
        step = np.ones_like(value)
        if not state.W.any():
            curvature = np.asarray(state.penalty.curvature(len(value)))
            of_penalty = curvature * inner(direction[:-1], direction[:-1])
            step += FURTHER * np.clip(1 - of_penalty / np.maximum(-slope, TINY), 0, 1)
        line = LineSearch.start(state.rounding, value, slope, step)
        return NewtonSearch(data, gradient, direction, line, np.zeros(len(data), bool))

    def _turn(self, state: NewtonState, search: NewtonSearch, members: Array) -> None:
        """New steps for some members, a mask (M,)."""
        value, slope, direction = self._step(state, search.data, search.gradient)
        hidden = -slope <= HIDDEN * state.rounding.error(value)
        rests = hidden & (-slope >= FALLEN * -search.line.slope)
        search.rests = np.where(members, rests, search.rests)
        search.direction = np.where(by_member(members), direction, search.direction)
        search.line.restart(members, value, slope, 1.0)

    @staticmethod
    def _step(state: NewtonState, data: Array, gradient: Array) -> tuple[Array, Array, Array]:
        """Value and slope (M,) at the iterate, and the step from there.

        A member far above its value at W = 0 steps there: a loss may have no curvature left.
        """
        V = state.W[:-1]
        gradient = gradient.copy()
        gradient[:-1] += state.penalty.gradient(V)
        curvature = np.asarray(state.penalty.curvature(len(data)))
        direction = state.hessian.step(state.W, gradient, curvature)
        value = data + state.penalty.value(V)
        direction = np.where(by_member(value > FAR * state.at_zero), -state.W, direction)
        return value, inner(gradient, direction), direction


@dataclass(frozen=True, eq=False)
class Hessian:
    """Measures the Hessian of the data loss at any W, and solves with it.

    Parameters
    ----------
    blocks : Blocks
    linear : Linear
    loss : Loss
    """

    blocks: Blocks
    linear: Linear
    loss: Loss

    def step(self, W: Array, gradient: Array, penalty: Array) -> Array:
        """−H⁻¹ gradient (D+1, M, C), where the penalty has the curvature 2λ (M,)."""
        n, members, classes = W.shape
        factor, shift = self._units(members)
        H = self.at(W)
        curvature = (penalty / factor[:, :, 0] ** 2).T
        curvature[:, -1] = 0
        if self.loss.shift_invariant:
            _curve_the_flat(H, curvature == 0)
        systems = (members, classes, n) if self.loss.separable else (members, 1, classes * n)
        H = H.reshape(*systems, systems[-1])
        diagonal = np.einsum("mkii->mki", H)
        diagonal += np.repeat(curvature[:, None], classes, axis=1).reshape(systems)
        least = RIDGE[self.blocks.dtype.name] * diagonal.mean(axis=-1, keepdims=True)
        diagonal += least + TINY
        right = (gradient - shift * gradient[-1]) / factor
        found = np.linalg.solve(H, right.transpose(1, 2, 0).reshape(*systems, 1))
        found = found.reshape(members, classes, n).transpose(2, 0, 1)
        step = np.ascontiguousarray(-found / factor)
        step[-1] -= np.sum(shift * step, axis=0)
        return step

    def at(self, W: Array) -> Array:
        """The Hessian (M, C, n, C, n), n = D+1; of a separable loss its blocks (M, C, n, n).

        Of rows in the units that the members share.
        """
        n, members, classes = W.shape
        pairs = _Pairs.of(self.loss, classes)
        (sums,) = self.blocks.sum(self._visit(W, pairs))
        total = np.broadcast_to(self.blocks.weights().sum(axis=0, dtype=np.float64), members)
        products = _unfolded(sums, n).reshape(members, pairs.count, n, n)
        H = pairs.assembled(products / total[:, None, None, None])
        if not self.linear.fit_intercept:
            H[:, :, -1] = 0
            H[..., -1] = 0
        return H

    def _units(self, members: int) -> tuple[Array, Array]:
        """Factors and shifts (n, M, 1): a feature of a member's own rows is factor · z + shift.

        z are the rows in the units that the members share.
        """
        own = self.linear.standardization
        shared = own.shared
        factor = np.ones((len(own.mean) + 1, members, 1))
        shift = np.zeros_like(factor)
        if own.mean.ndim > 1:
            factor[:-1, :, 0] = shared.scale[:, None] / own.scale
            shift[:-1, :, 0] = (shared.mean[:, None] - own.mean) / own.scale
        return factor, shift

    def _visit(self, W: Array, pairs: "_Pairs") -> Visit[tuple[Array]]:
        """A visit that returns Σ w_i a_i z_i z_iᵀ for each member and pair of classes, folded.

        z are the rows in the units that the members share, with a 1 for the bias.
        """
        n, members, classes = W.shape
        folded = self.linear.fold(W, np.dtype(np.float64))
        shared = self.linear.shared
        rows = max(LEAST_ROWS, PRODUCTS // n**2)

        def visit(block: Block) -> tuple[Array]:
            sums: Array | float = 0.0
            for start in range(0, len(block.y), rows):
                part = slice(start, start + rows)
                X = block.X[part]
                X = np.asarray(X if isinstance(X, np.ndarray) else X.toarray(), np.float64)
                scores = self.linear.scores(folded, X).reshape(len(X), members, classes)
                curvatures = pairs.taken(self.loss.curvatures(scores, block.y[part]))
                if block.weight is not None:
                    curvatures = curvatures * block.weight[part].reshape(len(X), -1, 1)
                Z = np.ones((len(X), n))
                np.divide(X - shared.residual_mean, shared.standardization.scale, out=Z[:, :-1])
                sums += _products(curvatures.reshape(len(X), -1), Z)
            return (np.asarray(sums),)

        return visit


@dataclass(frozen=True)
class _Pairs:
    """The pairs of classes whose blocks of the Hessian are summed over the rows.

    Each class with itself for a separable loss. Else those above the diagonal, and it; but where
    the rows of ∇²L_i sum to 0, as those of a shift-invariant loss do, the others give the diagonal.
    """

    n_classes: int
    first: Array
    second: Array
    separable: bool
    shift_invariant: bool

    @classmethod
    def of(cls, loss: Loss, n_classes: int) -> "_Pairs":
        first, second = _triangle(n_classes, int(loss.shift_invariant))
        return cls(n_classes, first, second, loss.separable, loss.shift_invariant)

    @property
    def count(self) -> int:
        return self.n_classes if self.separable else len(self.first)

    def taken(self, curvatures: Array) -> Array:
        """The entries (B, M, P) of curvatures (B, M, C, C), or (B, M, C) of a separable loss."""
        return curvatures if self.separable else curvatures[:, :, self.first, self.second]

    def assembled(self, products: Array) -> Array:
        """The Hessian (M, C, n, C, n), or its blocks (M, C, n, n), from products (M, P, n, n)."""
        if self.separable:
            return products
        members, _, n, _ = products.shape
        classes = self.n_classes
        H = np.zeros((members, classes, n, classes, n))
        for pair, (i, j) in enumerate(zip(self.first, self.second, strict=True)):
            H[:, i, :, j] = H[:, j, :, i] = products[:, pair]
            if self.shift_invariant:
                H[:, i, :, i] -= products[:, pair]
                H[:, j, :, j] -= products[:, pair]
        return H


def hessian_work(loss: Loss, n_examples: int, n: int, n_classes: int) -> int:
    """Multiply-adds for a Hessian of W (n, 1, C) and a solve; a separable loss has one a class.

    >>> from halfspaces.losses import Softmax
    >>> hessian_work(Softmax(), 150, 5, 3)
    12375
    """
    pairs, classes = (1, 1) if loss.separable else (_Pairs.of(loss, n_classes).count, n_classes)
    return n_examples * pairs * n**2 + (classes * n) ** 3 // 3


def _products(weights: Array, Z: Array) -> Array:
    """Σ_i weights_ip z_i z_iᵀ for weights (B, P) and rows Z (B, n), as `_unfolded` takes it.

    With many weights it pays to form the products of the features once for all of them.
    """
    n = Z.shape[1]
    if 2 * weights.shape[1] <= n:
        weighed = weights[:, :, None] * Z[:, None, :]
        return (weighed.reshape(len(Z), -1).T @ Z).reshape(-1, n, n)
    first, second = _triangle(n)
    features = np.ascontiguousarray(Z.T)
    return weights.T @ (features[first] * features[second]).T


def _unfolded(sums: Array, n: int) -> Array:
    """Matrices (P, n, n) from these, or from their upper triangles (P, n (n+1)/2)."""
    return sums if sums.ndim == 3 else sums[:, _positions(n)].reshape(-1, n, n)


@lru_cache(maxsize=16)
def _triangle(n: int, above: int = 0) -> tuple[Array, Array]:
    """The pairs j ≤ k of n numbers, or j < k if `above` is 1."""
    return np.triu_indices(n, above)


@lru_cache(maxsize=16)
def _positions(n: int) -> Array:
    """Of each of the n² pairs of numbers among those with j ≤ k, (n²,)."""
    first, second = _triangle(n)
    positions = np.zeros((n, n), np.intp)
    positions[first, second] = positions[second, first] = np.arange(len(first))
    return positions.ravel()


def _curve_the_flat(H: Array, flat: Array) -> None:
    """Add curvature to H (M, C, n, C, n) where only the differences between the classes matter.

    That is for the bias, and for weights without a penalty, a mask (M, n). The gradient sums to 0
    over the classes, so that no step has a part along a flat direction.
    """
    between = np.einsum("mcfdf->mfcd", H)
    mean = np.einsum("mfcc->mf", between) / H.shape[1] ** 2
    between += np.where(flat, mean, 0.0)[:, :, None, None]
