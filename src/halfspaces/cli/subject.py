"""A saved model and its data, opened when a picture or a report needs them."""

from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np

    from halfspaces.datasets import Dataset
    from halfspaces.datasets.opening import Options
    from halfspaces.estimators.classifier import LinearClassifier
    from halfspaces.files.outputs import Input

# The options of a training that say how its data are read.
READING = ("label", "ignore", "split", "skip_bad")


@dataclass(frozen=True, eq=False)
class Subject:
    """A saved model, and its data, which are opened when a picture needs them.

    Parameters
    ----------
    model : Path
    data : str or None
        None: those that the model was trained on, read with the same options.
    options : Options
        How the data are read.
    jobs : int or None
    opened : Dataset or None
        The data, if they are open.
    """

    model: Path
    data: str | None = None
    options: "Options" = field(default_factory=lambda: cast("Options", {}))
    jobs: int | None = None
    opened: "Dataset | None" = None

    @cached_property
    def classifier(self) -> "LinearClassifier":
        """The model."""
        import halfspaces

        return halfspaces.load(self.model).set_params(n_jobs=self.jobs)

    @cached_property
    def _run(self) -> dict[str, Any]:
        """The options of the training; empty where they are not known."""
        from halfspaces.files import run_file

        run = self.classifier.notes_.get("run")
        return run_file.loads(run, f"The run file in {self.model}") if run else {}

    @property
    def inputs(self) -> "list[Input]":
        """The files that are read, as far as they are known before they are opened."""
        from halfspaces.files.outputs import Input

        data = self.data or self._run.get("data")
        found = [] if data is None else [Input(Path(data), "the data")]
        return [Input(self.model, "the model"), *found]

    @cached_property
    def dataset(self) -> "Dataset":
        """The data given, or those that the model was trained on."""
        from halfspaces.cli import model_data, report

        if self.opened is not None:
            return self.opened
        data = self.data
        given = {name: value for name, value in self.options.items() if value}
        if data is None:
            data = self._run.get("data")
            given = {name: self._run[name] for name in READING if name in self._run} | given
        if not data:
            raise ValueError(
                f"{self.model} does not say which data it was trained on; give --data."
            )
        with report.reading(data):
            return model_data.open_dataset(self.classifier, data, **cast("Options", given))

    @property
    def is_training_data(self) -> bool:
        """Whether the model was trained on these rows, by their fingerprint."""
        from halfspaces.datasets.fingerprint import fingerprint
        from halfspaces.files import run_file

        run = self.classifier.notes_.get("run")
        found = fingerprint(self.dataset.X, self.dataset.y)
        return run is not None and run_file.trained_on(run) == found

    @cached_property
    def training(self) -> "tuple[Any, np.ndarray]":
        """Rows for the model and labels, of the training rows."""
        return self._rows(self.dataset.X, self.dataset.y)

    @cached_property
    def evaluation(self) -> "tuple[Any, np.ndarray]":
        """Rows for the model and labels, of the test rows, or of all if there are none."""
        X, y = self._held_out
        return self._rows(X, y)

    @property
    def _held_out(self) -> "tuple[Any, np.ndarray]":
        dataset = self.dataset
        if dataset.X_test is not None and dataset.y_test is not None:
            return dataset.X_test, dataset.y_test
        return dataset.X, dataset.y

    @property
    def images(self) -> "np.ndarray | None":
        """The images of the evaluated rows; None where they are plain rows."""
        if self.dataset.image_shape is None:
            return None
        return self.dataset.images(self._held_out[0])

    @cached_property
    def names(self) -> "list[str] | None":
        """Of the classes, where they have names."""
        from halfspaces.cli.report import namer

        names = self.classifier.notes_.get("class_names")
        return None if not names else list(map(namer(names), self.classifier.classes_))

    @property
    def with_columns(self) -> "LinearClassifier":
        """The model with the names of its columns, where the data of its training had names."""
        import numpy as np

        from halfspaces.cli.model_data import conventions_of

        named = copy(self.classifier)
        columns = conventions_of(named).columns
        if columns is not None:
            named.feature_names_in_ = np.array(columns, dtype=object)
        return named

    @property
    def scale(self) -> "np.ndarray | None":
        """The standard deviations of plain features; None where the training data are not found."""
        from sklearn.preprocessing import StandardScaler

        from halfspaces.files.models import features_of

        if features_of(self.classifier) is not None or self.classifier.notes_.get("image_shape"):
            return None
        try:
            X, _ = self.training
        except ValueError:
            return None
        scaler: Any = StandardScaler(with_mean=False).fit(X)
        return scaler.scale_

    def _rows(self, X: Any, y: "np.ndarray") -> "tuple[Any, np.ndarray]":
        from halfspaces.cli import model_data
        from halfspaces.features.lazy_rows import Computed

        rows = model_data.rows(self.classifier, self.dataset, X)
        labels = model_data.labels(self.classifier, self.dataset, y)
        return rows[0 : len(y)] if isinstance(rows, Computed) else rows, labels.y
