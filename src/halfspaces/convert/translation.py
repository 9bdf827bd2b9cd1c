"""From another library's parameters to a penalty, and back."""

from dataclasses import MISSING, fields
from typing import Any

from halfspaces.convert.base import Convention, Norms
from halfspaces.convert.conventions import CONVENTIONS
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.support.validation import check_number
from halfspaces.system.names import lookup, nearest

DECOUPLED = ("torch.optim.AdamW",)  # their decay is the gradient of no penalty


def to_penalty(
    library: str,
    *,
    n_examples: float | None = None,
    n_classes: int | None = None,
    loss: str | None = None,
    **parameters: Any,
) -> L2 | L1 | ElasticNet:
    """The penalty that another library's parameters mean.

    `LinearClassifier(penalty=...)` then has the same minimum. If a library minimizes
    a · Σ w_i L_i + k₁ Σ|V| + ½ k₂ ΣV², the penalty is k₁/(aN) Σ|W| + k₂/(2aN) ΣW²: `L1`, `L2`, or
    an `ElasticNet` with strength k₁/(aN) and β = k₂/(2k₁). N = Σ w_i, or 1 if the library takes a
    mean. If it fits one column for two classes, ΣV² is twice our ΣW², and λ is twice as large.

    Parameters
    ----------
    library : str
        A key of `CONVENTIONS`; `CONVENTIONS[library].__doc__` is its objective.
    n_examples : float
        N, or the sum of the sample weights; needed if the library sums over the examples.
    n_classes : int
        Needed if two classes are a special case, or a loss is a mean over classes.
    loss : str or None
        The name of our loss, one that the library has; None takes the library's default.
    **parameters
        The library's parameters, by its own names; those left out have the library's defaults.

    Returns
    -------
    L2, L1 or ElasticNet
        λ is its `strength`.

    Raises
    ------
    ValueError, TypeError
        For unknown libraries, losses and parameters, values out of range, and a missing
        `n_examples` or `n_classes`.

    Examples
    --------
    >>> size = {"n_examples": 50_000, "n_classes": 10}
    >>> to_penalty("sklearn.LogisticRegression", C=1.0, **size)
    L2(strength=1e-05)
    >>> to_penalty("sklearn.LogisticRegression", C=1.0, l1_ratio=0.5, **size)
    ElasticNet(strength=1e-05, beta=0.5)
    >>> to_penalty("torch.optim.SGD", weight_decay=0.002)
    L2(strength=0.001)
    """
    convention = _given(library, parameters)
    if convention.loss and loss not in (None, convention.loss):
        raise ValueError(
            f"{library} with these parameters has the loss {convention.loss!r}, "
            f"got loss={loss!r}; leave loss out."
        )
    loss = _checked_loss(library, convention.loss or loss)
    factors = _factors(library, loss, n_examples, n_classes)
    norms = convention.norms()
    penalty = _penalty_of(float(norms.l1 * factors.l1), float(norms.half_l2 * factors.half_l2))
    _check_pair(library, loss, penalty)
    return penalty


def from_penalty(
    library: str,
    penalty: Penalty,
    *,
    n_examples: float | None = None,
    n_classes: int | None = None,
    loss: str | None = None,
) -> dict[str, Any]:
    """The parameters with which another library has the minimum of `LinearClassifier(penalty=...)`.

    The inverse of `to_penalty`, with the same formulas.

    Parameters
    ----------
    library, n_examples, n_classes, loss
        As of `to_penalty`.
    penalty : L2, L1 or ElasticNet
        With one strength.

    Returns
    -------
    dict
        Keywords for the library's own function.

    Raises
    ------
    ValueError, TypeError
        As `to_penalty`; also for penalties and pairs of loss and penalty that the library lacks,
        and for a strength of 0 if its parameter is 1/λ.

    Examples
    --------
    >>> from_penalty("sklearn.LogisticRegression", L2(1e-5), n_examples=50_000, n_classes=10)
    {'C': 1.0, 'l1_ratio': 0.0}
    >>> from_penalty("liblinear", L2(1e-3), loss="crammer_singer", n_examples=1_000)
    {'s': 4, 'c': 0.5}
    >>> from_penalty("glmnet", ElasticNet(0.01, beta=0.5), n_classes=10)
    {'lambda_': 0.02, 'alpha': 0.5}
    """
    convention = _convention(library)
    loss = _checked_loss(library, loss)
    l1, l2 = _parts(penalty)
    _check_pair(library, loss, penalty)
    if convention.summed and l1 == l2 == 0:
        raise ValueError(
            f"{library} takes 1/strength; penalty must have a strength above 0, got {penalty!r}."
        )
    factors = _factors(library, loss, n_examples, n_classes)
    return convention.parameters(Norms(l1 / factors.l1, l2 / factors.half_l2), loss)


def _parts(penalty: Penalty) -> tuple[float, float]:
    """The factors of Σ|W| and of ΣW²."""
    if not isinstance(penalty, (L2, L1, ElasticNet)):
        raise TypeError(f"penalty must be L2(...), L1(...) or ElasticNet(...), got {penalty!r}.")
    strength = penalty.strength
    if isinstance(strength, tuple):
        raise ValueError(
            f"penalty must have one strength, got {penalty!r}; convert one after the other."
        )
    if isinstance(penalty, L2):
        return 0.0, float(strength)
    if isinstance(penalty, ElasticNet):
        return float(strength), float(strength * penalty.beta)
    return float(strength), 0.0


def _penalty_of(l1: float, l2: float) -> L2 | L1 | ElasticNet:
    """The penalty l1 Σ|W| + l2 ΣW²."""
    if l1 == 0:
        return L2(l2)
    return L1(l1) if l2 == 0 else ElasticNet(l1, beta=l2 / l1)


def _factors(library: str, loss: str, n_examples: float | None, n_classes: int | None) -> Norms:
    """Our factors of Σ|W| and ΣW² over the library's factors of Σ|V| and ½ ΣV²."""
    convention = _convention(library)
    scale = 1.0
    half = 0.5
    if convention.summed:
        if n_examples is None:
            raise ValueError(
                f"{library} sums over the examples; "
                "give n_examples=N, or the sum of the sample weights."
            )
        check_number("n_examples", n_examples, above=0)
        scale /= float(n_examples)
    if loss in convention.halved:
        scale *= 2
    if loss in convention.one_column | convention.class_means:
        if n_classes is None:
            raise ValueError(
                f"{library} with loss={loss!r} depends on the number of classes; give n_classes=..."
            )
        check_number("n_classes", n_classes, at_least=2, integer=True)
        if loss in convention.class_means:
            scale *= n_classes
        elif n_classes == 2:  # w₁ = −w₀ = v/2: Σ|W| = Σ|v| and ΣW² = ½ Σv²
            half = 1.0
    return Norms(scale, half * scale)


def _convention(library: str) -> type[Convention]:
    if not isinstance(library, str):
        raise TypeError(
            f"library must be one of {', '.join(map(repr, CONVENTIONS))}, got {library!r}."
        )
    if library in DECOUPLED:
        raise ValueError(
            f"{library} decays W beside the gradient, which is no penalty and has no strength; "
            "use torch.optim.SGD or torch.optim.Adam."
        )
    return lookup("library", library, CONVENTIONS, Convention)


def _given(library: str, parameters: dict[str, Any]) -> Convention:
    """The convention with these parameters."""
    convention = _convention(library)
    known = {field.name: field for field in fields(convention)}
    for name in parameters:
        if name not in known:
            raise TypeError(f"{library} has no parameter {name!r} here: {nearest(name, known)}")
    for name, field in known.items():
        if name not in parameters and field.default is MISSING:
            raise TypeError(f"{library} needs {name}; give {name}=...")
    made = convention(**parameters)
    made.check(library)
    return made


def _checked_loss(library: str, loss: str | None) -> str:
    """The loss, or the library's default; raise if the library lacks it."""
    losses = _convention(library).losses
    if loss is None:
        return next(iter(losses))
    if loss not in tuple(losses):  # a tuple, since an unhashable loss must be refused, too
        names = ", ".join(map(repr, losses))
        raise ValueError(
            f"{library} has no loss that is our {loss!r}; choose one of {names} (our names)."
        )
    return loss


def _check_pair(library: str, loss: str, penalty: Penalty) -> None:
    """Raise unless the library has the penalty with this loss."""
    known = _convention(library).losses[loss]
    if type(penalty) not in known:
        names = " or ".join(f"{kind.__name__}(...)" for kind in known)
        raise ValueError(
            f"{library} has no {type(penalty).__name__} with loss={loss!r}; it has {names}."
        )
