"""Fitted classifiers as a few lines of Python that read the model file."""

import os
from dataclasses import replace
from typing import Any

import numpy as np

from halfspaces.files.export.parts import Classifier, Parts, parts_of
from halfspaces.files.export.sklearn_model import sklearn_class, sklearn_options


def numpy_code(classifier: Classifier, path: str | os.PathLike[str]) -> str:
    """Ten lines of Python that load the model file at `path` and predict: NumPy and safetensors,
    nothing of ours.

    Their `predict(X)` returns the labels and the probabilities, or the scores where there are none.
    """
    parts = parts_of(classifier)
    loading = _loading(path, as_float64=parts.center is not None)
    lines = ["import json", "import numpy as np", *loading, "def predict(X):"]
    scores = "(X @ V + c)[:, 0]" if parts.binary else "X @ V + c"
    if parts.reorders:
        scores, parts = _written(f"({scores})", parts), replace(parts, factor=1.0, offset=0.0)
    lines += [f"    s = {scores}"]
    label = "classes[(s > 0).astype(int)]" if parts.binary else "classes[s.argmax(axis=1)]"
    if parts.link is None:
        return "\n".join([*lines, f"    return {label}, s", ""])
    shift = "" if parts.binary or parts.link == "sigmoid" else " - s.max(axis=1, keepdims=True)"
    logit = _written(f"(s{shift})" if shift else "s", parts)
    softmax = not parts.binary and parts.link == "softmax"
    lines += [
        f"    p = np.exp({logit})" if softmax else f"    p = np.exp(-np.logaddexp(0, -({logit})))"
    ]
    table = "np.stack([1 - p, p], axis=1)" if parts.binary else "p / p.sum(axis=1, keepdims=True)"
    return "\n".join([*lines, f"    return {label}, {table}", ""])


def sklearn_code(classifier: Classifier, path: str | os.PathLike[str]) -> str:
    """A few lines of Python that make `to_sklearn`'s classifier of the model file at `path`,
    without a pickle.

    Raises
    ------
    ValueError
        As `to_sklearn`.
    """
    parts = parts_of(classifier)
    kind = sklearn_class(parts)
    options = ", ".join(f"{name}={value!r}" for name, value in sklearn_options(parts).items())
    V = _written("V", replace(parts, offset=0.0))
    return "\n".join(
        [
            "import json",
            "import numpy as np",
            f"from sklearn.{'linear_model' if parts.link else 'svm'} import {kind}",
            *_loading(path, as_float64=True),
            f"model = {kind}({options})",
            f"model.coef_ = ({V}).T",
            f"model.intercept_, model.classes_ = {_written('c', parts)}, classes",
            "model.n_features_in_ = len(V)",
            "",
        ]
    )


def _loading(path: str | os.PathLike[str], *, as_float64: bool) -> list[str]:
    """Lines that read V, c and the classes; rows far from 0 need V in float64."""
    double = ".astype(float)" if as_float64 else ""
    return [
        "from safetensors import safe_open",
        f'with safe_open({os.fspath(path)!r}, "numpy") as file:',
        f'    V, c = file.get_tensor("coef").T{double}, file.get_tensor("intercept"){double}',
        '    classes = np.array(json.loads(file.metadata()["halfspaces"])["metadata"]["classes"])',
    ]


def _written(scores: str, parts: Parts) -> str:
    """The scores in code, with factor and offset."""

    def number(value: Any) -> str:
        return (
            f"np.array({np.asarray(value).tolist()})"
            if np.size(value) > 1
            else repr(float(np.ravel(value)[0]))
        )

    factor = "" if np.all(np.asarray(parts.factor) == 1) else f"{number(parts.factor)} * "
    offset = f" + {number(parts.offset)}" if np.any(parts.offset) else ""
    return f"{factor}{scores}{offset}"
