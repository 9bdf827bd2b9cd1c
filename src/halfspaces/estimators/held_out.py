"""Rows held out of a search for λ: folds, a part of the rows, or data of their own."""

from dataclasses import dataclass
from typing import Any

from sklearn.utils import _safe_indexing, indexable

from halfspaces.estimators.checked_data import Data, check_validation, hold_out, is_part
from halfspaces.estimators.empty_columns import with_columns_of
from halfspaces.rows.blocks import Blocks
from halfspaces.support.types import Array
from halfspaces.tuning.folds import Fold, check_fold, make_folds


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows that a fold leaves out.

    Parameters
    ----------
    blocks : Blocks
        The rows and their classes, 0 to C−1.
    weight : array, shape (n,), or None
        The weights that the caller gave them.
    given : array, sparse matrix or DataFrame
        The rows as the caller gave them, among them those outside `blocks.index`.
    """

    blocks: Blocks
    weight: Array | None
    given: Any

    @property
    def y(self) -> Array:
        """Classes, 0 to C−1, (n,)."""
        return self.blocks.labels()

    @property
    def X(self) -> Any:
        """The rows as the caller gave them; a copy of a part of them."""
        index = self.blocks.index
        return self.given if index is None else _safe_indexing(self.given, index)


def split(
    search: Any, data: Data, X: Any, groups: Any, validation: Any, *, seed: int
) -> tuple[list[Array], list[HeldOut]]:
    """Training rows of each fold (none for separate validation data), and the held-out rows.

    Parameters
    ----------
    search : LinearClassifierCV
    data : Data
        Of X as the caller gave it.
    groups, validation
        As of `LinearClassifierCV.fit`.
    seed : int
        Of the shuffling.
    """
    blocks = data.blocks
    weight = data.sample_weight
    if validation is not None and not is_part(validation):
        rows = check_validation(search, validation, data.classes)
        return [], [HeldOut(with_columns_of(rows, blocks), rows.weight, validation[0])]
    if validation is None:
        y = data.classes[blocks.y]
        folds = make_folds(search.cv, blocks.X, y, groups, weight=weight, seed=seed)
    else:
        folds = [_part(data, validation, seed)]
    (given,) = indexable(X)
    held_out = [
        HeldOut(blocks.subset(fold.test), None if weight is None else weight[fold.test], given)
        for fold in folds
    ]
    return [fold.train for fold in folds], held_out


def _part(data: Data, part: Any, seed: int) -> Fold:
    """One fold that holds out a part of the rows."""
    blocks = data.blocks
    fold = Fold(*hold_out(blocks.y, len(data.classes), part, seed))
    what = "The training rows that validation leaves"
    remedy = "hold out a smaller part"
    check_fold(what, fold, data.classes, blocks.y, blocks.weights(), remedy)
    return fold
