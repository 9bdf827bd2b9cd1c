"""Fitted classifiers as ONNX models."""

from typing import TYPE_CHECKING, Any

import numpy as np

import halfspaces
from halfspaces.estimators.network import NetworkClassifier
from halfspaces.files.export.onnx_graph import (
    PRODUCER,
    Graph,
    add_outputs,
    input_dtype,
    value_info,
)
from halfspaces.files.export.onnx_network import classifier_to_onnx
from halfspaces.files.export.parts import Classifier, Parts, parts_of

if TYPE_CHECKING:
    import onnx

OPSET = 17  # of ONNX: old enough for runtimes of 2022
IR = 8


def to_onnx(classifier: Classifier | NetworkClassifier, *, dtype: Any = None) -> "onnx.ModelProto":
    """An ONNX model of raw features `X` (N, D), of a network also of images as rows.

    Its outputs are `label` (N,), `probabilities` (N, C) if any, and `scores`, in this order.

    As of sklearn-onnx the second output are the probabilities, where there are any. `scores` are
    (N, C), or (N,) for two classes, as those of `decision_function`.

    Parameters
    ----------
    classifier : LinearClassifier, LinearClassifierCV or NetworkClassifier
        Fitted. The model of a network says what it replaced; see `network_to_onnx`.
    dtype : "uint8", "float16", "float32", "float64" or None
        Of `X`. None takes that of the data it was fitted to where it is one of these, else float32.

    Raises
    ------
    ImportError
        If onnx is missing.
    ValueError
        If the classifier is not fitted, or `dtype` is none of these.
    """
    if isinstance(classifier, NetworkClassifier):
        return classifier_to_onnx(classifier, dtype=dtype)
    parts = parts_of(classifier)
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "Exporting to ONNX needs onnx; pip install 'halfspaces[onnx]'."
        ) from error

    stored = input_dtype(classifier, dtype)
    graph = Graph(np.dtype(np.float64 if stored == "float64" else np.float32))
    _add_scores(graph, parts)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "halfspaces",
            [value_info("X", np.dtype(stored), ["N", len(parts.V)])],
            add_outputs(graph, parts),
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR,
        producer_name=PRODUCER,
        producer_version=halfspaces.__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_scores(graph: Graph, parts: Parts) -> None:
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
