"""Fitted classifiers for other libraries: ONNX, scikit-learn, torch, and NumPy alone.

Standardization is in the weights already. Labels are those that the classifier predicts;
probabilities, where it has any, are the same to rounding, the calibration's included. No pickle is
written: ONNX and torch's weights are files of their own, scikit-learn and NumPy get a few lines of
Python that read our .safetensors.

>>> from sklearn.datasets import load_digits
>>> from halfspaces import LinearClassifier
>>> from halfspaces.export import to_sklearn
>>> X, y = load_digits(return_X_y=True)
>>> classifier = LinearClassifier().fit(X, y)
>>> bool((to_sklearn(classifier).predict(X) == classifier.predict(X)).all())
True
"""

import json
import os
from pathlib import Path
from typing import Any

import safetensors.numpy

from halfspaces.estimators.network import NetworkClassifier
from halfspaces.files.export.code import numpy_code, sklearn_code
from halfspaces.files.export.onnx_model import to_onnx
from halfspaces.files.export.onnx_network import replacements
from halfspaces.files.export.parts import Classifier
from halfspaces.files.export.torch_model import WRITTEN_BY, torch_state
from halfspaces.system.atomic import write_whole
from halfspaces.system.names import check_name

SUFFIXES = {
    "onnx": ".onnx",
    "torch": ".torch.safetensors",
    "sklearn": None,
    "numpy": None,
    "csv": None,
}  # None: text, shown


def export(
    classifier: Classifier | NetworkClassifier,
    to: str,
    path: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
) -> None:
    """Write the classifier for another library, whole or not at all.

    Parameters
    ----------
    classifier : LinearClassifier, LinearClassifierCV or NetworkClassifier
        Fitted. Networks can be exported to ONNX alone.
    to : "onnx", "torch", "sklearn", "numpy" or "csv"
        torch's `weight` and `bias` go into a .safetensors file, with the classes as metadata;
        "sklearn" and "numpy" are code; "csv" is the table of coefficients by name, `coef_table`.
    path : path
        Where to write.
    model : path or None
        The classifier's model file, which the code of "sklearn" and "numpy" reads; they need it.

    Raises
    ------
    ImportError
        If onnx is missing and asked for.
    ValueError
        If the classifier cannot be exported, `to` is not known, or `model` is needed.
    FileError
        If the file cannot be written.
    """
    write_whole(Path(path), exported(classifier, to, model=model))


def exported(classifier: Any, to: str, *, model: str | os.PathLike[str] | None = None) -> bytes:
    """What `export` writes; its parameters and errors."""
    check_name("to", to, SUFFIXES)
    if to == "onnx":
        return to_onnx(classifier).SerializeToString()
    if to == "torch":
        state = torch_state(classifier)
        classes = json.dumps(classifier.classes_.tolist())
        return safetensors.numpy.save(state, {"classes": classes, **WRITTEN_BY})
    if to == "csv":
        return _coefficients(classifier)
    if model is None:
        raise ValueError(
            f"The code of to={to!r} reads a model file; save the classifier and give model=PATH."
        )
    return (numpy_code if to == "numpy" else sklearn_code)(classifier, model).encode()


def _coefficients(classifier: Any) -> bytes:
    from pyarrow import BufferOutputStream, csv

    if isinstance(classifier, NetworkClassifier):
        raise ValueError("A network has no table of coefficients; export it to onnx.")
    stream = BufferOutputStream()
    csv.write_csv(classifier.coef_table(), stream)
    return stream.getvalue().to_pybytes()


def replaced(classifier: Any) -> list[str]:
    """What the ONNX model of a network computes in place of training's noise, a phrase each."""
    if not isinstance(classifier, NetworkClassifier):
        return []
    return replacements(classifier.module_)
