"""Fitted classifiers as ONNX models."""

from typing import TYPE_CHECKING, Any

import numpy as np

import halfspaces
from halfspaces.files.export.parts import Classifier, Parts, parts_of
from halfspaces.system.names import check_name

if TYPE_CHECKING:
    import onnx

OPSET = 17  # of ONNX: old enough for runtimes of 2022
IR = 8
PRODUCER = "halfspaces"  # at the beginning of the file
INPUTS = ("uint8", "float16", "float32", "float64")


def to_onnx(classifier: Classifier, *, dtype: Any = None) -> "onnx.ModelProto":
    """An ONNX model of raw features `X` (N, D).

    Its outputs are `label` (N,), `probabilities` (N, C) if any, and `scores`, in this order.

    As of sklearn-onnx the second output are the probabilities, where there are any. `scores` are
    (N, C), or (N,) for two classes, as those of `decision_function`.

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
    parts = parts_of(classifier)
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
    logits = _add_logits(graph, parts)
    _add_labels(graph, parts, logits)
    outputs = {"label": (graph.label_dtype, ["N"])}
    if parts.link is not None:
        _add_probabilities(graph, parts, logits)
        outputs["probabilities"] = (graph.dtype, ["N", "C"])
    outputs["scores"] = (graph.dtype, ["N"] if parts.binary else ["N", "C"])
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
        producer_name=PRODUCER,
        producer_version=halfspaces.__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


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
        """Add a node and return its name; arrays and numbers among its inputs become constants."""
        from onnx import helper

        names = [
            given if isinstance(given, str) else self.constant(given, f"{output}_{at}", self.dtype)
            for at, given in enumerate(inputs)
        ]
        self.nodes.append(helper.make_node(kind, names, [output], name=output, **attributes))
        return output

    def constant(self, array: Any, name: str, dtype: np.dtype) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(array, dtype=dtype), name)
        )
        return name


def _add_scores(graph: _Graph, parts: Parts) -> None:
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


def _add_logits(graph: _Graph, parts: Parts) -> str:
    """Factor · scores + offset, (N, C), or (N, 1) for two classes."""
    logits = "lines" if parts.binary else "scores"
    if np.any(np.asarray(parts.factor) != 1):
        logits = graph.add("Mul", [logits, parts.factor], "scaled")
    if np.any(parts.offset):
        logits = graph.add("Add", [logits, parts.offset], "shifted")
    return logits


def _add_labels(graph: _Graph, parts: Parts, logits: str) -> None:
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
        line = graph.add("Reshape", [logits, "flat"], "line") if parts.reorders else "scores"
        positive = graph.add("Greater", [line, np.zeros(())], "positive")
        graph.add("Cast", [positive], "class", to=TensorProto.INT64)
    else:
        largest_of = logits if parts.reorders else "scores"
        graph.add("ArgMax", [largest_of], "class", axis=1, keepdims=0)
    graph.add("Gather", ["classes", "class"], "label")


def _add_probabilities(graph: _Graph, parts: Parts, logits: str) -> None:
    if parts.binary:
        negative = graph.add("Neg", [logits], "negative")
        graph.add(
            "Concat",
            [graph.add("Sigmoid", [negative], "p0"), graph.add("Sigmoid", [logits], "p1")],
            "probabilities",
            axis=1,
        )
    elif parts.link == "softmax":
        graph.add("Softmax", [logits], "probabilities", axis=1)
    else:  # logistics normalized by their logarithms, −log(1 + exp(−s))
        softplus = graph.add("Softplus", [graph.add("Neg", [logits], "negative")], "softplus")
        graph.add("Softmax", [graph.add("Neg", [softplus], "logarithms")], "probabilities", axis=1)
