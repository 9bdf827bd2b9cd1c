"""Networks as ONNX models of their inference."""

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

import halfspaces
from halfspaces.estimators.network import NetworkClassifier
from halfspaces.files.export.onnx_graph import INPUTS, PRODUCER, Graph, add_outputs, input_dtype
from halfspaces.files.export.parts import check_plain, link_of
from halfspaces.networks.recipes import import_torch
from halfspaces.system.names import check_name

if TYPE_CHECKING:
    import onnx
    from torch import nn

REPLACED = "halfspaces.replaced"  # the key of the model's metadata
OPSET = 18  # the oldest that torch exports to


def network_to_onnx(
    module: "nn.Module", input_shape: Sequence[int], *, dtype: str = "float32"
) -> "onnx.ModelProto":
    """An ONNX model of rows `X` (N, *input_shape), any N, whose output is `scores` (N, C).

    It computes what the module computes at inference. What training does otherwise is replaced:
    dropout is left out, stochastic depth is its expectation, fractional max pooling has its fixed
    regions, batch normalization uses running statistics. The model says which of these it replaced,
    in its description and as metadata `halfspaces.replaced`.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters stay as they are, and so does its mode.
    input_shape : sequence of int
        Shape of one example.
    dtype : "uint8", "float16", "float32" or "float64"
        Of `X`. A module that begins with `Standardize` takes each of them.

    Raises
    ------
    ImportError
        If torch, onnx or onnxscript is missing.
    ValueError
        If `dtype` is none of these, or torch cannot export the module.

    Examples
    --------
    >>> from halfspaces.networks import MLP
    >>> module = MLP(hidden=(4,), dropout=0.5).module((3,), 2)  # doctest: +SKIP
    >>> network_to_onnx(module, (3,)).doc_string  # doctest: +SKIP
    'Scores of a network at inference. Replaced: hidden.3: dropout (p=0.5) is left out.'
    """
    check_name("dtype", dtype, INPUTS)
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch.onnx.export needs it)
        import torch
    except ImportError as error:
        raise ImportError(
            f"Exporting a network to ONNX needs {error.name}, which is not installed;"
            ' run: pip install "halfspaces[torch]".'
        ) from error

    twin = copy.deepcopy(module).eval()
    rows = torch.zeros(2, *input_shape, dtype=getattr(torch, dtype))
    with _silent():
        try:
            program = torch.onnx.export(
                twin,
                (rows,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["X"],
                output_names=["scores"],
                dynamic_shapes=({0: torch.export.Dim("N")},),
                verbose=False,
            )
        except Exception as error:  # errors of torch's exporter share no base class
            reason = str(error.__cause__ or error).strip().splitlines()[0].rstrip(".")
            raise ValueError(
                f"torch cannot export this {type(module).__name__} to ONNX: {reason}."
            ) from error
    assert program is not None
    model = program.model_proto
    _describe(model, replacements(module))
    onnx.checker.check_model(model, full_check=True)
    return model


def classifier_to_onnx(classifier: NetworkClassifier, *, dtype: Any = None) -> "onnx.ModelProto":
    """The model of `network_to_onnx` for rows `X` (N, D), with labels and probabilities.

    Parameters, outputs and errors are those of `to_onnx`.
    """
    if not hasattr(classifier, "module_"):
        raise ValueError("The classifier is not fitted yet; call fit before exporting it.")
    check_plain(classifier)
    torch = import_torch("Exporting a network to ONNX")
    inputs = classifier.inputs_
    module = torch.nn.Sequential(torch.nn.Unflatten(1, inputs.stored), classifier.module_)
    stored = input_dtype(classifier, dtype)
    model = network_to_onnx(module, (inputs.n_features,), dtype=stored)
    _add_outputs(model, classifier)
    return model


def _add_outputs(model: "onnx.ModelProto", classifier: NetworkClassifier) -> None:
    """Make labels and probabilities of the scores; of two classes, the scores' difference."""
    import onnx

    link = link_of(classifier)
    (scores,) = model.graph.output
    graph = Graph(onnx.helper.tensor_dtype_to_np_dtype(scores.type.tensor_type.elem_type))
    if link.binary:
        for node in model.graph.node:
            node.output[:] = [name.replace("scores", "pair") for name in node.output]
        lines = graph.add("MatMul", ["pair", np.array([[-1.0], [1.0]])], "lines")
        graph.add("Reshape", [lines, graph.constant([-1], "flat", np.dtype(np.int64))], "scores")
    outputs = add_outputs(graph, link)
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.constants)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnx.checker.check_model(model, full_check=True)


def replacements(module: "nn.Module") -> list[str]:
    """What inference computes in place of training's noise, a phrase for each such layer."""
    from torch import nn

    from halfspaces.networks.layers import FractionalMaxPool2d, StochasticDepth

    found: list[str] = []
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0:
            found.append(f"{name}: dropout (p={layer.p:g}) is left out")
        elif isinstance(layer, StochasticDepth) and layer.survival < 1:
            survival = f"survival={layer.survival:g}"
            found.append(f"{name}: stochastic depth ({survival}) is its expectation")
        elif isinstance(layer, FractionalMaxPool2d):
            found.append(
                f"{name}: fractional max pooling (ratio={layer.ratio:g}) has fixed regions"
            )
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats:
            found.append(f"{name}: batch normalization uses running statistics")
    return found


def _describe(model: "onnx.ModelProto", replaced: list[str]) -> None:
    """Store producer, description and metadata."""
    from onnx import helper

    model.producer_name = PRODUCER
    model.producer_version = halfspaces.__version__
    words = "; ".join(replaced) or "nothing"
    model.doc_string = f"Scores of a network at inference. Replaced: {words}."
    helper.set_model_props(model, {REPLACED: words})


@contextmanager
def _silent() -> Iterator[None]:
    """Without the warnings and log lines of torch's exporter, which are about its own code."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
