"""Losses: functions of one example's scores and its label, L_i(s, y).

A loss knows nothing of images, parameters, weights or devices. It takes scores of any array library that
follows the array API standard, shape (B, C) or (B, M, C) for B examples, M members and C classes, and integer labels
(B,), and gives the loss of each example and its gradient with respect to the scores.

Three kinds of multiclass loss share their formulas here:

* pairwise: Σ_{j≠y} φ(s_j − s_y + Δ), the hinge and squared hinge of Weston and Watkins;
* one-vs-all: Σ_j φ(Δ ∓ s_j), − for the right class;
* the largest or the soft-largest score: Crammer and Singer's hinge, softmax.

φ is a `halfspaces.surrogates.Surrogate`, a convex function of one violation z: `Plus`, `SquaredPlus` or `Softplus`.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace, device

from halfspaces._validation import check_number
from halfspaces.surrogates import DOMAIN_TOLERANCE, Plus, Softplus, SquaredPlus, Surrogate, entropy_terms, inside

Array = Any  # an array of any library that follows the array API standard
FEW_CLASSES = 32  # so many that reductions over them are slow
BUMP = 1e-4  # of a score, for differences of gradients


def _is_right(scores: Array, y: Array) -> Array:
    """Mask of the right class, shaped to broadcast against the scores: (B, C) or (B, 1, C)."""
    xp = array_namespace(scores)
    classes = xp.arange(scores.shape[-1], device=device(scores))  # not of y's type: class 256 would be class 0 in uint8
    return classes == xp.reshape(y, (y.shape[0],) + (1,) * (scores.ndim - 1))


def _over_classes(values: Array) -> Array:
    """Sums (..., 1): by a product, which is faster than a reduction over few classes."""
    xp = array_namespace(values)
    return (values @ xp.ones(values.shape[-1], dtype=values.dtype, device=device(values)))[..., None]


def _largest(values: Array) -> Array:
    """Maxima over the classes (..., 1)."""
    xp, classes = array_namespace(values), values.shape[-1]
    if classes > FEW_CLASSES:
        return xp.max(values, axis=-1, keepdims=True)
    first = xp.asarray(xp.reshape(values, (-1, classes)).T, copy=True)  # maxima along rows, not within short ones
    return xp.reshape(xp.max(first, axis=0), (*values.shape[:-1], 1))


def _right_score(scores: Array, y: Array) -> Array:
    """Of each example, (..., 1)."""
    xp = array_namespace(scores)
    if isinstance(scores, np.ndarray):
        return scores[np.arange(len(y)), ..., y][..., None]
    return _over_classes(xp.where(_is_right(scores, y), scores, xp.zeros_like(scores)))


def _log_softmax(scores: Array) -> tuple[Array, Array, Array]:
    """Scores less the largest, log Σ exp of these (..., 1), and probabilities e^s / Σ e^s."""
    xp = array_namespace(scores)
    shifted = scores - _largest(scores)
    exponentials = xp.exp(shifted)
    total = _over_classes(exponentials)
    exponentials /= total
    return shifted, xp.log(total), exponentials


def _minus_target(p: Array, y: Array, right: float = 1.0, everywhere: float = 0.0) -> Array:
    """p − (right · onehot(y) + everywhere), in the memory of p where it can be."""
    if everywhere:
        p -= everywhere
    if isinstance(p, np.ndarray):
        p[np.arange(len(y)), ..., y] -= right
        return p
    return array_namespace(p).where(_is_right(p, y), p - right, p)


def _with_right(values: Array, y: Array, right: Any) -> Array:
    """The values with others at the right classes."""
    return array_namespace(values).where(_is_right(values, y), right, values)


def _in_simplex(q: Array) -> Array:
    """Whether q ≥ 0 and Σ q = 1, to rounding."""
    xp = array_namespace(q)
    return (xp.min(q, axis=-1) >= -DOMAIN_TOLERANCE) & (abs(_over_classes(q)[..., 0] - 1) <= DOMAIN_TOLERANCE)


def _nearest_in_simplex(values: Array) -> Array:
    """The point of the simplex nearest to the values: max(0, v − τ), with the τ that makes its sum 1."""
    xp, classes = array_namespace(values), values.shape[-1]
    falling = xp.flip(xp.sort(values - _largest(values), axis=-1), axis=-1)
    excess = xp.cumulative_sum(falling, axis=-1) - 1
    counts = xp.arange(1, classes + 1, dtype=values.dtype, device=device(values))
    positive = counts * falling > excess
    tau = xp.max(xp.where(positive, excess / counts, -xp.inf * xp.ones_like(excess)), axis=-1, keepdims=True)
    return xp.clip(values - _largest(values) - tau, 0, None)


def _negative_entropy(q: Array) -> Array:
    """Σ_j q_j log q_j on the simplex, infinite outside."""
    xp = array_namespace(q)
    return inside(_in_simplex(q), _over_classes(entropy_terms(xp.clip(q, 0, None)))[..., 0])


class Loss(ABC):
    """A convex function of one example's scores and its label.

    A new loss is one frozen dataclass with the three abstract methods below and one row in `LOSSES`;
    `halfspaces.testing.check_loss` then holds it to every law.
    """

    shift_invariant: ClassVar[bool]  # adding a constant to all scores of an example changes nothing
    probability: ClassVar[str | None] = None  # how scores become probabilities: "softmax", "sigmoid", or not at all

    @abstractmethod
    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """Loss of each example and its (sub)gradient with respect to the scores.

        Parameters
        ----------
        scores : array of floats, shape (B, C) or (B, M, C)
        y : array of integers, shape (B,)
            The right classes, 0 to C−1.

        Returns
        -------
        loss : array, shape (B,) or (B, M)
        dscores : array, shape of `scores`
        """

    @abstractmethod
    def curvature(self, n_classes: int) -> float:
        """A bound on the largest eigenvalue of the Hessian in the scores; infinite where there is a kink."""

    @abstractmethod
    def conjugate(self, dual: Array, y: Array) -> Array:
        """L*(a) = sup_s ⟨a, s⟩ − L(s, y) for each example, infinite outside the domain; shapes as in `value_and_grad`.

        L(s) + L*(a) ≥ ⟨a, s⟩, with equality at a = ∇L(s): what a certificate of optimality rests on.
        """

    @property
    def certainty(self) -> float:
        """The weight v ≤ 1 for which v(π − onehot(y)) is a dual point for any class frequencies π: what labels say."""
        return 1.0

    @property
    def smooth(self) -> bool:
        """Whether the loss has a gradient everywhere."""
        return math.isfinite(self.curvature(2))

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ_i w_i ∇²L_i in the scores (C, C), of smooth losses: the curvature among the classes.

        By centred differences of the gradient, unless a loss knows better: with 2 C evaluations.

        Parameters
        ----------
        scores : array of floats, shape (B, C)
            Of examples that all have this label.
        label : int
        weight : array, shape (B,)

        >>> import numpy as np
        >>> Softmax().hessian(np.zeros((2, 2)), 0, np.ones(2)).tolist()
        [[0.5, -0.5], [-0.5, 0.5]]
        """
        y = np.full(len(scores), label)
        gradients = (
            [self.value_and_grad(scores + sign * bump, y)[1] for sign in (1, -1)]
            for bump in BUMP * np.eye(scores.shape[1])
        )
        columns = np.stack([weight @ (up - down) / (2 * BUMP) for up, down in gradients])
        return (columns + columns.T) / 2

    def smoothed(self, mu: float) -> "Loss":
        """A smooth loss that tends to this one from below as μ → 0; itself where it is smooth already."""
        return self

    def offsets(self, dual: Array, y: Array, mu: float) -> Array:
        """Added to the scores, they make `smoothed(mu)` smooth about the dual point `dual` instead of about 0.

        L_μ(s) = max_a ⟨a, s⟩ − L*(a) − μ d(a), and with the distance of a from `dual` in place of its size d(a) the
        same but for a constant of L_μ(s + offsets): a smoothing that leaves the minimum where it is once `dual` is the
        best dual point, however large μ. 0 unless a loss knows better.
        """
        return 0 * dual

    def chance_value(self, n_classes: int) -> float:
        """The loss when all scores are 0: ln C for softmax, (C−1)Δ for the hinge, ...

        >>> Hinge().chance_value(10)
        9.0
        """
        loss, _ = self.value_and_grad(np.zeros((1, n_classes)), np.zeros(1, dtype=np.int64))
        return float(loss[0])


@dataclass(frozen=True)
class Softmax(Loss):
    """Cross-entropy of softmax probabilities (multinomial logistic loss): L = −Σ_j t_j log p_j, p = e^s / Σ e^s.

    t is 1 at the right class; with label smoothing ε it is (1 − ε) there plus ε/C everywhere.
    Gradient p − t. Scores are shifted so that the largest is 0: any finite scores give finite values.

    Parameters
    ----------
    label_smoothing : float in [0, 1)

    Raises
    ------
    ValueError
        If `label_smoothing` is outside [0, 1).

    References
    ----------
    Böhning, Multinomial logistic regression algorithm, 1992, https://doi.org/10.1007/BF00048682 (the curvature ½).

    Examples
    --------
    >>> import numpy as np
    >>> loss, grad = Softmax().value_and_grad(np.array([[3.2, 5.1, -1.7]]), np.array([0]))
    >>> round(float(loss[0]), 2), grad.round(2).tolist()
    (2.04, [[-0.87, 0.87, 0.0]])
    """

    label_smoothing: float = 0.0
    shift_invariant: ClassVar[bool] = True
    probability: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        check_number("Softmax(label_smoothing=...)", self.label_smoothing, at_least=0, below=1)

    def _target(self, scores: Array, y: Array) -> Array:
        onehot = array_namespace(scores).astype(_is_right(scores, y), scores.dtype)
        return (1 - self.label_smoothing) * onehot + self.label_smoothing / scores.shape[-1]

    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """−⟨t, log p⟩ and p − t."""
        shifted, log_total, p = _log_softmax(scores)
        epsilon = self.label_smoothing
        score = (1 - epsilon) * _right_score(shifted, y)
        if epsilon > 0:
            score = score + epsilon / scores.shape[-1] * _over_classes(shifted)
        return (log_total - score)[..., 0], _minus_target(p, y, 1 - epsilon, epsilon / scores.shape[-1])

    @property
    def certainty(self) -> float:
        """1 − ε."""
        return 1 - self.label_smoothing

    def curvature(self, n_classes: int) -> float:
        """½: diag(p) − p pᵀ ⪯ ½ I."""
        return 0.5

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ w (diag(p) − p pᵀ): its rows sum to 0, which gives the diagonal no digit of which cancels."""
        p = _log_softmax(scores)[2]
        between = (p.T @ (weight[:, None] * p)).astype(np.float64)
        between += between.T.copy()
        between /= 2
        np.fill_diagonal(between, 0)
        return np.diag(between.sum(axis=1)) - between

    def conjugate(self, dual: Array, y: Array) -> Array:
        """Σ_j q_j log q_j with q = a + t, on the simplex."""
        return _negative_entropy(dual + self._target(dual, y))


@dataclass(frozen=True)
class _Pairwise(Loss):
    """Σ_{j≠y} φ(s_j − s_y + Δ)."""

    margin: float = 1.0
    shift_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number(f"{type(self).__name__}(margin=...)", self.margin, above=0)

    @property
    @abstractmethod
    def surrogate(self) -> Surrogate:
        """φ."""

    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """The sum over the wrong classes; gradient φ' there and minus their sum at the right class."""
        xp = array_namespace(scores)
        right = _is_right(scores, y)
        value, slope = self.surrogate.value_and_slope(scores - _right_score(scores, y) + self.margin)
        zero = xp.zeros_like(scores)
        value, slope = xp.where(right, zero, value), xp.where(right, zero, slope)
        return xp.sum(value, axis=-1), xp.where(right, -_over_classes(slope), slope)

    def curvature(self, n_classes: int) -> float:
        """C times that of φ: the largest eigenvalue of the Laplacian of a star with C nodes is C."""
        return self.surrogate.curvature * n_classes

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ w Σ_{j≠y} φ''_j (e_j − e_y)(e_j − e_y)ᵀ."""
        bent = (weight @ self.surrogate.second_derivative(scores - scores[:, [label]] + self.margin)).astype(np.float64)
        bent[label] = 0
        total = np.diag(bent)
        total[label] -= bent
        total[:, label] -= bent
        total[label, label] = bent.sum()
        return total

    def conjugate(self, dual: Array, y: Array) -> Array:
        """Σ_{j≠y} φ*(a_j) − Δ a_j, where Σ_j a_j = 0."""
        xp = array_namespace(dual)
        wrong = xp.where(_is_right(dual, y), xp.zeros_like(dual), dual)
        imbalance = abs(_over_classes(dual)[..., 0])
        balanced = imbalance <= DOMAIN_TOLERANCE * (1 + xp.max(abs(dual), axis=-1))
        return inside(balanced, xp.sum(self.surrogate.conjugate(wrong) - self.margin * wrong, axis=-1))


@dataclass(frozen=True)
class Hinge(_Pairwise):
    """Multiclass hinge of Weston and Watkins: L = Σ_{j≠y} max(0, s_j − s_y + Δ).

    Gradient: 1 for every wrong class whose margin is violated, minus their number at the right class. At a kink
    the violation is taken as met. With `smoothing` μ > 0 each term is Huberized, at most μ/2 below.

    Parameters
    ----------
    margin : float > 0
        Δ.
    smoothing : float ≥ 0
        μ; 0 is the hinge itself.

    Raises
    ------
    ValueError
        If `margin` or `smoothing` is out of range.

    References
    ----------
    Weston & Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    >>> Hinge().value_and_grad(scores, np.array([0, 1, 2]))[0].round(2).tolist()
    [2.9, 0.0, 12.9]
    """

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("Hinge(smoothing=...)", self.smoothing, at_least=0)

    @property
    def surrogate(self) -> Surrogate:
        """max(0, z), Huberized when smoothing > 0."""
        return Plus(self.smoothing)

    def smoothed(self, mu: float) -> "Hinge":
        """The same hinge with `smoothing=mu`."""
        return replace(self, smoothing=mu)

    def offsets(self, dual: Array, y: Array, mu: float) -> Array:
        """μ a_j of the wrong classes: the distance is ½ Σ_{j≠y} (a_j − dual_j)²."""
        return _with_right(mu * dual, y, 0.0)


@dataclass(frozen=True)
class SquaredHinge(_Pairwise):
    """Multiclass squared hinge: L = Σ_{j≠y} max(0, s_j − s_y + Δ)².

    Parameters
    ----------
    margin : float > 0
        Δ.

    Raises
    ------
    ValueError
        If `margin` is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredHinge().value_and_grad(np.array([[1.0, 1.5]]), np.array([0]))[0].tolist()
    [2.25]
    """

    @property
    def surrogate(self) -> Surrogate:
        """max(0, z)²."""
        return SquaredPlus()


@dataclass(frozen=True)
class CrammerSinger(Loss):
    """Structured SVM of Crammer and Singer: L = max(0, max_{j≠y} s_j − s_y + Δ).

    Gradient: 1 at the worst violator, −1 at the right class; 0 once the margin is met. Among equal violators the
    gradient is shared. With `smoothing` μ > 0 the maximum of the violations v becomes that of ⟨q, v⟩ − (μ/2)|q|² over
    the simplex, at most μ/2 below; the best q, the gradient plus onehot(y), is the point nearest to v/μ (sparsemax).

    Parameters
    ----------
    margin : float > 0
        Δ.
    smoothing : float ≥ 0
        μ; 0 is the loss itself.

    Raises
    ------
    ValueError
        If `margin` or `smoothing` is out of range.

    References
    ----------
    Crammer & Singer, On the algorithmic implementation of multiclass kernel-based vector machines, JMLR 2001; Martins &
    Astudillo, From softmax to sparsemax, ICML 2016, https://arxiv.org/abs/1602.02068

    Examples
    --------
    >>> import numpy as np
    >>> CrammerSinger().value_and_grad(np.array([[3.2, 5.1, -1.7]]), np.array([0]))[0].round(2).tolist()
    [2.9]
    """

    margin: float = 1.0
    smoothing: float = 0.0
    shift_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("CrammerSinger(margin=...)", self.margin, above=0)
        check_number("CrammerSinger(smoothing=...)", self.smoothing, at_least=0)

    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """max_j (s_j + Δ [j≠y]) − s_y and its (soft) argmax minus onehot(y)."""
        xp = array_namespace(scores)
        right = _is_right(scores, y)
        onehot = xp.astype(right, scores.dtype)
        violations = scores - _right_score(scores, y) + self.margin * (1 - onehot)
        if self.smoothing > 0:
            q = _nearest_in_simplex(violations / self.smoothing)
            value = _over_classes(q * (violations - self.smoothing / 2 * q))[..., 0]
            return value, _minus_target(q, y)
        worst = xp.max(violations, axis=-1, keepdims=True)
        violators = xp.astype((violations == worst) & ((worst <= 0) == right), scores.dtype)
        return worst[..., 0], violators / _over_classes(violators) - onehot

    def curvature(self, n_classes: int) -> float:
        """1/μ, infinite without smoothing."""
        return 1 / self.smoothing if self.smoothing > 0 else math.inf

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ w (diag(S) − S Sᵀ/|S|)/μ, S the classes of positive q; 0 without smoothing."""
        if self.smoothing == 0:
            return np.zeros((scores.shape[1], scores.shape[1]))
        q = self.value_and_grad(scores, np.full(len(scores), label))[1] + (np.arange(scores.shape[1]) == label)
        support = (q > DOMAIN_TOLERANCE).astype(np.float64)
        share = weight[:, None] / np.maximum(support.sum(axis=1, keepdims=True), 1)
        return (np.diag(weight @ support) - support.T @ (share * support)) / self.smoothing

    def conjugate(self, dual: Array, y: Array) -> Array:
        """(μ/2) |q|² − Δ Σ_{j≠y} q_j with q = a + onehot(y), on the simplex."""
        q = _with_right(dual, y, 1 + _right_score(dual, y))
        value = self.smoothing / 2 * _over_classes(q**2) + self.margin * _right_score(dual, y)
        return inside(_in_simplex(q), value[..., 0])

    def smoothed(self, mu: float) -> "CrammerSinger":
        """The same loss with `smoothing=mu`."""
        return replace(self, smoothing=mu)

    def offsets(self, dual: Array, y: Array, mu: float) -> Array:
        """μ q with q = dual + onehot(y): the distance is ½ |q − q'|²."""
        return mu * _with_right(dual, y, 1 + _right_score(dual, y))


@dataclass(frozen=True)
class OneVsAll(Loss):
    """One binary problem for each class: L = Σ_j φ(Δ − t_j s_j), t_j = 1 for the right class and −1 for the others.

    Parameters
    ----------
    surrogate : Surrogate
        φ: `Plus()` (hinge), `SquaredPlus()` (squared hinge) or `Softplus()` (logistic).
    margin : float ≥ 0
        Δ; the logistic loss has 0.

    Raises
    ------
    ValueError
        If `margin` is below 0.

    References
    ----------
    Rifkin & Klautau, In defense of one-vs-all classification, JMLR 2004.

    Examples
    --------
    >>> import numpy as np
    >>> OneVsAll(Softplus(), margin=0).value_and_grad(np.zeros((1, 2)), np.array([0]))[0].round(4).tolist()
    [1.3863]
    """

    surrogate: Surrogate = Plus()
    margin: float = 1.0
    shift_invariant: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not isinstance(self.surrogate, Surrogate):
            known = "Plus(), SquaredPlus() or Softplus()"
            raise TypeError(f"OneVsAll(surrogate=...) must be {known}, got {self.surrogate!r}.")
        check_number("OneVsAll(margin=...)", self.margin, at_least=0)

    @property
    def probability(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Scores of the logistic form are log-odds."""
        return "sigmoid" if self.surrogate == Softplus() and self.margin == 0 else None

    def value_and_grad(self, scores: Array, y: Array) -> tuple[Array, Array]:
        """The sum over classes; gradient −t_j φ'(Δ − t_j s_j)."""
        xp = array_namespace(scores)
        right = _is_right(scores, y)
        value, slope = self.surrogate.value_and_slope(xp.where(right, -scores, scores) + self.margin)
        return xp.sum(value, axis=-1), xp.where(right, -slope, slope)

    def curvature(self, n_classes: int) -> float:
        """That of φ: the classes do not interact."""
        return self.surrogate.curvature

    def hessian(self, scores: Array, label: int, weight: Array) -> Array:
        """Σ w diag(φ''(Δ − t_j s_j))."""
        towards = np.where(np.arange(scores.shape[1]) == label, -1, 1)
        return np.diag(weight @ self.surrogate.second_derivative(towards * scores + self.margin))

    def conjugate(self, dual: Array, y: Array) -> Array:
        """Σ_j φ*(−t_j a_j) + Δ t_j a_j."""
        xp = array_namespace(dual)
        slope = xp.where(_is_right(dual, y), -dual, dual)
        return xp.sum(self.surrogate.conjugate(slope) - self.margin * slope, axis=-1)

    def smoothed(self, mu: float) -> "OneVsAll":
        """The same loss over the smoothed φ."""
        return replace(self, surrogate=self.surrogate.smoothed(mu))

    def offsets(self, dual: Array, y: Array, mu: float) -> Array:
        """μ · dual: the distance is ½ Σ_j (a_j − dual_j)²."""
        return mu * dual


LOSSES: dict[str, Loss] = {
    "softmax": Softmax(),
    "hinge": Hinge(),
    "squared_hinge": SquaredHinge(),
    "crammer_singer": CrammerSinger(),
    "ova_hinge": OneVsAll(Plus()),
    "ova_squared_hinge": OneVsAll(SquaredPlus()),
    "ova_logistic": OneVsAll(Softplus(), margin=0.0),
}
