"""The exact Hessian of the data loss, measured at any W, and the solution of its systems.

It is Σ_i w_i x_i x_iᵀ ⊗ ∇²L_i/Σ w_i, of (D+1)·C rows and columns, plus 2λ for the weights. A
separable loss splits it into C blocks of D+1.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from halfspaces.losses.base import Loss
from halfspaces.rows.blocks import Blocks
from halfspaces.scores.linear import Linear
from halfspaces.support.types import Array, Block, Visit

TINY = float(np.finfo(np.float64).tiny)
PRODUCTS = 1 << 20  # of the features of some rows that are formed at a time
LEAST_ROWS = 64  # whose products are formed at a time
# Of the mean of the diagonal: what is added to it, so that no system is singular. Rounding moves
# the gradient along a flat direction; in float32 less would make long steps of that.
RIDGE = {"float64": 1e-12, "float32": 1e-7}


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
