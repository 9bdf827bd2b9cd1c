"""What the numbers of examples of the classes call for: weights of classes, more examples."""

from typing import Any

import numpy as np

from halfspaces.cli.report import namer
from halfspaces.datasets import Dataset
from halfspaces.system.distinct import encoded

UNBALANCED = 5  # times as many examples of the largest class as of the smallest
FEW = 5  # examples of a class: they tell little about new ones
NAMED = 3  # classes that a sentence names


def sentences(dataset: Dataset, class_weight: Any) -> list[str]:
    """Sentences on classes of few examples, and on a class weight where none is given.

    >>> y = np.array(["elk"] * 30 + ["moose"] * 4)
    >>> for sentence in sentences(Dataset("deer", np.ones((34, 1)), y), None): print(sentence)
    'moose' has only 4 examples; of so few, little can be learned and its accuracy is uncertain
    30 examples of 'elk' and 4 of 'moose': --class-weight balanced counts all classes the same
    """
    classes, labels = encoded(dataset.y)
    counts = np.bincount(labels)
    name = namer(dataset.class_names)
    found: list[str] = []
    few = np.flatnonzero(counts < FEW)
    if len(few) and counts.max() >= UNBALANCED * FEW:
        found.append(_few([name(label) for label in classes[few]], counts[few]))
    if class_weight is None and counts.max() >= UNBALANCED * counts.min():
        most = name(classes[counts.argmax()])
        fewest = name(classes[counts.argmin()])
        found.append(
            f"{counts.max():,} examples of {most!r} and {counts.min():,} of {fewest!r}: "
            "--class-weight balanced counts all classes the same"
        )
    return found


def _few(names: list[str], counts: Any) -> str:
    if len(names) == 1:
        examples = "1 example" if counts[0] == 1 else f"{counts[0]} examples"
        uncertain = "of so few, little can be learned and its accuracy is uncertain"
        return f"{names[0]!r} has only {examples}; {uncertain}"
    shown = ", ".join(map(repr, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
    return (
        f"{len(names)} classes ({shown}) have only {counts.min()} to {counts.max()} examples; "
        "of so few, little can be learned and their accuracies are uncertain"
    )
