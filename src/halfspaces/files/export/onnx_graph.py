"""Graphs of ONNX in the making, and the outputs that all classifiers have."""

from typing import Any

import numpy as np

from halfspaces.files.export.parts import Link
from halfspaces.system.names import check_name

PRODUCER = "halfspaces"  # at the beginning of the file
INPUTS = ("uint8", "float16", "float32", "float64")


def value_info(name: str, dtype: np.dtype, shape: list[Any]) -> Any:
    """The name, type and shape of an input or output."""
    from onnx import TensorProto, helper

    kind = TensorProto.STRING if dtype.kind in "UO" else helper.np_dtype_to_tensor_dtype(dtype)
    return helper.make_tensor_value_info(name, kind, shape)


class Graph:
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


def add_outputs(graph: Graph, link: Link) -> list[Any]:
    """Add labels, probabilities if there are any, and their nodes; return all outputs.

    The graph has `scores` (N, C); for two classes `scores` (N,), and `lines` (N, 1).
    """
    logits = _add_logits(graph, link)
    _add_labels(graph, link, logits)
    outputs = {"label": (graph.label_dtype, ["N"])}
    if link.link is not None:
        _add_probabilities(graph, link, logits)
        outputs["probabilities"] = (graph.dtype, ["N", "C"])
    outputs["scores"] = (graph.dtype, ["N"] if link.binary else ["N", "C"])
    sizes = {"N": "N", "C": len(link.classes)}
    return [
        value_info(name, kind, [sizes[size] for size in shape])
        for name, (kind, shape) in outputs.items()
    ]


def input_dtype(classifier: Any, dtype: Any) -> str:
    """The type of `X` that is asked for; None takes that of the data the classifier was fitted to
    where ONNX has it, else float32.
    """
    stored = (
        getattr(classifier, "features_dtype_", "float32") if dtype is None else np.dtype(dtype).name
    )
    stored = stored if dtype is not None or stored in INPUTS else "float32"
    check_name("dtype", stored, INPUTS)
    return stored


def _add_logits(graph: Graph, link: Link) -> str:
    """Factor · scores + offset, (N, C), or (N, 1) for two classes."""
    logits = "lines" if link.binary else "scores"
    if np.any(np.asarray(link.factor) != 1):
        logits = graph.add("Mul", [logits, link.factor], "scaled")
    if np.any(link.offset):
        logits = graph.add("Add", [logits, link.offset], "shifted")
    return logits


def _add_labels(graph: Graph, link: Link, logits: str) -> None:
    from onnx import TensorProto

    classes = link.classes
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
    if link.binary:
        line = graph.add("Reshape", [logits, "flat"], "line") if link.reorders else "scores"
        positive = graph.add("Greater", [line, np.zeros(())], "positive")
        graph.add("Cast", [positive], "class", to=TensorProto.INT64)
    else:
        largest_of = logits if link.reorders else "scores"
        graph.add("ArgMax", [largest_of], "class", axis=1, keepdims=0)
    graph.add("Gather", ["classes", "class"], "label")


def _add_probabilities(graph: Graph, link: Link, logits: str) -> None:
    if link.binary:
        negative = graph.add("Neg", [logits], "negative")
        graph.add(
            "Concat",
            [graph.add("Sigmoid", [negative], "p0"), graph.add("Sigmoid", [logits], "p1")],
            "probabilities",
            axis=1,
        )
    elif link.link == "softmax":
        graph.add("Softmax", [logits], "probabilities", axis=1)
    else:  # logistics normalized by their logarithms, −log(1 + exp(−s))
        softplus = graph.add("Softplus", [graph.add("Neg", [logits], "negative")], "softplus")
        graph.add("Softmax", [graph.add("Neg", [softplus], "logarithms")], "probabilities", axis=1)
