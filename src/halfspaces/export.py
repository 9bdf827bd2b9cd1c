"""A fitted classifier for other libraries: ONNX, torch, scikit-learn, NumPy."""

from halfspaces.files.export import export, exported
from halfspaces.files.export.code import numpy_code, sklearn_code
from halfspaces.files.export.onnx_model import to_onnx
from halfspaces.files.export.sklearn_model import to_sklearn
from halfspaces.files.export.torch_model import to_torch, torch_state

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
