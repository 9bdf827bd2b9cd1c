"""Published protocols of linear probes: their grid, in our λ, their split and what they fit in the end, ready to run.

| preset | penalty, as published | chosen on | the final fit |
| --- | --- | --- | --- |
| `clip_probe` | C = 10⁻⁶ … 10⁶, 8 a decade: 97 | the validation set, or a part of the training set | both |
| `dinov2_probe` | C = 10⁻⁶ … 10⁵, 4 a decade: 45 | a tenth of the training set, or a set of its own | both |
| `vtab_probe` | weight decay 0.01, 0.001, 0.0001 | 200 of 1,000 examples | all 1,000 |

Each gives an unfitted `LinearClassifierCV`, to be fitted to the features of training and validation examples together;
`set_params` takes what else it has. Three things differ from what was published, for all of them:

* Every fit is solved to the tolerance `tol`, by a proven bound. The protocols stop after so many iterations, converged
  or not, so that at weak penalties theirs is not the minimum: there the number of iterations regularizes, too.
* All of the grid is solved, however small λ is. What is too weak for an answer worth having is there because the
  protocol has it.
* Of equal scores the strongest penalty is taken.

Features are used as they come: none of the three standardizes them.
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
    """The linear probe of CLIP: multinomial logistic regression, λ of 97 by the accuracy on a validation set.

    As published (Radford et al. 2021, appendix A.3): features of the penultimate layer, those before the projection
    for the ViTs; scikit-learn's `LogisticRegression` by L-BFGS, at most 1,000 iterations; the L2 strength from 10⁻⁶ to
    10⁶ in 96 logarithmic steps, by a search that starts at 10⁻⁶, 10⁻⁴, …, 10⁶ and halves the interval around the peak
    down to 8 steps a decade; scored on the validation set where there is one, else on a part of the training set; the
    final fit on training and validation set together.

    Here, λ = 1/(2CN) for every C of the grid (1/(CN) for two classes), which covers whatever the search visits.

    * 96 steps of an eighth of a decade have 97 ends, among them all that the search starts from and the C = 0.316 =
      10^−0.5 of the authors' example. Others read 96 values from 10⁻⁶ to 10⁶, which miss these but for the two ends.
    * The paper says λ, the example C = 1/λ; the grid is the same.
    * N is that of the final fit, whose C is the published one. While λ is chosen, C is that times N over the number of
      rows that are fitted.
    * We found no statement which part of a training set was held out, and no code of the sweep: a random tenth is our
      choice, and so is the accuracy for data sets that are reported in another measure (`set_params(scoring=...)`).

    Parameters
    ----------
    n_examples, n_classes : int
        N, the rows of training and validation set together, and how many classes they have.
    validation : int or float
        A number of rows: the validation set, the last rows of X. A part between 0 and 1: as many rows at random.

    Returns
    -------
    LinearClassifierCV
        Not fitted; it checks that `fit` is given `n_examples` rows.

    Raises
    ------
    ValueError, TypeError
        For numbers out of range.

    References
    ----------
    Radford et al., Learning transferable visual models from natural language supervision, 2021,
    https://arxiv.org/abs/2103.00020, appendix A.3; https://github.com/openai/CLIP, README.md, "Linear-probe evaluation"

    Examples
    --------
    >>> probe = clip_probe(50_000, 10, validation=5_000)
    >>> print(f"{len(probe.strengths)} from {max(probe.strengths):.0e} to {min(probe.strengths):.0e}")
    97 from 1e+01 to 1e-11
    """
    return _of_sums(CLIP_C, Split(n_examples, validation), n_classes)


def dinov2_probe(n_examples: int, n_classes: int, *, validation: float = 0.1) -> LinearClassifierCV:
    """The logistic regression of DINOv2: λ of 45 by the accuracy on a tenth of the training set.

    As published (Oquab et al. 2023, `dinov2/eval/log_regression.py`): features as the model gives them, in float64;
    cuML's `LogisticRegression(penalty="l2", C=C, max_iter=1000, tol=1e-12)` for C = 10^−6, 10^−5.75, …, 10^5; scored on
    a data set given for that ("finetune"), else on a random 10 % of the training set, rounded down, which the others
    are then fitted without; the final fit, at the best C, on both together.

    Here, λ = 1/(2CN) for every C (1/(CN) for two classes): cuML divides its penalty by N, so that C is scikit-learn's.

    * N is that of the final fit, whose C is the published one. While λ is chosen, C is that times N over the number of
      rows that are fitted: 1.11 C with a tenth.
    * The tenth is drawn by NumPy, by a fixed seed; theirs, by torch, is another. Neither minds the classes.
    * Its `--finetune-on-val`, which chooses C on the test set, is left out. Its `--metric-type` is its default, the
      accuracy; mean_per_class_accuracy is `set_params(scoring="balanced_accuracy")`.
    * X may be of any type; products are float32 unless X is float64.

    Parameters
    ----------
    n_examples, n_classes, validation
        As of `clip_probe`, which has the same errors.

    References
    ----------
    Oquab et al., DINOv2: learning robust visual features without supervision, 2023, https://arxiv.org/abs/2304.07193;
    https://github.com/facebookresearch/dinov2, dinov2/eval/log_regression.py

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> probe = dinov2_probe(300, 10)
    >>> len(probe.strengths)
    45
    >>> quick = probe.set_params(strengths=probe.strengths[4:28:8], n_jobs=1).fit(X[:300] / 16, y[:300])
    >>> quick.scores_.shape
    (3, 1)
    """
    return _of_sums(DINOV2_C, Split(n_examples, validation), n_classes)


def vtab_probe(n_examples: int = 1_000, *, validation: float = 200) -> LinearClassifierCV:
    """A linear probe on VTAB-1k: weight decay chosen by training on 800 examples, scoring 200, then fitting all 1,000.

    As published: VTAB (Zhai et al. 2019) gives the split: the first 800 examples of a task's training set, 200 of its
    validation set, the final model on these 1,000 (`task_adaptation/data`, "train800val200"). It has no penalty to
    choose: its code trains without one. The grid is that of the linear probe of VPT (Jia et al. 2022, `tune_vtab.py`,
    "linear"), which runs on that split: softmax by SGD with momentum 0.9, 100 epochs, a cosine schedule, weight decay
    0.01, 0.001, 0.0001 or 0 on W and none on the bias, ten rates of learning from 0.05 to 50; the pair with the best
    accuracy on the 200 is then trained on the 1,000, five times.

    Here, λ = weight_decay/2, of any number of examples.

    * There is no rate of learning, hence nothing to choose but λ, and one answer instead of five runs.
    * A decay of 0 is left out: where there are more features than examples, or classes are separable, nothing but the
      number of epochs keeps W finite then.
    * With three strengths the best is often at the edge. For more than the protocol has, use
      `set_params(strengths=20)`.
    * All classes must be among the rows that are fitted. Where a task has so many that the 800 miss some (Sun397), fit
      raises: that task is not for this preset.

    Parameters
    ----------
    n_examples : int
        Rows of X: the 800 and, below them, the 200.
    validation
        As of `clip_probe`, which has the same errors.

    References
    ----------
    Zhai et al., A large-scale study of representation learning with the visual task adaptation benchmark, 2019,
    https://arxiv.org/abs/1910.04867, https://github.com/google-research/task_adaptation;
    Jia et al., Visual prompt tuning, 2022, https://doi.org/10.1007/978-3-031-19827-4_41, https://github.com/KMnP/vpt

    Examples
    --------
    >>> probe = vtab_probe()
    >>> probe.strengths, probe.cv
    ((0.005, 0.0005, 5e-05), Split(n_examples=1000, validation=200))
    """
    strengths = (
        to_penalty("torch.optim.SGD", weight_decay=decay).strength for decay in VPT_WEIGHT_DECAY
    )
    return _probe(strengths, Split(n_examples, validation))


@dataclass(frozen=True)
class Split:
    """One split, as a scikit-learn splitter: the last rows held out, or a random part, by a fixed seed.

    Parameters
    ----------
    n_examples : int
        Rows of X; others are refused, since λ was made for as many.
    validation : int or float
        A number of rows, the last; or a part of all, rounded down.

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
        if self._held == 0:
            raise ValueError(
                f"validation={self.validation} of {self.n_examples} rows holds out none; raise it."
            )

    @property
    def _held(self) -> int:
        if isinstance(self.validation, Integral):
            return int(self.validation)
        return math.floor(self.validation * self.n_examples)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """Rows to fit on and rows to score, rising."""
        if X.shape[0] != self.n_examples:
            raise ValueError(
                f"The preset was made for n_examples={self.n_examples}, but X has {X.shape[0]} rows; give all of "
                f"training and validation set, or make it for n_examples={X.shape[0]}."
            )
        rows = np.arange(self.n_examples)
        if not isinstance(self.validation, Integral):
            rows = np.random.default_rng(0).permutation(rows)
        yield np.sort(rows[: -self._held]), np.sort(rows[-self._held :])

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """One."""
        return 1


def _of_sums(Cs: Iterable[float], split: Split, n_classes: int) -> LinearClassifierCV:
    """The grid of scikit-learn's C, which multiplies the sum over all of the split's rows."""
    library, n_examples = "sklearn.LogisticRegression", split.n_examples
    penalties = (to_penalty(library, C=C, n_examples=n_examples, n_classes=n_classes) for C in Cs)
    return _probe((penalty.strength for penalty in penalties), split)


def _probe(strengths: Iterable[Any], split: Split) -> LinearClassifierCV:
    return LinearClassifierCV(
        "softmax", "l2", tuple(strengths), cv=split, scoring="accuracy", standardize=False
    )
