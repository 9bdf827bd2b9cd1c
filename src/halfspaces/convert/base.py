"""What the objective of another library is made of, and checks of its parameters."""

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
    """The factors of Σ|V| and of ½ ΣV² for a library's columns V, if its data loss has factor 1."""

    l1: float
    half_l2: float


@dataclass(frozen=True)
class Convention(ABC):
    """The objective of a library; the fields are its own parameters, with its own defaults.

    A new library is one frozen dataclass with its fields, the class attributes below that differ
    from ours, three methods, and a row in `CONVENTIONS`.

    Attributes
    ----------
    losses : dict
        Names of our losses that the library has, its default first, and the penalties it has with
        each.
    summed : bool
        Whether its data loss is Σ w_i L_i instead of the mean.
    one_column : set of names
        Losses for which it fits only w_1 − w_0 for two classes.
    halved : set of names
        Losses that it multiplies by ½ and we do not.
    class_means : set of names
        Losses that it divides by the number of classes.
    """

    losses: ClassVar[dict[str, Penalties]]
    summed: ClassVar[bool] = False
    one_column: ClassVar[frozenset[str]] = frozenset()
    halved: ClassVar[frozenset[str]] = frozenset()
    class_means: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def norms(self) -> Norms:
        """The factors of the two norms."""

    @classmethod
    @abstractmethod
    def parameters(cls, norms: Norms, loss: str) -> dict[str, Any]:
        """The parameters with these factors: the inverse of `norms`."""

    @abstractmethod
    def check(self, library: str) -> None:
        """Raise unless each field is in range; errors name the library."""

    @property
    def loss(self) -> str | None:
        """The loss that the parameters themselves determine, if they do."""
        return None


def total(norms: Norms) -> float:
    """The factors of both norms together."""
    return norms.l1 + norms.half_l2


def share_of_l1(norms: Norms) -> float:
    """The share of the L1 norm."""
    return norms.l1 / total(norms) if total(norms) > 0 else 0.0


def penalty_name(norms: Norms) -> str:
    """The name of the penalty in scikit-learn, cuML and Cyanure."""
    if norms.l1 == 0:
        return "l2"
    return "l1" if norms.half_l2 == 0 else "elasticnet"


def check_ratio(name: str, ratio: Any) -> None:
    """Raise unless a ratio is between 0 and 1."""
    check_number(name, ratio, at_least=0)
    if ratio > 1:
        raise ValueError(f"{name} must be at most 1, got {ratio!r}.")


def check_word(name: str, word: Any, known: tuple[Any, ...]) -> None:
    """Raise unless a word is one of those that are known."""
    if isinstance(word, bool) or word not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {word!r}.")
