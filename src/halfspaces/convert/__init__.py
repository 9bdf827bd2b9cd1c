"""Translator between λ and other libraries' regularization parameters: the same objective in their words.

halfspaces minimizes a mean plus λ R(W), with no hidden ½ and no hidden N:

    Σ w_i L_i / Σ w_i + λ R(W)      R = ΣW² (`L2`), Σ|W| (`L1`), Σ(βW² + |W|) (`ElasticNet`)

Others sum where it takes a mean, halve the squares, halve a loss, average over the classes, or fit one column where two
classes have two. `to_penalty` takes their parameters and gives our penalty, `from_penalty` the reverse; `CONVENTIONS`
holds one class a library, whose docstring is its objective and whose fields are its parameters, under their own names.

Three things no parameter can translate:

* R acts on standardized features by default, other libraries' penalties on the features as they come (but for glmnet):
  give them standardized features, or fit with `LinearClassifier(standardize=False)`.
* The bias is never penalized here. LIBLINEAR and `LinearSVC` penalize it, torch decays whatever it is given.
* AdamW's decoupled decay is not the gradient of any penalty.
"""

from dataclasses import MISSING, fields
from typing import Any

from halfspaces.convert.conventions import CONVENTIONS, Convention, Norms
from halfspaces.penalties.base import Penalty
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.support.validation import check_number, lookup, nearest

__all__ = ["CONVENTIONS", "Convention", "from_penalty", "to_penalty"]

DECOUPLED = ("torch.optim.AdamW",)  # no penalty at all


def to_penalty(
    library: str,
    *,
    n_examples: float | None = None,
    n_classes: int | None = None,
    loss: str | None = None,
    **parameters: Any,
) -> L2 | L1 | ElasticNet:
    """The penalty that another library's parameters mean: `LinearClassifier(penalty=...)` has the same minimum.

    Of a library that minimizes a · Σ w_i L_i + k₁ Σ|V| + ½ k₂ ΣV², the penalty is k₁/(aN) Σ|W| + k₂/(2aN) ΣW²: `L1`,
    `L2`, or an `ElasticNet` of the strength k₁/(aN) and β = k₂/(2k₁). N = Σ w_i; it is 1 where the library takes a
    mean. Where a library fits one column of two classes, ΣV² is twice our ΣW², and λ twice that.

    Parameters
    ----------
    library : str
        A key of `CONVENTIONS`; `CONVENTIONS[library].__doc__` is its objective.
    n_examples : float
        N, or the sum of the sample weights; needed where a library sums over the examples.
    n_classes : int
        Needed where two classes are a special case, or a loss is a mean over classes.
    loss : str or None
        The loss of ours, of those the library has; None takes its own default.
    **parameters
        Its parameters, by its own names; what is left out has the library's default.

    Returns
    -------
    L2, L1 or ElasticNet
        λ is its `strength`.

    Raises
    ------
    ValueError, TypeError
        For unknown libraries, losses and parameters, values out of range, a missing `n_examples` or `n_classes`.

    Examples
    --------
    >>> to_penalty("sklearn.LogisticRegression", C=1.0, n_examples=50_000, n_classes=10)
    L2(strength=1e-05)
    >>> to_penalty("sklearn.LogisticRegression", C=1.0, l1_ratio=0.5, n_examples=50_000, n_classes=10)
    ElasticNet(strength=1e-05, beta=0.5)
    >>> to_penalty("torch.optim.SGD", weight_decay=0.002)
    L2(strength=0.001)
    """
    convention = _given(library, parameters)
    if convention.loss and loss not in (None, convention.loss):
        raise ValueError(
            f"{library} with these parameters has the loss {convention.loss!r}, got loss={loss!r}; leave loss out."
        )
    loss = _checked_loss(library, convention.loss or loss)
    factors, norms = _factors(library, loss, n_examples, n_classes), convention.norms()
    penalty = _joined(float(norms.l1 * factors.l1), float(norms.half_l2 * factors.half_l2))
    _check_joined(library, loss, penalty)
    return penalty


def from_penalty(
    library: str,
    penalty: Penalty,
    *,
    n_examples: float | None = None,
    n_classes: int | None = None,
    loss: str | None = None,
) -> dict[str, Any]:
    """The parameters with which another library has the same minimum as `LinearClassifier(penalty=penalty)`.

    The inverse of `to_penalty`, whose formulas and other parameters it shares.

    Parameters
    ----------
    penalty : L2, L1 or ElasticNet
        With one strength.

    Returns
    -------
    dict
        Keywords for the library's own function.

    Raises
    ------
    ValueError, TypeError
        As `to_penalty`; also for penalties and pairs of loss and penalty that the library lacks, and for a strength
        of 0 where its parameter is 1/λ.

    Examples
    --------
    >>> from_penalty("sklearn.LogisticRegression", L2(1e-5), n_examples=50_000, n_classes=10)
    {'C': 1.0, 'l1_ratio': 0.0}
    >>> from_penalty("liblinear", L2(1e-3), loss="crammer_singer", n_examples=1_000)
    {'s': 4, 'c': 0.5}
    >>> from_penalty("glmnet", ElasticNet(0.01, beta=0.5), n_classes=10)
    {'lambda_': 0.02, 'alpha': 0.5}
    """
    convention, loss = _convention(library), _checked_loss(library, loss)
    l1, l2 = _parts(penalty)
    _check_joined(library, loss, penalty)
    if convention.summed and l1 == l2 == 0:
        raise ValueError(
            f"{library} takes 1/strength; penalty must have a strength above 0, got {penalty!r}."
        )
    factors = _factors(library, loss, n_examples, n_classes)
    return convention.parameters(Norms(l1 / factors.l1, l2 / factors.half_l2), loss)


def _parts(penalty: Penalty) -> tuple[float, float]:
    """The factors of Σ|W| and ΣW²."""
    if not isinstance(penalty, (L2, L1, ElasticNet)):
        raise TypeError(f"penalty must be L2(...), L1(...) or ElasticNet(...), got {penalty!r}.")
    strength = penalty.strength
    if isinstance(strength, tuple):
        raise ValueError(
            f"penalty must have one strength, got {penalty!r}; convert one after the other."
        )
    if isinstance(penalty, L2):
        return 0.0, float(strength)
    return float(strength), float(strength * penalty.beta) if isinstance(
        penalty, ElasticNet
    ) else 0.0


def _joined(l1: float, l2: float) -> L2 | L1 | ElasticNet:
    """The penalty l1 Σ|W| + l2 ΣW²."""
    if l1 == 0:
        return L2(l2)
    return L1(l1) if l2 == 0 else ElasticNet(l1, beta=l2 / l1)


def _factors(library: str, loss: str, n_examples: float | None, n_classes: int | None) -> Norms:
    """How many times the library's numbers are those of Σ|W| and of ΣW² beside our mean loss."""
    convention = _convention(library)
    scale, half = 1.0, 0.5
    if convention.summed:
        if n_examples is None:
            raise ValueError(
                f"{library} sums over the examples; give n_examples=N, or the sum of the sample weights."
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
        elif n_classes == 2:  # w₁ = −w₀ = v/2, of which Σ|W| = Σ|v| and ΣW² = ½ Σv²
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
    """The convention with the parameters that were given."""
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
    """The loss, or the library's default."""
    losses = _convention(library).losses
    if loss is None:
        return next(iter(losses))
    if loss not in tuple(losses):  # an unhashable one is told the names, too
        raise ValueError(
            f"{library} has no loss that is our {loss!r}; choose one of {', '.join(map(repr, losses))} (our names)."
        )
    return loss


def _check_joined(library: str, loss: str, penalty: Penalty) -> None:
    """Raise unless the library joins the penalty to the loss."""
    known = _convention(library).losses[loss]
    if type(penalty) not in known:
        names = " or ".join(f"{kind.__name__}(...)" for kind in known)
        raise ValueError(
            f"{library} has no {type(penalty).__name__} with loss={loss!r}; it has {names}."
        )
