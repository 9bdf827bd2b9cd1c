"""The examples of a trained classifier: which are mistakes, and what moves the loss of one."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from halfspaces.datasets import Features
from halfspaces.estimators.base import probabilities
from halfspaces.estimators.components import make_loss
from halfspaces.losses import LOSSES, Loss
from halfspaces.page.images.pictures import MOST_PIXELS, address, brightest, of_rows
from halfspaces.page.images.trainer import Parts, Trained
from halfspaces.page.wording import PageError
from halfspaces.page.working import working
from halfspaces.plots.margins import margins_of, positions_of, scores_of
from halfspaces.support.types import Array

SHOWN = 50  # rows of a list
AMOUNTS = 81  # points of a curve over a slider
MOST_WORKED = 12  # classes whose terms are listed
COMPARED = ("hinge", "softmax")


class Examples(NamedTuple):
    """The rows of one part of the data, scored."""

    rows: Features  # as they were opened
    labels: Array  # positions of classes, -1 for unknown ones
    given: Array
    scores: Array  # (N, C)
    predicted: Array
    losses: Array  # (N,), nan for unknown labels


class Inspection:
    """The examples of a trained classifier.

    Parameters
    ----------
    trained : Trained
    """

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.loss: Loss = make_loss(trained.classifier.loss)
        self.names = list(trained.names)
        self.white = brightest(trained.dataset) if trained.dataset.image_shape else 1.0
        self.examples = cache(self._examples)

    @property
    def parts(self) -> list[str]:
        """The parts of the data that there are."""
        return ["train"] if self.trained.X_test is None else ["test", "train"]

    # --- a list -----------------------------------------------------------------------------------

    def listed(self, part: str, only: str, label: int | None, order: str, first: int) -> Parts:
        """Rows of a part: all or the mistakes, of all classes or one, from the `first` of these.

        By "loss" the largest come first.
        """
        examples = self._part(part)
        if label is not None and not 0 <= label < len(self.names):
            raise PageError("error.no_class", label=label, count=len(self.names))
        chosen = np.ones(len(examples.labels), bool)
        if only == "mistakes":
            chosen &= examples.predicted != examples.labels
        if label is not None:
            chosen &= examples.labels == label
        numbers = np.flatnonzero(chosen)
        if order == "loss":
            numbers = numbers[np.argsort(-examples.losses[numbers], kind="stable")]
        first = min(max(0, first), max(0, len(numbers) - 1)) // SHOWN * SHOWN
        shown = numbers[first : first + SHOWN]
        pictures = self._pictures(examples, shown, MOST_PIXELS)
        return {
            "part": part,
            "parts": self.parts,
            "only": only,
            "label": label,
            "order": order,
            "first": first,
            "page": SHOWN,
            "of": len(numbers),
            "rows": [
                self._row(examples, int(row)) | {"picture": picture}
                for row, picture in zip(shown, pictures, strict=True)
            ],
        }

    def _row(self, examples: Examples, row: int) -> Parts:
        label = int(examples.labels[row])
        return {
            "row": row,
            "label": self.names[label] if label >= 0 else str(examples.given[row]),
            "predicted": self.names[examples.predicted[row]],
            "right": bool(examples.predicted[row] == label),
            "loss": float(examples.losses[row]),
        }

    def _pictures(self, examples: Examples, rows: Array, most: int | None) -> Sequence[str | None]:
        dataset = self.trained.dataset
        if dataset.image_shape is None or not len(rows):
            return [None] * len(rows)
        return [address(image, most) for image in of_rows(dataset, examples.rows[rows], self.white)]

    # --- one example ------------------------------------------------------------------------------

    def inspected(self, part: str, row: int) -> Parts:
        """One row: its picture, its classes and scores."""
        examples = self._part(part)
        self._check_row(examples, row)
        scores = examples.scores[row]
        return self._row(examples, row) | {
            "part": part,
            "picture": self._pictures(examples, np.array([row]), 4 * MOST_PIXELS)[0],
            "position": int(examples.labels[row]),
            "names": self.names,
            "losses": [name for name, _ in self._losses()],
            "scores": scores,
            "reach": self._reach(scores),
        }

    def moved(self, part: str, row: int, shifts: Sequence[float], moved: int) -> Parts:
        """What losses make of a row whose scores were changed.

        Parameters
        ----------
        part : str
        row : int
        shifts : sequence of float, of length C
            What is added to the score of each class.
        moved : int
            The class whose slider is moved: its curve is drawn.
        """
        examples = self._part(part)
        self._check_row(examples, row)
        count = len(self.names)
        if len(shifts) != count or not np.all(np.isfinite(shifts)):
            raise PageError("images.error.shifts", count=count)
        if not 0 <= moved < count:
            raise PageError("error.no_class", label=moved, count=count)
        scores = examples.scores[row] + np.asarray(shifts, dtype=float)
        label = int(examples.labels[row])
        chances = self._probabilities(scores)
        shown = {"row": row, "shifts": list(shifts), "moved": moved, "scores": scores} | {
            "probabilities": chances
        }
        if label < 0:  # the classifier does not know the class
            return shown | {"margin": None, "needed": None, "losses": [], "curve": None}
        return shown | {
            "needed": LOSSES["hinge"].margin,
            "margin": float(margins_of(scores[None], np.array([label]))[0]),
            "losses": [self._view(name, loss, scores, label) for name, loss in self._losses()],
            "curve": self._curve(examples.scores[row], shifts, label, moved),
        }

    def _losses(self) -> list[tuple[str, Loss]]:
        """The loss that was trained, and those that it is compared with."""
        compared = [(name, LOSSES[name]) for name in COMPARED if LOSSES[name] != self.loss]
        known = [name for name, loss in LOSSES.items() if loss == self.loss]
        return [(known[0] if known else repr(self.loss), self.loss), *compared]

    def _view(self, name: str, loss: Loss, scores: Array, label: int) -> Parts:
        return {
            "name": name,
            "trained": loss is self.loss,
            "value": float(loss.value(scores, label)),
            "gradient": loss.grad(scores, label),
            "probabilities": None if loss.probability is None else _chances(scores, loss),
            "working": working(loss, scores, label) if len(scores) <= MOST_WORKED else None,
        }

    def _curve(self, scores: Array, shifts: Sequence[float], label: int, moved: int) -> Parts:
        """Each loss over the slider of one class, the other sliders where they are."""
        reach = self._reach(scores)
        amounts = np.linspace(-reach, reach, AMOUNTS)
        grid = np.tile(scores + np.asarray(shifts, dtype=float), (AMOUNTS, 1))
        grid[:, moved] = scores[moved] + amounts
        labels = np.full(AMOUNTS, label)
        return {
            "amounts": amounts,
            "losses": [
                {"name": name, "values": loss.value(grid, labels)} for name, loss in self._losses()
            ],
        }

    def _reach(self, scores: Array) -> float:
        """How far a slider goes: any class may win or lose by the margin of hinge losses."""
        return float(np.ceil(np.ptp(scores) + 2))

    # --- scores -----------------------------------------------------------------------------------

    def _part(self, part: str) -> Examples:
        if part not in self.parts:
            raise PageError("error.no_choice", name=part, known=", ".join(self.parts))
        return self.examples(part)

    def _examples(self, part: str) -> Examples:
        trained = self.trained
        dataset = trained.dataset
        is_test = part == "test"
        X: Any = trained.X_test if is_test else trained.X
        rows: Any = dataset.X_test if is_test else dataset.X
        given = np.asarray(dataset.y_test if is_test else dataset.y)
        scores = scores_of(trained.classifier, X)
        labels = positions_of(trained.classifier, given)
        known = np.flatnonzero(labels >= 0)
        losses = np.full(len(labels), np.nan)
        losses[known] = self.loss.value(scores[known], labels[known])
        return Examples(rows, labels, given, scores, np.argmax(scores, axis=1), losses)

    def _check_row(self, examples: Examples, row: int) -> None:
        if not 0 <= row < len(examples.labels):
            raise PageError("images.error.no_row", row=row, count=len(examples.labels))

    def _probabilities(self, scores: Array) -> Array | None:
        return None if self.loss.probability is None else _chances(scores, self.loss)


def _chances(scores: Array, loss: Loss) -> Array:
    """The probabilities (C,) of scores (C,)."""
    columns = scores[None]
    return probabilities(columns[:, 1] - columns[:, 0] if len(scores) == 2 else columns, loss)[0]
