"""The objectives of other libraries, one class each, with the meaning of their parameters."""

from dataclasses import dataclass
from typing import Any, ClassVar

from halfspaces.convert.base import (
    ALL,
    Convention,
    Norms,
    Penalties,
    check_ratio,
    check_word,
    penalty_name,
    share_of_l1,
    total,
)
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.support.validation import check_number


@dataclass(frozen=True)
class LogisticRegression(Convention):
    """scikit-learn's: C Σ w_i L_i + ρ Σ|V| + (1 − ρ)/2 ΣV², with ρ = l1_ratio.

    L is softmax; for two classes V is one column, the difference of our two. `ova_logistic` is the
    same objective for two classes, and that of a `OneVsRestClassifier` for more. The intercept is
    not penalized, except by the solver "liblinear". l1_ratio beside C is that of
    scikit-learn ≥ 1.8; before, penalty="l1" meant l1_ratio=1.

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
        return {"C": 1 / total(norms), "l1_ratio": share_of_l1(norms)}

    def check(self, library: str) -> None:
        """C > 0, l1_ratio in [0, 1]."""
        check_number(f"{library}(C=...)", self.C, above=0)
        check_ratio(f"{library}(l1_ratio=...)", self.l1_ratio)


@dataclass(frozen=True)
class _SVC(Convention):
    """C Σ w_i L_i + ½ ΣV², or + Σ|V| with penalty="l1"."""

    C: float = 1.0
    penalty: str = "l2"
    summed: ClassVar[bool] = True

    def norms(self) -> Norms:
        """1/C of either norm."""
        return Norms(1 / self.C, 0.0) if self.penalty == "l1" else Norms(0.0, 1 / self.C)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """C and penalty."""
        return {"C": 1 / total(norms), "penalty": penalty_name(norms)}

    def check(self, library: str) -> None:
        """C > 0, a known penalty."""
        check_number(f"{library}(C=...)", self.C, above=0)
        check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1"))


@dataclass(frozen=True)
class LinearSVC(_SVC):
    """scikit-learn's, over LIBLINEAR: C Σ w_i L_i + ½ ΣV², or + Σ|V| with penalty="l1".

    L is `ova_squared_hinge`, `ova_hinge` (its loss="hinge") or `crammer_singer` (its multi_class).
    It penalizes the intercept as the weight of a feature with the constant value
    intercept_scaling: the objectives are the same with fit_intercept=False on both sides, and
    nearly the same with a large intercept_scaling.

    https://scikit-learn.org/stable/modules/generated/sklearn.svm.LinearSVC.html
    """

    losses: ClassVar[dict[str, Penalties]] = {
        "ova_squared_hinge": (L2, L1),
        "ova_hinge": (L2,),
        "crammer_singer": (L2,),
    }


@dataclass(frozen=True)
class CumlLogisticRegression(Convention):
    """cuML's: mean L_i + (ρ Σ|V| + (1 − ρ)/2 ΣV²) / (C N).

    That is scikit-learn's objective with the same C. ρ = 0 for penalty="l2", 1 for "l1", l1_ratio
    for "elasticnet". L is softmax; for two classes V is one column, the difference of our two, and
    `ova_logistic` is the same objective. The intercept is not penalized. N counts rows, not
    weights.

    https://docs.rapids.ai/api/cuml/stable/api/
    """

    C: float = 1.0
    penalty: str = "l2"
    l1_ratio: float | None = None
    losses: ClassVar[dict[str, Penalties]] = {"softmax": ALL, "ova_logistic": ALL}
    summed: ClassVar[bool] = True
    one_column: ClassVar[frozenset[str]] = frozenset({"softmax"})

    def norms(self) -> Norms:
        """ρ/C and (1 − ρ)/C."""
        ratio = {"l2": 0.0, "l1": 1.0}.get(self.penalty, self.l1_ratio or 0.0)
        return Norms(ratio / self.C, (1 - ratio) / self.C)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """C, penalty, and l1_ratio where it counts."""
        own = {"C": 1 / total(norms), "penalty": penalty_name(norms)}
        return own | ({"l1_ratio": share_of_l1(norms)} if own["penalty"] == "elasticnet" else {})

    def check(self, library: str) -> None:
        """C > 0, a known penalty, l1_ratio in [0, 1] where it counts."""
        check_number(f"{library}(C=...)", self.C, above=0)
        check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1", "elasticnet"))
        if self.penalty == "elasticnet":
            check_ratio(f"{library}(l1_ratio=...)", self.l1_ratio)


@dataclass(frozen=True)
class CumlLinearSVC(_SVC):
    """cuML's: mean L_i + ½ ΣV² / (C N), or + Σ|V| / (C N) with penalty="l1".

    That is scikit-learn's objective with the same C, but for the intercept, which is not penalized
    unless penalized_intercept=True. L is `ova_squared_hinge` or `ova_hinge` (its loss="hinge"). N
    counts rows, not weights.

    https://docs.rapids.ai/api/cuml/stable/api/
    """

    losses: ClassVar[dict[str, Penalties]] = {
        "ova_squared_hinge": (L2, L1),
        "ova_hinge": (L2, L1),
    }


@dataclass(frozen=True)
class SGDClassifier(Convention):
    """scikit-learn's: Σ w_i L_i / N + alpha (ρ Σ|V| + (1 − ρ)/2 ΣV²).

    ρ = 0 for penalty="l2", 1 for "l1", l1_ratio for "elasticnet". L is `ova_hinge`,
    `ova_squared_hinge` or `ova_logistic` (its loss="log_loss"); the intercept is not penalized. N
    counts rows, not weights: scale sample weights to the mean 1.

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
        own = {"alpha": total(norms), "penalty": penalty_name(norms)}
        return own | ({"l1_ratio": share_of_l1(norms)} if own["penalty"] == "elasticnet" else {})

    def check(self, library: str) -> None:
        """Alpha ≥ 0, a known penalty, l1_ratio in [0, 1]."""
        check_number(f"{library}(alpha=...)", self.alpha, at_least=0)
        check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1", "elasticnet"))
        check_ratio(f"{library}(l1_ratio=...)", self.l1_ratio)


@dataclass(frozen=True)
class Liblinear(Convention):
    """LIBLINEAR's options -s and -c: C Σ w_i L_i + ½ ΣV² (-s 0 to 4, 7) or + Σ|V| (-s 5, 6).

    L is `ova_logistic` (-s 0, 6, 7), `ova_squared_hinge` (1, 2, 5), `ova_hinge` (3) or
    `crammer_singer` (4). The bias of -B is penalized as the weight of one more feature: the
    objectives are the same without it (-B -1, its default, and fit_intercept=False here), or with
    -B 1 -R (-s 0, 2, 5, 6), which does not penalize it.

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
    # Loss and penalty of each solver; of two with the same objective, the primal one first.
    solvers: ClassVar[dict[int, tuple[str, str]]] = {
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
        """The loss of the solver."""
        return self.solvers[self.s][0]

    def norms(self) -> Norms:
        """1/C of either norm."""
        return Norms(1 / self.c, 0.0) if self.solvers[self.s][1] == "l1" else Norms(0.0, 1 / self.c)

    @classmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """The solver and its cost."""
        objective = (loss, penalty_name(norms))
        solver = next(s for s, solved in cls.solvers.items() if solved == objective)
        return {"s": solver, "c": 1 / total(norms)}

    def check(self, library: str) -> None:
        """A solver for classification, c > 0."""
        check_word(f"{library}(s=...)", self.s, tuple(sorted(self.solvers)))
        check_number(f"{library}(c=...)", self.c, above=0)


@dataclass(frozen=True)
class Cyanure(Convention):
    """Cyanure's Classifier: mean L_i + R.

    R is lambda_1/2 ΣV² for penalty="l2", lambda_1 Σ|V| for "l1", and
    lambda_1 Σ|V| + lambda_2/2 ΣV² for "elasticnet". L is softmax (its loss="logistic"; for two
    classes V is one column, the difference of our two) or half of `ova_squared_hinge` (its
    "sqhinge"). The intercept is not penalized.

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
        penalty = penalty_name(norms)
        if penalty == "elasticnet":
            return {"penalty": penalty, "lambda_1": norms.l1, "lambda_2": norms.half_l2}
        return {"penalty": penalty, "lambda_1": total(norms)}

    def check(self, library: str) -> None:
        """Both ≥ 0, a known penalty."""
        check_number(f"{library}(lambda_1=...)", self.lambda_1, at_least=0)
        check_number(f"{library}(lambda_2=...)", self.lambda_2, at_least=0)
        check_word(f"{library}(penalty=...)", self.penalty, ("l2", "l1", "elasticnet"))


@dataclass(frozen=True)
class TorchOptimizer(Convention):
    """torch's SGD and Adam, with weight_decay · W in the gradient: mean L_i + weight_decay/2 ΣW².

    One output for each class, also for two classes, and a loss with reduction="mean": softmax is
    `CrossEntropyLoss`; `hinge`, `squared_hinge` and `ova_logistic` are `MultiMarginLoss` with p=1
    and p=2 and `BCEWithLogitsLoss` (on one-hot targets), which also divide by the number of
    classes. Put the bias into its own parameter group with weight_decay=0. AdamW decays W outside
    the gradient; its minimum is that of no penalty (Xie & Li, Implicit bias of AdamW, 2024,
    https://arxiv.org/abs/2404.04454).

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
    """R's glmnet: Σ w_i L_i / Σ w_i + lambda (alpha Σ|V| + (1 − alpha)/2 ΣV²).

    lambda is `lambda_` in Python. L is softmax: family "multinomial" (ungrouped), or for two
    classes "binomial", whose V is one column, the difference of our two. The intercept is not
    penalized. Its default standardize=TRUE is our default.

    Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via coordinate
    descent, 2010, https://doi.org/10.18637/jss.v033.i01
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
        return {"lambda_": total(norms), "alpha": share_of_l1(norms)}

    def check(self, library: str) -> None:
        """Lambda ≥ 0, alpha in [0, 1]."""
        check_number(f"{library}(lambda_=...)", self.lambda_, at_least=0)
        check_ratio(f"{library}(alpha=...)", self.alpha)


CONVENTIONS: dict[str, type[Convention]] = {
    "sklearn.LogisticRegression": LogisticRegression,
    "sklearn.LinearSVC": LinearSVC,
    "sklearn.SGDClassifier": SGDClassifier,
    "cuml.LogisticRegression": CumlLogisticRegression,
    "cuml.svm.LinearSVC": CumlLinearSVC,
    "liblinear": Liblinear,
    "cyanure.Classifier": Cyanure,
    "torch.optim.SGD": TorchOptimizer,
    "torch.optim.Adam": TorchOptimizer,
    "glmnet": Glmnet,
}
