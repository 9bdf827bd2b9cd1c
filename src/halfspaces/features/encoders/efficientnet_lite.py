"""EfficientNet-Lite0 as an ONNX network, made from its published weights.

Liu, Higher accuracy on vision models with EfficientNet-Lite, 2020,
https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html;
Tan and Le, EfficientNet: rethinking model scaling for convolutional neural networks, 2019,
https://arxiv.org/abs/1905.11946
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from halfspaces.support.types import Array

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8
EPSILON = 1e-3  # of batch normalization
PUT_IN = "image"
EMBEDDING = "embedding"
COLUMNS = 1280


@dataclass(frozen=True)
class Stage:
    """Inverted bottlenecks in a row; the first has the stride, the others a shortcut."""

    repeats: int
    kernel: int
    stride: int
    expansion: int


STAGES = (
    Stage(1, kernel=3, stride=1, expansion=1),
    Stage(2, kernel=3, stride=2, expansion=6),
    Stage(2, kernel=5, stride=2, expansion=6),
    Stage(3, kernel=3, stride=2, expansion=6),
    Stage(3, kernel=5, stride=1, expansion=6),
    Stage(4, kernel=5, stride=2, expansion=6),
    Stage(1, kernel=3, stride=1, expansion=6),
)


def network(weights: Mapping[str, Array]) -> "onnx.ModelProto":
    """The network from images (N, 3, H, W) to embeddings (N, 1280), the input of the classifier.

    Raises
    ------
    KeyError, ValueError, IndexError
        For other weights.
    """
    import onnx

    graph = _Graph(weights)
    x = graph.convolution(PUT_IN, "_conv_stem", "_bn0", stride=2)
    number = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            x = _bottleneck(graph, x, f"_blocks.{number}", stage, is_first=repeat == 0)
            number += 1
    x = graph.convolution(x, "_conv_head", "_bn1")
    x = graph.node("GlobalAveragePool", [x], "pooled")
    graph.node("Flatten", [x], EMBEDDING)
    model = onnx.helper.make_model(
        graph.proto(),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _bottleneck(graph: "_Graph", x: str, block: str, stage: Stage, *, is_first: bool) -> str:
    """Expand the channels, filter each of them, project them; add x where the size is the same."""
    y = x
    if stage.expansion != 1:
        y = graph.convolution(y, f"{block}._expand_conv", f"{block}._bn0")
    stride = stage.stride if is_first else 1
    y = graph.convolution(
        y, f"{block}._depthwise_conv", f"{block}._bn1", stride=stride, depthwise=True
    )
    y = graph.convolution(y, f"{block}._project_conv", f"{block}._bn2", rectified=False)
    return y if is_first else graph.node("Add", [y, x], f"{block}.sum")


class _Graph:
    """Nodes and constants of the network in the making."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Any] = {"zero": np.float32(0), "six": np.float32(6)}

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; its output's name."""
        import onnx

        self.nodes.append(onnx.helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(
        self,
        x: str,
        name: str,
        normalization: str,
        *,
        stride: int = 1,
        depthwise: bool = False,
        rectified: bool = True,
    ) -> str:
        """A convolution with zeros around the image, batch normalization and ReLU6.

        γ (w ∗ x − μ) / √(σ² + ε) + β is the convolution with w γ / √(σ² + ε), and the bias
        β − μ γ / √(σ² + ε). The zeros are those of TensorFlow's "same": one more at the end.
        """
        w = self.weights[f"{name}.weight"].astype(np.float64)
        gamma, beta, mean, variance = (
            self.weights[f"{normalization}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / np.sqrt(variance + EPSILON)
        self.constants[f"{name}.w"] = (w * scale[:, None, None, None]).astype(np.float32)
        self.constants[f"{name}.b"] = (beta - mean * scale).astype(np.float32)
        output = self.node(
            "Conv",
            [x, f"{name}.w", f"{name}.b"],
            f"{name}.y",
            kernel_shape=w.shape[2:],
            strides=[stride, stride],
            group=len(w) if depthwise else 1,
            auto_pad="SAME_UPPER",
        )
        if not rectified:
            return output
        return self.node("Clip", [output, "zero", "six"], f"{name}.relu6")

    def proto(self) -> "onnx.GraphProto":
        """The graph."""
        from onnx import TensorProto, helper, numpy_helper

        put_in = helper.make_tensor_value_info(PUT_IN, TensorProto.FLOAT, ["N", 3, "H", "W"])
        output = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["N", COLUMNS])
        constants = [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in self.constants.items()
        ]
        return helper.make_graph(self.nodes, "EfficientNet-Lite0", [put_in], [output], constants)
