"""The objectives of other libraries, one class each: what their parameters mean."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from halfspaces.penalties.base import Penalty
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.support.validation import check_number

Penalties = tuple[type[Penalty], ...]
ALL: Penalties = (L2, L1, ElasticNet)


class Norms(NamedTuple):
    """The factors of Σ|V| and of ½ ΣV², for a library's own columns V, where the data loss has the factor 1."""

    l1: float
    half_l2: float


@dataclass(frozen=True)
class Convention(ABC):
    """How a library writes its objective. The fields are its own parameters, with its own defaults.

    A new library is one frozen dataclass: its fields, what differs from ours in the tables below, three methods, and a
    row in `CONVENTIONS`.
    """

    losses: ClassVar[
        dict[str, Penalties]
    ]  # ours that it has, with the penalties it joins to each; its default first
    summed: ClassVar[bool] = False  # its data loss is Σ w_i L_i, not the mean
    one_column: ClassVar[frozenset[str]] = (
        frozenset()
    )  # losses for which it fits w_1 − w_0 alone of two classes
    halved: ClassVar[frozenset[str]] = frozenset()  # losses that it writes with a ½ that ours lack
    class_means: ClassVar[frozenset[str]] = (
        frozenset()
    )  # losses that it divides by the number of classes

    @abstractmethod
    def norms(self) -> Norms:
        """What these parameters mean."""

    @classmethod
    @abstractmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """The parameters that mean this: the inverse of `norms`."""

    @abstractmethod
    def check(self, library: str) -> None:
        """Raise unless each field is in range; the library's name is for the sentence."""

    @property
    def loss(self) -> str | None:
        """The loss that the parameters themselves name, if they do."""
        return None


def _total(norms: Norms) -> float:
    return norms.l1 + norms.half_l2


def _ratio(norms: Norms) -> float:
    """The share of the L1 norm."""
    return norms.l1 / _total(norms) if _total(norms) > 0 else 0.0


def _penalty_name(norms: Norms) -> str:
    """As scikit-learn and Cyanure have it."""
    return "l2" if norms.l1 == 0 else "l1" if norms.half_l2 == 0 else "elasticnet"


def _check_ratio(name: str, ratio: Any) -> None:
    check_number(name, ratio, at_least=0)
    if ratio > 1:
        raise ValueError(f"{name} must be at most 1, got {ratio!r}.")


def _check_word(name: str, word: Any, known: tuple[Any, ...]) -> None:
    if isinstance(word, bool) or word not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {word!r}.")


@dataclass(frozen=True)
class LogisticRegression(Convention):
    """scikit-learn's: C Σ w_i L_i + ρ Σ|V| + (1 − ρ)/2 ΣV², with ρ = l1_ratio; the intercept is free.

    L is softmax; of two classes V is one column, the difference of ours. `ova_logistic` is what it minimizes for two
    classes, too, and inside a `OneVsRestClassifier` for more. Its solver "liblinear" penalizes the intercept.
    Pairs of l1_ratio with C are those of scikit-learn ≥ 1.8; before, penalty="l1" stood for l1_ratio=1.

    https://scikit-learn.org/stable/modules/linear_model.html#logistic-regression
    """

    C: float = 1.0
    l1_ratio: float = 0.0
    losses: ClassVar[dict[str, Penalties]] = {"softmax": ALL, "ova_logistic": ALL}
    summed: ClassVar[bool] = True
    one_column: ClassVar[frozenset[str]] = frozenset({"softmax"})

    def norms(self) -> Norms:
        """ρ/C and (1 − ρ)/C."""
        return Norms(self.l1_ratio / self.C, (1 - self.l1_ratio) / self.C)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """C and l1_ratio."""
        return {"C": 1 / _total(norms), "l1_ratio": _ratio(norms)}

    def check(self, library: str) -> None:
        """C > 0, l1_ratio in [0, 1]."""
        check_number(f"{library}(C=...)", self.C, above=0)
        _check_ratio(f"{library}(l1_ratio=...)", self.l1_ratio)


@dataclass(frozen=True)
class LinearSVC(Convention):
    """scikit-learn's, over LIBLINEAR: C Σ w_i L_i + ½ ΣV², or + Σ|V| with penalty="l1".

    L is `ova_squared_hinge`, `ova_hinge` (its loss="hinge") or `crammer_singer` (its multi_class). It penalizes the
    intercept as the weight of a feature that is intercept_scaling everywhere: the objectives are the same with
    fit_intercept=False on both sides, and nearly so with a large intercept_scaling.

    https://scikit-learn.org/stable/modules/generated/sklearn.svm.LinearSVC.html
    """

    C: float = 1.0
    penalty: str = "l2"
    losses: ClassVar[dict[str, Penalties]] = {
        "ova_squared_hinge": (L2, L1),
        "ova_hinge": (L2,),
        "crammer_singer": (L2,),
    }
    summed: ClassVar[bool] = True

    def norms(self) -> Norms:
        """1/C of either norm."""
        return Norms(1 / self.C, 0.0) if self.penalty == "l1" else Norms(0.0, 1 / self.C)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """C and penalty."""
        return {"C": 1 / _total(norms), "penalty": _penalty_name(norms)}

    def check(self, library: str) -> None:
        """C > 0, a known penalty."""
        check_number(f"{library}(C=...)", self.C, above=0)
        _check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1"))


@dataclass(frozen=True)
class SGDClassifier(Convention):
    """scikit-learn's: Σ w_i L_i / N + alpha (ρ Σ|V| + (1 − ρ)/2 ΣV²); ρ = 0 for "l2", 1 for "l1", else l1_ratio.

    L is `ova_hinge`, `ova_squared_hinge` or `ova_logistic` (its loss="log_loss"); the intercept is free. Its N counts
    rows, not weights: scale sample weights to the mean 1.

    https://scikit-learn.org/stable/modules/sgd.html#mathematical-formulation
    """

    alpha: float = 1e-4
    penalty: str = "l2"
    l1_ratio: float = 0.15
    losses: ClassVar[dict[str, Penalties]] = {
        "ova_hinge": ALL,
        "ova_squared_hinge": ALL,
        "ova_logistic": ALL,
    }

    def norms(self) -> Norms:
        """alpha ρ and alpha (1 − ρ)."""
        ratio = {"l2": 0.0, "l1": 1.0, "elasticnet": self.l1_ratio}[self.penalty]
        return Norms(self.alpha * ratio, self.alpha * (1 - ratio))

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """alpha, penalty, and l1_ratio where it counts."""
        own = {"alpha": _total(norms), "penalty": _penalty_name(norms)}
        return own | ({"l1_ratio": _ratio(norms)} if own["penalty"] == "elasticnet" else {})

    def check(self, library: str) -> None:
        """Alpha ≥ 0, a known penalty, l1_ratio in [0, 1]."""
        check_number(f"{library}(alpha=...)", self.alpha, at_least=0)
        _check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1", "elasticnet"))
        _check_ratio(f"{library}(l1_ratio=...)", self.l1_ratio)


@dataclass(frozen=True)
class Liblinear(Convention):
    """LIBLINEAR's options -s and -c: C Σ w_i L_i + ½ ΣV² (-s 0 to 4, 7) or + Σ|V| (-s 5, 6).

    L is `ova_logistic` (-s 0, 6, 7), `ova_squared_hinge` (1, 2, 5), `ova_hinge` (3) or `crammer_singer` (4). The bias
    of -B is penalized as the weight of one more feature: the objectives are the same without it (-B -1, its default,
    and fit_intercept=False here), or with -B 1 -R (-s 0, 2, 5, 6), which leaves it free.

    Fan et al., LIBLINEAR: a library for large linear classification, JMLR 2008,
    https://www.csie.ntu.edu.tw/~cjlin/papers/liblinear.pdf
    """

    s: int = 1
    c: float = 1.0
    losses: ClassVar[dict[str, Penalties]] = {
        "ova_squared_hinge": (L2, L1),
        "ova_hinge": (L2,),
        "ova_logistic": (L2, L1),
        "crammer_singer": (L2,),
    }
    summed: ClassVar[bool] = True
    solvers: ClassVar[
        dict[int, tuple[str, str]]
    ] = {  # of two for the same objective, the primal one first
        0: ("ova_logistic", "l2"),
        7: ("ova_logistic", "l2"),
        2: ("ova_squared_hinge", "l2"),
        1: ("ova_squared_hinge", "l2"),
        3: ("ova_hinge", "l2"),
        4: ("crammer_singer", "l2"),
        5: ("ova_squared_hinge", "l1"),
        6: ("ova_logistic", "l1"),
    }

    @property
    def loss(self) -> str | None:
        """That of the solver."""
        return self.solvers[self.s][0]

    def norms(self) -> Norms:
        """1/C of either norm."""
        return Norms(1 / self.c, 0.0) if self.solvers[self.s][1] == "l1" else Norms(0.0, 1 / self.c)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """The solver and its cost."""
        objective = (loss, _penalty_name(norms))
        return {
            "s": next(s for s, solved in cls.solvers.items() if solved == objective),
            "c": 1 / _total(norms),
        }

    def check(self, library: str) -> None:
        """A solver for classification, c > 0."""
        _check_word(f"{library}(s=...)", self.s, tuple(sorted(self.solvers)))
        check_number(f"{library}(c=...)", self.c, above=0)


@dataclass(frozen=True)
class Cyanure(Convention):
    """Cyanure's Classifier: mean L_i + R, R = lambda_1/2 ΣV² ("l2"), lambda_1 Σ|V| ("l1"), or "elasticnet".

    The elastic net is lambda_1 Σ|V| + lambda_2/2 ΣV². L is softmax (its loss="logistic"; of two classes V is one
    column, the difference of ours) or `ova_squared_hinge` (its "sqhinge"), which it halves. The intercept is free.

    Mairal, Cyanure: an open-source toolbox for empirical risk minimization, 2019, https://arxiv.org/abs/1912.08165
    """

    lambda_1: float
    lambda_2: float = 0.0
    penalty: str = "l2"
    losses: ClassVar[dict[str, Penalties]] = {"softmax": ALL, "ova_squared_hinge": ALL}
    one_column: ClassVar[frozenset[str]] = frozenset({"softmax"})
    halved: ClassVar[frozenset[str]] = frozenset({"ova_squared_hinge"})

    def norms(self) -> Norms:
        """lambda_1 of the one norm, or lambda_1 and lambda_2 of the two."""
        if self.penalty == "elasticnet":
            return Norms(self.lambda_1, self.lambda_2)
        return Norms(self.lambda_1, 0.0) if self.penalty == "l1" else Norms(0.0, self.lambda_1)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """Penalty, lambda_1, and lambda_2 where it counts."""
        penalty = _penalty_name(norms)
        if penalty == "elasticnet":
            return {"penalty": penalty, "lambda_1": norms.l1, "lambda_2": norms.half_l2}
        return {"penalty": penalty, "lambda_1": _total(norms)}

    def check(self, library: str) -> None:
        """Both ≥ 0, a known penalty."""
        check_number(f"{library}(lambda_1=...)", self.lambda_1, at_least=0)
        check_number(f"{library}(lambda_2=...)", self.lambda_2, at_least=0)
        _check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1", "elasticnet"))


@dataclass(frozen=True)
class TorchOptimizer(Convention):
    """torch's SGD and Adam, which add weight_decay · W to the gradient: mean L_i + weight_decay/2 ΣW².

    One output a class, of two classes too, and a loss with reduction="mean": softmax is `CrossEntropyLoss`; `hinge`,
    `squared_hinge` and `ova_logistic` are `MultiMarginLoss` of p=1 and p=2 and `BCEWithLogitsLoss` (on one-hot
    targets), which divide by the number of classes as well. Put the bias into a parameter group of its own, with
    weight_decay=0. AdamW decays W beside the gradient; its minimum is no penalty's (Xie & Li, Implicit bias of AdamW,
    2024, https://arxiv.org/abs/2404.04454).

    https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    weight_decay: float
    losses: ClassVar[dict[str, Penalties]] = {
        "softmax": (L2,),
        "hinge": (L2,),
        "squared_hinge": (L2,),
        "ova_logistic": (L2,),
    }
    class_means: ClassVar[frozenset[str]] = frozenset({"hinge", "squared_hinge", "ova_logistic"})

    def norms(self) -> Norms:
        """weight_decay of ½ ΣW²."""
        return Norms(0.0, self.weight_decay)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """weight_decay."""
        return {"weight_decay": norms.half_l2}

    def check(self, library: str) -> None:
        """weight_decay ≥ 0."""
        check_number(f"{library}(weight_decay=...)", self.weight_decay, at_least=0)


@dataclass(frozen=True)
class Glmnet(Convention):
    """R's glmnet: Σ w_i L_i / Σ w_i + lambda (alpha Σ|V| + (1 − alpha)/2 ΣV²); lambda is `lambda_` in Python.

    L is softmax, of families "multinomial" (ungrouped) and, of two classes, "binomial", whose V is one column, the
    difference of ours. The intercept is free. Its default standardize=TRUE is our default.

    Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via coordinate descent, 2010,
    https://doi.org/10.18637/jss.v033.i01
    """

    lambda_: float
    alpha: float = 1.0
    losses: ClassVar[dict[str, Penalties]] = {"softmax": ALL}
    one_column: ClassVar[frozenset[str]] = frozenset({"softmax"})

    def norms(self) -> Norms:
        """lambda alpha and lambda (1 − alpha)."""
        return Norms(self.lambda_ * self.alpha, self.lambda_ * (1 - self.alpha))

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """lambda_ and alpha."""
        return {"lambda_": _total(norms), "alpha": _ratio(norms)}

    def check(self, library: str) -> None:
        """Lambda ≥ 0, alpha in [0, 1]."""
        check_number(f"{library}(lambda_=...)", self.lambda_, at_least=0)
        _check_ratio(f"{library}(alpha=...)", self.alpha)


CONVENTIONS: dict[str, type[Convention]] = {
    "sklearn.LogisticRegression": LogisticRegression,
    "sklearn.LinearSVC": LinearSVC,
    "sklearn.SGDClassifier": SGDClassifier,
    "liblinear": Liblinear,
    "cyanure.Classifier": Cyanure,
    "torch.optim.SGD": TorchOptimizer,
    "torch.optim.Adam": TorchOptimizer,
    "glmnet": Glmnet,
}
