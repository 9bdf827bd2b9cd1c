"""A fitted classifier for other libraries: ONNX, torch, scikit-learn, NumPy."""

from halfspaces.files.export import (
    export,
    exported,
    numpy_code,
    sklearn_code,
    to_onnx,
    to_sklearn,
    to_torch,
    torch_state,
)

__all__ = [
    "export",
    "exported",
    "numpy_code",
    "sklearn_code",
    "to_onnx",
    "to_sklearn",
    "to_torch",
    "torch_state",
]
