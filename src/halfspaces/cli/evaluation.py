"""The rows on which saved models are evaluated, their answers, and files of figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from halfspaces.cli import cluster, model_data, prediction_table, report
from halfspaces.cli.model_data import Labels
from halfspaces.datasets import Dataset
from halfspaces.datasets.opening import Options
from halfspaces.datasets.partitions import is_pattern
from halfspaces.engines import Engine, PartitionedRows
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.metrics.answers import Answers, answers_of
from halfspaces.files.outputs import Input, Output, check_outputs
from halfspaces.system.atomic import write_whole
from halfspaces.system.mark import mark

KIND = "table of figures"


@dataclass(frozen=True, eq=False)
class EvaluatedRows:
    """Rows to evaluate a model on: the test rows, or all if there are none.

    Parameters
    ----------
    dataset : Dataset
    part : str
        "test" or "all".
    X : rows for the model
        Of images, computed when slices are read.
    labels : Labels
        As the model numbers them.
    """

    dataset: Dataset
    part: str
    X: Any
    labels: Labels


def opened(
    classifier: LinearClassifier,
    data: str,
    on: Engine | None = None,
    **options: Unpack[Options],
) -> EvaluatedRows:
    """The rows of a data set for a model, on an engine if there is one."""
    reader = on if is_pattern(data) else None
    with report.reading(data):
        dataset = model_data.open_dataset(classifier, data, **{**options, "engine": reader})
    rows = of_dataset(classifier, dataset)
    return rows if on is None else replace(rows, X=cluster.held(rows.X, on))


def of_dataset(classifier: LinearClassifier, dataset: Dataset) -> EvaluatedRows:
    """The rows of a data set that is open, for a model."""
    part = "all"
    X = dataset.X
    y = dataset.y
    if dataset.X_test is not None and dataset.y_test is not None:
        part = "test"
        X = dataset.X_test
        y = dataset.y_test
    labels = model_data.labels(classifier, dataset, np.asarray(y))
    return EvaluatedRows(dataset, part, model_data.rows(classifier, dataset, X), labels)


def answers(classifier: LinearClassifier, rows: EvaluatedRows) -> Answers:
    """The model's answers; scores, and the features of images, are computed once."""
    if isinstance(rows.X, PartitionedRows):
        return answers_of(classifier, rows.X, rows.labels.y)
    blocks = prediction_table.scored_blocks(rows.X, len(classifier.classes_))
    return answers_of(classifier, rows.X, rows.labels.y, blocks=blocks)


def check_output(out: Path | None, inputs: Sequence[Input], *, overwrite: bool) -> None:
    """Raise, before any work, if the figures cannot be written there."""
    if out is None:
        return
    if out.suffix.lower() != ".json":
        raise ValueError(f"--out {out} must end in .json.")
    check_outputs([Output(out, KIND)], inputs, overwrite=overwrite)


def write(out: Path, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, with the mark by which the file is known again."""
    text = json.dumps({"about": mark(KIND), **figures}, indent=2)
    write_whole(out, f"{text}\n".encode())
