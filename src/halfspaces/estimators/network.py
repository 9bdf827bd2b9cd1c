"""`NetworkClassifier`: scores by a network of torch, trained by the same loop."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from halfspaces.estimators.base import ScoreModel, Scorer
from halfspaces.estimators.checked_data import check_validation, hold_out, is_part
from halfspaces.estimators.components import make_loss, make_optimizer, make_penalty
from halfspaces.estimators.given import batches_of
from halfspaces.estimators.sklearn_callbacks import heard_by_callbacks
from halfspaces.loop.result import Result
from halfspaces.loop.run import Callback
from halfspaces.losses.base import Loss
from halfspaces.networks import MLP, NETWORKS, Network, ResNet
from halfspaces.networks.inputs import Inputs, image_shape_of
from halfspaces.networks.recipes import import_torch
from halfspaces.objective.objective import Objective
from halfspaces.optimizers import SGD, Adam, Cosine, Momentum, Nesterov, Optimizer, WarmUp
from halfspaces.optimizers.choose import Choice
from halfspaces.penalties.base import Penalty
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.rows.moments import Moments
from halfspaces.support.types import Array, Block, Features
from halfspaces.system.blas import OUTSIDE
from halfspaces.system.names import lookup

if TYPE_CHECKING:
    from torch import nn

DEFAULT_STRENGTH = 2.5e-4  # see docs/decisions/networks.md
BLOCK_ROWS = 512  # in a forward pass without training
RISE_AND_FALL = WarmUp(epochs=2, then=Cosine())
# What "auto" takes for each network, by measurement; a module of which nothing is known takes Adam.
AUTO = {
    MLP: SGD(0.05, Momentum(), RISE_AND_FALL, batch_size=512, epochs=10),
    ResNet: SGD(0.1, Nesterov(), RISE_AND_FALL, batch_size=128, epochs=12),
}
AUTO_OF_ANY = SGD(1e-3, Adam(), RISE_AND_FALL, batch_size=128, epochs=12)
# Few examples: smaller minibatches and more epochs, within limits.
FEWEST_BATCHES = 16  # in an epoch
SMALLEST_BATCH = 32
FEWEST_STEPS = 1000
MOST_EPOCHS = 100


class NetworkClassifier(ScoreModel):
    """A classifier whose scores f(x; W) are the outputs of a network.

    `fit` minimizes the mean of the loss over the examples plus λ R(W), as `LinearClassifier` does,
    with the same losses, penalties, optimizers, schedules and callbacks; only f is another. Biases
    and the parameters of norm layers are never penalized. L(W) is not convex: nothing is proved
    about its minimum.

    Parameters
    ----------
    network : str, Network or torch.nn.Module, default "mlp"
        "mlp" or "resnet"; `MLP(...)` or `ResNet(...)` of `halfspaces.networks`; or any module that
        takes examples (B, D), images (B, channels, height, width) where `image_shape` is known, and
        returns scores (B, C). A module is copied, never changed.
    loss : str or Loss, default "softmax"
    penalty : str or Penalty, default "l2"
        Of each weight tensor; "max_norm" bounds the incoming weights of each unit.
    strength : float ≥ 0 or None
        λ of a penalty given by name; None takes 2.5e-4.
    optimizer : str or Optimizer, default "auto"
        "auto" is minibatch SGD, 10 or 12 epochs, more for few examples, the step size rising at
        first, then falling by a cosine; with momentum for our networks, by Adam for a module.
    image_shape : (height, width), (height, width, channels) or None
        Of the image in a row. None: that of X (N, height, width[, channels]), else rows are plain
        features.
    planar : bool, default False
        Whether a row holds one channel after the other, as CIFAR's files do.
    standardize : bool, default True
        Bring features, or the channels of images, to mean 0 and variance 1.
    class_weight : dict {label: weight}, "balanced" or None
    tol, max_passes : float
        As of `LinearClassifier`; stochastic optimizers end with their schedule.
    n_jobs : int or None
        Threads of torch; None for every core.
    random_state : int, RandomState or None
        Seed of the first weights, of the noise and of the order of the rows; None for 0.
    warm_start : bool, default False
        Start from the network of the last fit.
    callbacks : sequence of callables
    verbose : int, default 0

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained network in evaluation mode, standardization included. It is the model: what is
        written into its tensors predicts and is saved.
    classes_ : array, shape (C,)
    n_iter_ : int
        Visits to all examples, rounded up.
    n_features_in_ : int
    inputs_ : Inputs
        How a row becomes the input of the network.
    optimizer_, optimizer_choice_
    result_ : Result

    Raises
    ------
    ImportError
        If torch is missing.
    ValueError, TypeError
        In one sentence, for unknown names, options out of range, and a module that does not fit the
        data.

    References
    ----------
    Goodfellow, Bengio & Courville, Deep Learning, 2016, https://www.deeplearningbook.org

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = NetworkClassifier(random_state=0).fit(X[:1000], y[:1000])  # doctest: +SKIP
    >>> bool(classifier.score(X[1000:], y[1000:]) > 0.9)  # doctest: +SKIP
    True
    """

    module_: "nn.Module"
    inputs_: Inputs
    optimizer_: Optimizer

    def __init__(
        self,
        network: Any = "mlp",
        loss: str | Loss = "softmax",
        penalty: str | Penalty = "l2",
        strength: float | None = None,
        optimizer: str | Optimizer = "auto",
        image_shape: Sequence[int] | None = None,
        planar: bool = False,
        standardize: bool = True,
        class_weight: Any = None,
        tol: float = 1e-3,
        max_passes: float = 3000,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        callbacks: Sequence[Callback] = (),
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.loss = loss
        self.penalty = penalty
        self.strength = strength
        self.optimizer = optimizer
        self.image_shape = image_shape
        self.planar = planar
        self.standardize = standardize
        self.class_weight = class_weight
        self.tol = tol
        self.max_passes = max_passes
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose

    # --- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, validation: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array (N, D), images (N, height, width[, channels]), or sparse matrix
            uint8 and other types as they are: rows are converted a minibatch at a time. Without y:
            an iterable of batches (X, y), such as a DataLoader, which `datasets.from_batches`
            writes to disk once; images may be (B, channels, height, width).
        y : array, shape (N,)
        sample_weight : array, shape (N,), or None
        validation : (X, y), (X, y, sample_weight), a number between 0 and 1, or None
            Examples to assess the network on once an epoch, or the part of the rows to hold out for
            that: for curves and early stopping.

        Returns
        -------
        self
        """
        X, y, image_shape, planar = self._examples_of(X, y)
        data = self._checked(X, y, sample_weight)
        blocks = data.blocks
        held_out = None
        if is_part(validation):
            train, test = hold_out(blocks.y, len(data.classes), validation)
            held_out = blocks.subset(test)
            blocks = blocks.subset(train)
        elif validation is not None:
            if isinstance(validation, (tuple, list)) and validation:
                validation = (self._rows_of(validation[0])[0], *validation[1:])
            held_out = check_validation(self, validation, data.classes)
        inputs = Inputs(self.n_features_in_, image_shape, planar)
        with self._threads():
            objective = self._objective(blocks, data.classes, inputs)
            choice = self._choice(objective)
            blocks = _in_batches(objective.blocks, choice.optimizer)
            objective = replace(objective, blocks=blocks)
            with heard_by_callbacks(self, X, y) as heard:
                result = self._minimize(objective, choice, None, held_out, heard)
        self._adopt(objective, data.classes, inputs, choice, result)
        if not self.result_.converged:
            warnings.warn(str(self.result_), ConvergenceWarning, stacklevel=OUTSIDE)
        return self

    def objective(self, X: Any, y: Any, sample_weight: Any = None) -> Objective:
        """The objective that `fit` minimizes on these data: for gradient checks or `minimize`."""
        X, image_shape = self._rows_of(X)
        data = self._checked(X, y, sample_weight)
        inputs = Inputs(self.n_features_in_, image_shape, bool(self.planar))
        return self._objective(data.blocks, data.classes, inputs)

    def _check_options(self) -> None:
        super()._check_options()
        if self.image_shape is not None:
            image_shape_of(self.image_shape)
        if not isinstance(self.planar, (bool, np.bool_)):
            raise TypeError(f"planar must be True or False, got {self.planar!r}.")

    def _examples_of(self, X: Any, y: Any) -> tuple[Any, Any, tuple[int, int, int] | None, bool]:
        """X as rows (N, D), y, the shape of the images in X, and whether they are planar."""
        data = batches_of(X, y)
        if data is None:
            X, image_shape = self._rows_of(X)
            return X, y, image_shape, bool(self.planar)
        _, given = self._rows_of(data.X)
        return data.X, data.y, given or data.image_shape, bool(self.planar) or data.planar

    def _rows_of(self, X: Any) -> tuple[Any, tuple[int, int, int] | None]:
        """X as rows (N, D), and the shape of the images in it."""
        given = None if self.image_shape is None else image_shape_of(self.image_shape)
        if getattr(X, "ndim", 2) <= 2:
            return X, given
        return np.asarray(X).reshape(len(X), -1), given or image_shape_of(X.shape[1:])

    def _objective(self, blocks: Blocks, classes: Array, inputs: Inputs) -> Objective:
        network = self._network(len(classes), inputs)
        from halfspaces.networks.checked import check_is_module, checked_score
        from halfspaces.networks.rows import OfRows

        check_is_module(network)
        module = OfRows(inputs, network)
        if self.standardize:
            module.set_moments(Moments.of(blocks), inputs)
        if self.warm_start and hasattr(self, "module_"):
            module = self.module_
        few = next(iter(blocks.map(lambda block: _dense(block.X[:4]), slice(0, 4))))
        score = checked_score(module, few, len(classes), inputs.stored, self._seed() or 0)
        made = make_penalty(self.penalty, self.strength, DEFAULT_STRENGTH)
        return Objective(
            make_loss(self.loss), score.by_layer(made), blocks, len(classes), score_function=score
        )

    def _network(self, n_classes: int, inputs: Inputs) -> Any:
        """The module of this recipe, or the module that was given."""
        recipe = self._recipe()
        if isinstance(recipe, Network):
            return recipe.module(inputs.shape, n_classes, self._seed() or 0)
        return recipe

    def _recipe(self) -> Any:
        """The recipe of this name; or the recipe or module that was given."""
        if isinstance(self.network, str):
            return lookup("network", self.network, NETWORKS, Network)
        return self.network

    def _choice(self, objective: Objective) -> Choice:
        seed = self._seed()
        if not isinstance(self.optimizer, str) or self.optimizer not in ("auto", "sgd"):
            return make_optimizer(self.optimizer, objective, seed)
        sgd = auto_optimizer(self._recipe(), objective.n_examples)
        rule = type(sgd.update_rule).__name__
        why = f"minibatch SGD by {rule}, {sgd.epochs} epochs: the scores are those of a network"
        return Choice(replace(sgd, seed=seed or 0), why)

    def _adopt(
        self, objective: Objective, classes: Array, inputs: Inputs, choice: Choice, result: Result
    ) -> None:
        """Set the fitted attributes."""
        score: Any = objective.score
        self.module_ = score.module_of(result.W)
        self.classes_ = classes
        self.inputs_ = inputs
        self.features_dtype_ = objective.blocks.X.dtype.name
        self.calibration_ = None
        self.n_iter_ = max(1, ceil(result.passes))
        self.optimizer_, self.optimizer_choice_ = choice
        self.result_ = replace(result, state=None, loop=None)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """The number of torch's threads that `n_jobs` asks for, while the network is computed."""
        torch = import_torch(type(self).__name__)
        before = torch.get_num_threads()
        if self.n_jobs not in (None, -1):
            torch.set_num_threads(self.n_jobs)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    # --- predicting ------------------------------------------------------------------------------

    def _by_block(self, X: Any, finish: Callable[[Array], Array]) -> Iterator[Array]:
        check_is_fitted(self)
        with self._threads():
            yield from super()._by_block(self._rows_of(X)[0], finish)

    def _scorer(self, X: Features) -> Scorer:
        from halfspaces.networks.score import TorchScore

        score = TorchScore(self.module_, self.inputs_.stored)
        forward = score.at(score.initial(1, 0), score.dtype, gradient=False).forward
        two = len(self.classes_) == 2

        def scores_of(block: Block) -> Array:
            scores = forward(block).scores
            return scores[:, 1] - scores[:, 0] if two else scores

        rows: Any = X
        y = np.zeros(rows.shape[0], np.int8)
        sizes = BlockSizes(least_rows=BLOCK_ROWS, most_rows=BLOCK_ROWS)
        return Scorer(scores_of, Blocks(X, y, n_jobs=1, sizes=sizes), None)


def auto_optimizer(network: Any, n_examples: int) -> SGD:
    """What optimizer="auto" is for a recipe, or for another module, and this number of examples.

    >>> auto_optimizer(MLP(), 50_000).epochs, auto_optimizer(MLP(), 1000).epochs
    (11, 62)
    """
    sgd = AUTO.get(type(network), AUTO_OF_ANY)
    batch = min(sgd.batch_size, max(n_examples // FEWEST_BATCHES, SMALLEST_BATCH))
    epochs = min(max(ceil(FEWEST_STEPS * batch / n_examples), sgd.epochs), MOST_EPOCHS)
    return replace(sgd, batch_size=batch, epochs=epochs)


def _dense(X: Features) -> Array:
    """A copy of the rows as an array."""
    return X.copy() if isinstance(X, np.ndarray) else X.toarray()


def _in_batches(blocks: Blocks, optimizer: Optimizer) -> Blocks:
    """Blocks in which a minibatch is whole: batch normalization takes its statistics."""
    rows = max(getattr(optimizer, "batch_size", 0), BLOCK_ROWS)
    return replace(blocks, sizes=BlockSizes(least_rows=rows, most_rows=rows))
