"""A training as it is seen: curves, λ, templates and mistakes, a few times a second."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from halfspaces.datasets import Dataset
from halfspaces.estimators.search import ScoredStrength
from halfspaces.features import Feature
from halfspaces.loop.result import History, Reason
from halfspaces.loop.run import Run
from halfspaces.page.images.pictures import templates
from halfspaces.page.images.trainer import Parts
from halfspaces.page.view import plain
from halfspaces.plots.confusion_matrix import ConfusionMatrixDisplay
from halfspaces.support.types import Array

Show = Callable[[Parts], None]

SECONDS = 0.2  # from one picture of the training to the next, at least
PART = 0.02  # of the training's time that pictures may take
MOST_POINTS = 400  # of the curve
MOST_CLASSES = 100  # of a confusion matrix
MOST_WEIGHTS = 5_000_000  # of all members: with more, templates are drawn at the end


class Watch:
    """It shows a training while it goes on, and stops it when asked.

    Parameters
    ----------
    show : callable
        Given the parts of the page that changed, in the training's thread.
    """

    def __init__(self, show: Show) -> None:
        self.show = show
        self.curve = Curve()
        self.confusion: Parts | None = None  # of the held-out rows at the chosen λ
        self.dataset: Dataset | None = None
        self.feature: Feature | None = None
        self.names: Sequence[str] = ()
        self.scale: Array | None = None  # the columns' standard deviations
        self.is_stopped = False
        self._candidates: dict[float, Candidate] = {}
        self._chosen: float | None = None
        self._news: dict[str, Callable[[], Any]] = {}
        self._due = 0.0

    def stop(self) -> None:
        """Ask the training to end with the best so far."""
        self.is_stopped = True

    # --- what the training calls ------------------------------------------------------------------

    def opened(self, dataset: Dataset, names: Sequence[str]) -> None:
        """Show what is trained on."""
        self.dataset = dataset
        self.names = names
        X: Any = dataset.X
        self.show(
            {
                "dataset": {
                    "name": dataset.name,
                    "rows": len(dataset.y),
                    "validation": 0 if dataset.y_val is None else len(dataset.y_val),
                    "test": 0 if dataset.y_test is None else len(dataset.y_test),
                    "columns": X.shape[1],
                    "shape": dataset.image_shape,
                    "classes": list(names),
                    "notes": list(dataset.notes),
                },
                "status": {"phase": "describing"},
            }
        )
        self._check()

    def described(self, feature: Feature) -> None:
        """Keep the feature, for its templates."""
        self.feature = feature
        self._check()

    def __call__(self, run: Run) -> Reason | None:
        """Show the run, if it is time."""
        if self.is_stopped:
            # A search ends with the best λ so far; one fit alone ends where it is.
            is_search = run.W.shape[1] > 1
            return Reason.INTERRUPTED if is_search else Reason.STOPPED_BY_CALLBACK
        self.curve.follow(run.history)
        started = time.monotonic()
        if started >= self._due:
            self.show(plain(self._parts(run)))
            ended = time.monotonic()
            self._due = ended + max(SECONDS, (ended - started) / PART)
        return None

    def scored(self, scored: ScoredStrength) -> None:
        """Note the score of a λ; in folds with features of their own it comes once a fold."""
        known = self._candidates.setdefault(scored.strength, Candidate(scored.strength))
        known.add(scored, self.names)
        self.curve.held_out(scored.loss)
        self._news["candidates"] = self.candidates
        self._news["confusion"] = lambda: known.confusion

    def chosen(self, strength: float) -> None:
        """Mark the λ that is chosen."""
        self._chosen = strength
        known = self._candidates.get(strength)
        self.confusion = None if known is None else known.confusion
        self.show(plain({"candidates": self.candidates()}))

    # --- what is shown ----------------------------------------------------------------------------

    def candidates(self) -> list[Parts]:
        """Each λ with its score on held-out rows, falling."""
        return [
            found.interval() | {"strength": strength, "chosen": strength == self._chosen}
            for strength, found in sorted(self._candidates.items(), reverse=True)
        ]

    def _parts(self, run: Run) -> Parts:
        parts = {name: make() for name, make in self._news.items()}
        self._news = {}
        return parts | {
            "curve": self.curve.points(),
            "now": {
                "strength": getattr(run.objective.penalty, "strength", None),
                "gap": float(np.max(run.gap)),
                "seconds": run.seconds,
            },
            "status": {"phase": "training"},
            **self._templates(run),
        }

    def _templates(self, run: Run) -> Parts:
        objective = run.objective
        W = run.W
        if self.dataset is None or W.size > MOST_WEIGHTS or objective.blocks.columns is not None:
            return {}
        V = objective.linear.fold(W, np.dtype(np.float64))[0][:, -objective.n_classes :].T
        coef = V[1:] - V[:1] if len(V) == 2 else V
        standardization = objective.standardization
        if standardization is not None:
            self.scale = np.reshape(standardization.scale, (len(W) - 1, -1))[:, -1]
        drawn = templates(coef, self.dataset, self.feature, self.names, self.scale)
        return {} if drawn is None else {"templates": drawn}

    def _check(self) -> None:
        """Raise KeyboardInterrupt if the training is to stop and there is no model yet."""
        if self.is_stopped:
            raise KeyboardInterrupt


class Candidate:
    """A strength, its scores, and the confusion matrix of held-out rows."""

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.confusion: Parts | None = None
        self._intervals: list[tuple[float, float, float]] = []

    def add(self, scored: ScoredStrength, names: Sequence[str]) -> None:
        """Add the held-out rows of one more search."""
        self._intervals.append((scored.score, scored.low, scored.high))
        y = np.concatenate(scored.labels)
        predicted = np.concatenate([np.argmax(scores, axis=1) for scores in scored.scores])
        found = confusion("validation", y, predicted, np.arange(len(names)), names)
        if found is not None and self.confusion is not None:
            found["counts"] = found["counts"] + self.confusion["counts"]
        self.confusion = None if found is None else found | {"strength": self.strength}

    def interval(self) -> dict[str, float]:
        """The mean score, and its interval if that is known."""
        score = float(np.mean([score for score, _, _ in self._intervals]))
        is_alone = len(self._intervals) == 1
        low, high = self._intervals[0][1:] if is_alone else (np.nan, np.nan)
        return {"score": score, "low": low, "high": high}


class Curve:
    """The loss of the fit to all rows, over the passes of all runs of a training.

    At the end of a run the loss of held-out rows, by fits without them, may be known.
    """

    def __init__(self) -> None:
        self.histories: list[History] = []
        self._held_out: dict[int, float] = {}  # by the position of the run

    def follow(self, history: History) -> None:
        """Go on with a run's history; it may grow later."""
        if not self.histories or self.histories[-1] is not history:
            self.histories.append(history)

    def held_out(self, loss: float) -> None:
        """Note the loss of held-out rows at the end of the last run."""
        self._held_out[len(self.histories) - 1] = loss

    def points(self) -> dict[str, list[float]]:
        """At most `MOST_POINTS` points: passes, data loss, penalty, their sum, and the loss of
        held-out rows, nan where it is not known.
        """
        lengths = [len(history) for history in self.histories]
        every = max(1, -(-sum(lengths) // MOST_POINTS))
        passes: list[float] = []
        losses: dict[str, list[float]] = {"data": [], "penalty": [], "total": []}
        validation: list[float] = []
        before = 0.0
        for run, (history, length) in enumerate(zip(self.histories, lengths, strict=True)):
            columns = history.columns
            for row in range((length - 1) % every, length, every):  # with the last
                passes.append(before + float(columns["passes"][row]))
                for name, column in COLUMNS.items():
                    losses[name].append(float(np.ravel(columns[column][row])[-1]))
                is_end = row == length - 1
                validation.append(self._held_out.get(run, np.nan) if is_end else np.nan)
            before += float(columns["passes"][length - 1]) if length else 0.0
        return {"passes": passes, **losses, "validation": validation}


COLUMNS = {"data": "data_loss", "penalty": "penalty", "total": "loss"}


def confusion(
    part: str, y: Array, predicted: Array, classes: Array, names: Sequence[str]
) -> Parts | None:
    """The confusion matrix of the rows of a part; None of very many classes."""
    if len(classes) > MOST_CLASSES:
        return None
    display = ConfusionMatrixDisplay.from_predictions(
        y, predicted, classes=classes, class_names=names
    )
    return {"part": part, "names": display.names, "counts": display.counts}
