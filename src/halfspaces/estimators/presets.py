"""Published protocols of linear probes, ready to run: their grid in our λ, split and final fit.

| preset | penalty, as published | chosen on | the final fit |
| --- | --- | --- | --- |
| `clip_probe` | C = 10⁻⁶ … 10⁶, 8 a decade: 97 | validation set, or training part | both |
| `dinov2_probe` | C = 10⁻⁶ … 10⁵, 4 a decade: 45 | training tenth, or validation set | both |
| `vtab_probe` | weight decay 0.01, 0.001, 0.0001 | 200 of 1,000 examples | all 1,000 |

Each returns an unfitted `LinearClassifierCV`, to be fitted to the features of training and
validation examples together; `set_params` changes its other options. Three things differ from the
published protocols, for all presets:

* Every fit is solved to the tolerance `tol`, by a proven bound. The protocols stop after a fixed
  number of iterations, so that at weak penalties they do not reach the minimum: there the number of
  iterations regularizes, too.
* The whole grid is solved, however small λ is. Strengths too weak to be useful are included because
  the protocol includes them.
* Of equal scores the strongest penalty is chosen.

Features are used as they are: none of the three standardizes them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from halfspaces.convert import to_penalty
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

__all__ = [
    "CLIP_C",
    "DINOV2_C",
    "VPT_WEIGHT_DECAY",
    "Split",
    "clip_probe",
    "dinov2_probe",
    "vtab_probe",
]


# In the protocols' own units.
CLIP_C = tuple(10.0 ** (step / 8) for step in range(-48, 49))
DINOV2_C = tuple(10.0 ** (step / 4) for step in range(-24, 21))
VPT_WEIGHT_DECAY = (1e-2, 1e-3, 1e-4)


def clip_probe(n_examples: int, n_classes: int, *, validation: float = 0.1) -> LinearClassifierCV:
    """The linear probe of CLIP: softmax, λ chosen from 97 by the accuracy on a validation set.

    As published (Radford et al. 2021, appendix A.3): features of the penultimate layer, for ViTs
    those before the projection; scikit-learn's `LogisticRegression` by L-BFGS, at most 1,000
    iterations; the L2 strength from 10⁻⁶ to 10⁶ in 96 logarithmic steps, by a search that starts at
    10⁻⁶, 10⁻⁴, …, 10⁶ and halves the interval around the peak down to 8 steps a decade; scored on
    the validation set if there is one, else on a part of the training set; the final fit on
    training and validation set together.

    Here λ = 1/(2CN) for every C of the grid (1/(CN) for two classes), which includes every C that
    the search may visit.

    * 96 steps of an eighth of a decade have 97 ends, among them all starts of the search and the
      C = 0.316 = 10^−0.5 of the authors' example. Others read 96 values from 10⁻⁶ to 10⁶, which
      include only the first and last of these.
    * The paper speaks of λ, the example of C = 1/λ; the grid is the same.
    * N is that of the final fit, whose C is the published one. While λ is chosen, C is that times
      N over the number of fitted rows.
    * We found no statement which part of a training set was held out, and no code of the sweep: a
      random tenth is our choice, and so is accuracy for data sets that are reported in another
      measure (`set_params(scoring=...)`).

    Parameters
    ----------
    n_examples : int
        N, the rows of training and validation set together.
    n_classes : int
        The number of classes.
    validation : int or float
        A number of rows: the validation set is the last rows of X. A part between 0 and 1: as many
        rows, drawn at random.

    Returns
    -------
    LinearClassifierCV
        Not fitted; its `fit` raises unless X has `n_examples` rows.

    Raises
    ------
    ValueError, TypeError
        For numbers out of range.

    References
    ----------
    Radford et al., Learning transferable visual models from natural language supervision, 2021,
    https://arxiv.org/abs/2103.00020, appendix A.3; https://github.com/openai/CLIP, README.md,
    "Linear-probe evaluation"

    Examples
    --------
    >>> probe = clip_probe(50_000, 10, validation=5_000)
    >>> len(probe.strengths), f"{max(probe.strengths):.0e} to {min(probe.strengths):.0e}"
    (97, '1e+01 to 1e-11')
    """
    return _from_costs(CLIP_C, Split(n_examples, validation), n_classes)


def dinov2_probe(n_examples: int, n_classes: int, *, validation: float = 0.1) -> LinearClassifierCV:
    """The logistic regression of DINOv2: λ chosen from 45 by accuracy on a tenth of the examples.

    As published (Oquab et al. 2023, `dinov2/eval/log_regression.py`): features as the model gives
    them, in float64; cuML's `LogisticRegression(penalty="l2", C=C, max_iter=1000, tol=1e-12)` for
    C = 10^−6, 10^−5.75, …, 10^5; scored on a data set given for that ("finetune"), else on a random
    10 % of the training set, rounded down, without which the rest is fitted; the final fit, at the
    best C, on both together.

    Here λ = 1/(2CN) for every C (1/(CN) for two classes): cuML divides its penalty by N, so that
    its C is scikit-learn's.

    * N is that of the final fit, whose C is the published one. While λ is chosen, C is that times
      N over the number of fitted rows: 1.11 C with a tenth.
    * The tenth is drawn by NumPy with a fixed seed; theirs, by torch, is another. Neither keeps the
      proportions of the classes.
    * Its `--finetune-on-val`, which chooses C on the test set, is left out. Its `--metric-type` is
      its default, accuracy; mean_per_class_accuracy is `set_params(scoring="balanced_accuracy")`.
    * X may be of any type; products are float32 unless X is float64.

    Parameters
    ----------
    n_examples, n_classes, validation
        As of `clip_probe`.

    Returns
    -------
    LinearClassifierCV
        Not fitted; its `fit` raises unless X has `n_examples` rows.

    Raises
    ------
    ValueError, TypeError
        For numbers out of range.

    References
    ----------
    Oquab et al., DINOv2: learning robust visual features without supervision, 2023,
    https://arxiv.org/abs/2304.07193; https://github.com/facebookresearch/dinov2,
    dinov2/eval/log_regression.py

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> probe = dinov2_probe(300, 10)
    >>> len(probe.strengths)
    45
    >>> probe = probe.set_params(strengths=probe.strengths[4:28:8], n_jobs=1)  # three of them
    >>> probe.fit(X[:300] / 16, y[:300]).scores_.shape
    (3, 1)
    """
    return _from_costs(DINOV2_C, Split(n_examples, validation), n_classes)


def vtab_probe(n_examples: int = 1_000, *, validation: float = 200) -> LinearClassifierCV:
    """A linear probe on VTAB-1k: λ chosen by fitting 800 examples and scoring 200.

    As published: VTAB (Zhai et al. 2019) gives the split: the first 800 examples of a task's
    training set, 200 of its validation set, the final model on these 1,000
    (`task_adaptation/data`, "train800val200"). It has no penalty to choose: its code trains without
    one. The grid is that of the linear probe of VPT (Jia et al. 2022, `tune_vtab.py`, "linear"),
    which uses that split: softmax by SGD with momentum 0.9, 100 epochs, a cosine schedule, weight
    decay 0.01, 0.001, 0.0001 or 0 on W and none on the bias, ten learning rates from 0.05 to 50;
    the pair with the best accuracy on the 200 is then trained on the 1,000, five times.

    Here λ = weight_decay/2, whatever the number of examples.

    * There is no learning rate: only λ is chosen, and there is one answer instead of five runs.
    * A decay of 0 is left out: with more features than examples, or separable classes, only the
      number of epochs keeps W finite then.
    * With three strengths the best is often at the edge. For more than the protocol has, use
      `set_params(strengths=20)`.
    * All classes must be among the fitted rows. `fit` raises for a task with more classes than the
      800 examples cover (Sun397): that task is not for this preset.

    Parameters
    ----------
    n_examples : int
        Rows of X: the 800 and, below them, the 200.
    validation : int or float
        As of `clip_probe`.

    Returns
    -------
    LinearClassifierCV
        Not fitted; its `fit` raises unless X has `n_examples` rows.

    Raises
    ------
    ValueError, TypeError
        For numbers out of range.

    References
    ----------
    Zhai et al., A large-scale study of representation learning with the visual task adaptation
    benchmark, 2019, https://arxiv.org/abs/1910.04867,
    https://github.com/google-research/task_adaptation; Jia et al., Visual prompt tuning, 2022,
    https://doi.org/10.1007/978-3-031-19827-4_41, https://github.com/KMnP/vpt

    Examples
    --------
    >>> probe = vtab_probe()
    >>> probe.strengths, probe.cv
    ((0.005, 0.0005, 5e-05), Split(n_examples=1000, validation=200))
    """
    penalties = [to_penalty("torch.optim.SGD", weight_decay=decay) for decay in VPT_WEIGHT_DECAY]
    return _probe(penalties, Split(n_examples, validation))


@dataclass(frozen=True)
class Split:
    """One split, as a scikit-learn splitter: holds out the last rows, or a random part.

    The random part is drawn with a fixed seed.

    Parameters
    ----------
    n_examples : int
        Rows of X; another number is refused, since λ depends on it.
    validation : int or float
        A number of rows, the last ones; or a part of all rows, rounded down.

    Raises
    ------
    ValueError, TypeError
        For numbers out of range; in `split`, for another number of rows.

    Examples
    --------
    >>> [(train, held_out)] = Split(5, 2).split(np.zeros((5, 1)))
    >>> train, held_out
    (array([0, 1, 2]), array([3, 4]))
    """

    n_examples: int
    validation: float

    def __post_init__(self) -> None:
        check_number("n_examples", self.n_examples, at_least=2, integer=True)
        if isinstance(self.validation, Integral):
            check_number(
                "validation, as a number of rows,",
                self.validation,
                at_least=1,
                below=self.n_examples,
            )
        else:
            check_number("validation, as a part of the rows,", self.validation, above=0, below=1)
        if self._n_held_out == 0:
            raise ValueError(
                f"validation={self.validation} of {self.n_examples} rows holds out none; raise it."
            )

    @property
    def _n_held_out(self) -> int:
        if isinstance(self.validation, Integral):
            return int(self.validation)
        return math.floor(self.validation * self.n_examples)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Rows to fit and rows to score, rising."""
        if X.shape[0] != self.n_examples:
            raise ValueError(
                f"The preset was made for n_examples={self.n_examples}, but X has {X.shape[0]} "
                "rows; give all of training and validation set, or make it for "
                f"n_examples={X.shape[0]}."
            )
        rows = np.arange(self.n_examples)
        if not isinstance(self.validation, Integral):
            rows = np.random.default_rng(0).permutation(rows)
        yield np.sort(rows[: -self._n_held_out]), np.sort(rows[-self._n_held_out :])

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """1, the number of splits."""
        return 1


def _from_costs(costs: Iterable[float], split: Split, n_classes: int) -> LinearClassifierCV:
    """The grid of scikit-learn's C, the factor of the sum of losses of all rows of the split."""
    options: dict[str, Any] = {"n_examples": split.n_examples, "n_classes": n_classes}
    library = "sklearn.LogisticRegression"
    return _probe([to_penalty(library, C=cost, **options) for cost in costs], split)


def _probe(penalties: Iterable[Any], split: Split) -> LinearClassifierCV:
    strengths = tuple(penalty.strength for penalty in penalties)
    return LinearClassifierCV(
        "softmax", "l2", strengths, cv=split, scoring="accuracy", standardize=False
    )
