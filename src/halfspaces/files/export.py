"""Fitted classifiers for other libraries: ONNX, scikit-learn, torch, and NumPy alone.

Standardization is in the weights already. Labels are those that the classifier predicts; probabilities, where it has
any, are the same to rounding, the calibration's included. No pickle is written: ONNX and torch's weights are files of
their own, scikit-learn and NumPy get a few lines of Python that read our .safetensors.

>>> from sklearn.datasets import load_digits
>>> from halfspaces import LinearClassifier
>>> X, y = load_digits(return_X_y=True)
>>> classifier = LinearClassifier().fit(X, y)
>>> bool((to_sklearn(classifier).predict(X) == classifier.predict(X)).all())
True
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.numpy

import halfspaces
from halfspaces.estimators.calibration import Sigmoid, Temperature
from halfspaces.estimators.classifier import LinearClassifier
from halfspaces.estimators.components import make_loss
from halfspaces.estimators.cross_validation import LinearClassifierCV
from halfspaces.files.atomic import write_whole
from halfspaces.files.models import features_of
from halfspaces.support.types import Array
from halfspaces.support.validation import check_name

if TYPE_CHECKING:
    import onnx
    import torch

Classifier = LinearClassifier | LinearClassifierCV

OPSET, IR = 17, 8  # of ONNX: old enough for runtimes of 2022
SUFFIXES = {
    "onnx": ".onnx",
    "torch": ".torch.safetensors",
    "sklearn": None,
    "numpy": None,
}  # None: code, shown


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a prediction needs: scores (x − center) V + c, of shape (N, C), or (N, 1) for two classes.

    Probabilities are softmax of factor · scores + offset, or each class's logistic of it, normalized; for two classes
    the logistic. `link` is None where there are none.
    """

    V: Array
    c: Array
    center: Array | None
    classes: Array
    link: str | None  # "softmax", "sigmoid"
    factor: Array | float = 1.0
    offset: Array | float = 0.0

    @property
    def binary(self) -> bool:
        return len(self.classes) == 2

    @property
    def folded(self) -> tuple[Array, Array]:
        """V and c of rows that are not centred, in float64, which large offsets need."""
        V = self.V.astype(np.float64)
        return V, self.c if self.center is None else self.c - self.center.astype(np.float64) @ V

    def logits(self, what: str) -> tuple[Array, Array]:
        """`folded` with the factor: their largest is the label, their softmax or logistic the probabilities."""
        if np.any(self.offset) or np.ndim(self.factor):
            raise ValueError(
                f"{what} cannot keep both the labels and the probabilities of a Sigmoid calibration; export to ONNX, "
                "or calibrate with temperature."
            )
        V, c = self.folded
        return V * self.factor, c * self.factor


def _parts(classifier: Classifier) -> _Parts:
    feature = features_of(classifier)
    if feature is not None:
        raise ValueError(
            f"The model's rows are those of {feature}, which ONNX, torch and NumPy cannot compute; "
            "use halfspaces.export.to_sklearn, or train without --features, on pixels."
        )
    return _parts_of_rows(classifier)


def _parts_of_rows(classifier: Classifier) -> _Parts:
    if not hasattr(classifier, "coef_"):
        raise ValueError("The classifier is not fitted yet; call fit before exporting it.")
    fitted = classifier.classifier_ if isinstance(classifier, LinearClassifierCV) else classifier
    center = fitted._center
    c = fitted.intercept_ if center is None else fitted._intercept_at_center
    link, factor, offset = _link(fitted)
    return _Parts(
        fitted.coef_.T, c.astype(np.float64), center, fitted.classes_, link, factor, offset
    )


def _link(fitted: LinearClassifier) -> tuple[str | None, Any, Any]:
    """How scores become probabilities."""
    learned, link = fitted.calibration_, make_loss(fitted.loss).probability
    if isinstance(learned, Temperature):
        return "softmax", learned.inverse_temperature, 0.0
    if isinstance(learned, Sigmoid):
        return "sigmoid", np.array(learned.slopes), np.array(learned.offsets)
    if learned is not None:
        raise ValueError(
            f"A calibration {learned!r} cannot be exported; use Temperature or Sigmoid."
        )
    # The two one-vs-all columns mirror each other, so their difference is twice the log-odds.
    return link, 0.5 if link == "sigmoid" and len(fitted.classes_) == 2 else 1.0, 0.0


# --- scikit-learn -------------------------------------------------------------------------------------------------


def to_sklearn(classifier: Classifier) -> Any:
    """A fitted scikit-learn classifier with the same labels, and the same probabilities where there are any.

    Returns
    -------
    LogisticRegression where probabilities are a softmax, or a logistic of two classes; SGDClassifier(loss="log_loss")
    where each of more classes has its own logistic; LinearSVC where there are none. `coef_` is float64, in raw units.
    Of a loaded classifier with `features_` a Pipeline of both, which takes images.

    Raises
    ------
    ValueError
        If the classifier is not fitted, or its calibration is a Sigmoid, whose labels and probabilities disagree.
    """
    from sklearn import linear_model, svm
    from sklearn.pipeline import make_pipeline

    parts = _parts_of_rows(classifier)
    V, c = parts.logits("A scikit-learn classifier")
    model = getattr(linear_model if parts.link else svm, _sklearn_class(parts))(
        **_sklearn_options(parts)
    )
    model.coef_, model.intercept_, model.classes_ = np.ascontiguousarray(V.T), c, parts.classes
    model.n_features_in_ = len(V)
    if hasattr(classifier, "feature_names_in_"):
        model.feature_names_in_ = classifier.feature_names_in_
    feature = features_of(classifier)
    return model if feature is None else make_pipeline(feature, model)


def _sklearn_class(parts: _Parts) -> str:
    if parts.link is None:
        return "LinearSVC"
    return "LogisticRegression" if parts.binary or parts.link == "softmax" else "SGDClassifier"


def _sklearn_options(parts: _Parts) -> dict[str, Any]:
    return {"loss": "log_loss"} if _sklearn_class(parts) == "SGDClassifier" else {}


# --- torch --------------------------------------------------------------------------------------------------------


def torch_state(classifier: Classifier) -> dict[str, Array]:
    """`weight` (C, D) and `bias` (C,) of a torch.nn.Linear on raw features: (1, D) and (1,) for two classes.

    The largest output is the label (of two classes: the second where the one output is above 0), and softmax of the
    outputs, or the logistic, gives the probabilities where there are any. float32, but float64 where the features have
    such large offsets that float32 would lose them.

    Raises
    ------
    ValueError
        As `to_sklearn`.
    """
    parts = _parts(classifier)
    V, c = parts.logits("A torch.nn.Linear")
    dtype = np.float32 if parts.center is None else np.float64
    return {"weight": np.ascontiguousarray(V.T, dtype=dtype), "bias": c.astype(dtype)}


def to_torch(classifier: Classifier) -> "torch.nn.Linear":
    """A torch.nn.Linear with `torch_state`.

    Raises
    ------
    ImportError
        If torch is missing.
    ValueError
        As `to_sklearn`.
    """
    arrays = torch_state(classifier)
    import torch

    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    rows, columns = state["weight"].shape
    module = torch.nn.Linear(columns, rows, dtype=state["weight"].dtype)
    module.load_state_dict(state)
    return module


# --- ONNX ---------------------------------------------------------------------------------------------------------


def to_onnx(classifier: Classifier, *, dtype: Any = None) -> "onnx.ModelProto":
    """An ONNX model of raw features: inputs `X` (N, D); outputs `label` (N,), `scores`, `probabilities` (N, C) if any.

    `scores` are (N, C), or (N,) for two classes, as those of `decision_function`.

    Parameters
    ----------
    classifier : LinearClassifier or LinearClassifierCV
        Fitted.
    dtype : "uint8", "float16", "float32", "float64" or None
        Of `X`. None takes that of the data it was fitted to where it is one of these, else float32.

    Raises
    ------
    ImportError
        If onnx is missing.
    ValueError
        If the classifier is not fitted, or `dtype` is none of these.
    """
    parts = _parts(classifier)
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "Exporting to ONNX needs onnx; pip install 'halfspaces[onnx]'."
        ) from error

    stored = (
        getattr(classifier, "features_dtype_", "float32") if dtype is None else np.dtype(dtype).name
    )
    stored = stored if dtype is not None or stored in INPUTS else "float32"
    check_name("dtype", stored, INPUTS)
    graph = _Graph(np.dtype(np.float64 if stored == "float64" else np.float32))
    _add_scores(graph, parts)
    _add_labels(graph, parts)
    outputs = {
        "label": (graph.label_dtype, ["N"]),
        "scores": (graph.dtype, ["N"] if parts.binary else ["N", "C"]),
    }
    if parts.link is not None:
        _add_probabilities(graph, parts)
        outputs["probabilities"] = (graph.dtype, ["N", "C"])
    sizes = {"N": "N", "C": len(parts.classes)}
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "halfspaces",
            [_value("X", np.dtype(stored), ["N", len(parts.V)])],
            [
                _value(name, kind, [sizes[size] for size in shape])
                for name, (kind, shape) in outputs.items()
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name="halfspaces",
        producer_version=halfspaces.__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


INPUTS = ("uint8", "float16", "float32", "float64")


def _value(name: str, dtype: np.dtype, shape: list[Any]) -> Any:
    from onnx import TensorProto, helper

    kind = TensorProto.STRING if dtype.kind in "UO" else helper.np_dtype_to_tensor_dtype(dtype)
    return helper.make_tensor_value_info(name, kind, shape)


class _Graph:
    """Nodes and constants of an ONNX graph in the making."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.label_dtype: np.dtype = np.dtype(np.int64)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[Any], output: str, **attributes: Any) -> str:
        """A node; arrays and numbers among its inputs become constants in the type of the products."""
        from onnx import helper

        names = [
            given if isinstance(given, str) else self.constant(given, f"{output}_{at}", self.dtype)
            for at, given in enumerate(inputs)
        ]
        self.nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def constant(self, array: Any, name: str, dtype: np.dtype) -> str:
        """Its name."""
        from onnx import numpy_helper

        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(array, dtype=dtype), name)
        )
        return name


def _add_scores(graph: _Graph, parts: _Parts) -> None:
    from onnx import helper

    rows = graph.add("Cast", ["X"], "rows", to=helper.np_dtype_to_tensor_dtype(graph.dtype))
    if parts.center is not None:
        rows = graph.add("Sub", [rows, parts.center], "centred")
    if parts.binary:
        lines = graph.add("Gemm", [rows, parts.V, parts.c], "lines")
        shape = graph.constant([-1], "flat", np.dtype(np.int64))
        graph.add("Reshape", [lines, shape], "scores")
    else:
        graph.add("Gemm", [rows, parts.V, parts.c], "scores")


def _add_labels(graph: _Graph, parts: _Parts) -> None:
    from onnx import TensorProto

    classes = parts.classes
    if classes.dtype.kind in "UO":
        known, graph.label_dtype = (
            np.array([str(label) for label in classes], dtype=object),
            np.dtype(object),
        )
    else:
        kinds = {"b": np.dtype(bool), "f": np.dtype(np.float64)}
        graph.label_dtype = kinds.get(classes.dtype.kind, np.dtype(np.int64))
        known = classes
    graph.constant(known, "classes", graph.label_dtype)
    if parts.binary:
        positive = graph.add("Greater", ["scores", np.zeros(())], "positive")
        graph.add("Cast", [positive], "class", to=TensorProto.INT64)
    else:
        graph.add("ArgMax", ["scores"], "class", axis=1, keepdims=0)
    graph.add("Gather", ["classes", "class"], "label")


def _add_probabilities(graph: _Graph, parts: _Parts) -> None:
    scores = "lines" if parts.binary else "scores"
    if np.any(np.asarray(parts.factor) != 1):
        scores = graph.add("Mul", [scores, parts.factor], "scaled")
    if np.any(parts.offset):
        scores = graph.add("Add", [scores, parts.offset], "shifted")
    if parts.binary:
        negative = graph.add("Neg", [scores], "negative")
        graph.add(
            "Concat",
            [graph.add("Sigmoid", [negative], "p0"), graph.add("Sigmoid", [scores], "p1")],
            "probabilities",
            axis=1,
        )
    elif parts.link == "softmax":
        graph.add("Softmax", [scores], "probabilities", axis=1)
    else:  # logistics normalized by their logarithms, −log(1 + exp(−s))
        softplus = graph.add("Softplus", [graph.add("Neg", [scores], "negative")], "softplus")
        graph.add("Softmax", [graph.add("Neg", [softplus], "logarithms")], "probabilities", axis=1)


# --- code ---------------------------------------------------------------------------------------------------------


def numpy_code(classifier: Classifier, path: str | os.PathLike[str]) -> str:
    """Ten lines of Python that load the model file at `path` and predict: NumPy and safetensors, nothing of ours.

    Their `predict(X)` returns the labels and the probabilities, or the scores where there are none.
    """
    parts = _parts(classifier)
    lines = ["import json", "import numpy as np", *_loading(parts, path), "def predict(X):"]
    rows = "X" if parts.center is None else "(X - center)"
    lines += [f"    s = ({rows} @ V + c)[:, 0]" if parts.binary else f"    s = {rows} @ V + c"]
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
    """A few lines of Python that make `to_sklearn`'s classifier of the model file at `path`, without a pickle.

    Raises
    ------
    ValueError
        As `to_sklearn`.
    """
    parts = _parts(classifier)
    parts.logits("A scikit-learn classifier")
    kind = _sklearn_class(parts)
    options = ", ".join(f"{name}={value!r}" for name, value in _sklearn_options(parts).items())
    center = [] if parts.center is None else ["c = c - center.astype(float) @ V"]
    factor = "" if parts.factor == 1 else f" * {float(parts.factor)!r}"
    return "\n".join(
        [
            "import json",
            "import numpy as np",
            f"from sklearn.{'linear_model' if parts.link else 'svm'} import {kind}",
            *_loading(parts, path, as_float64=True),
            *center,
            f"model = {kind}({options})",
            f"model.coef_, model.intercept_, model.classes_ = V.T{factor}, c{factor}, classes",
            "model.n_features_in_ = len(V)",
            "",
        ]
    )


def _loading(parts: _Parts, path: str | os.PathLike[str], *, as_float64: bool = False) -> list[str]:
    double = ".astype(float)" if as_float64 else ""
    intercept = "intercept" if parts.center is None else "intercept_at_center"
    center = [] if parts.center is None else ['    center = file.get_tensor("center")']
    return [
        "from safetensors import safe_open",
        f'with safe_open({os.fspath(path)!r}, "numpy") as file:',
        f'    V, c = file.get_tensor("coef").T{double}, file.get_tensor("{intercept}"){double}',
        *center,
        '    classes = np.array(json.loads(file.metadata()["halfspaces"])["metadata"]["classes"])',
    ]


def _written(scores: str, parts: _Parts) -> str:
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


# --- files --------------------------------------------------------------------------------------------------------


def export(
    classifier: Classifier,
    to: str,
    path: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
) -> None:
    """Write the classifier for another library, whole or not at all.

    Parameters
    ----------
    classifier : LinearClassifier or LinearClassifierCV
        Fitted.
    to : "onnx", "torch", "sklearn" or "numpy"
        torch's `weight` and `bias` go into a .safetensors file, with the classes as metadata; the last two are code.
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
    ModelFileError
        If the file cannot be written.
    """
    write_whole(Path(path), exported(classifier, to, model=model))


def exported(
    classifier: Classifier, to: str, *, model: str | os.PathLike[str] | None = None
) -> bytes:
    """What `export` writes; its parameters and errors."""
    check_name("to", to, SUFFIXES)
    if to == "onnx":
        return to_onnx(classifier).SerializeToString()
    if to == "torch":
        state = torch_state(classifier)
        return safetensors.numpy.save(state, {"classes": json.dumps(classifier.classes_.tolist())})
    if model is None:
        raise ValueError(
            f"The code of to={to!r} reads a model file; save the classifier and give model=PATH."
        )
    return (numpy_code if to == "numpy" else sklearn_code)(classifier, model).encode()
