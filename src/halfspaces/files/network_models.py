"""Networks in model files: parameters and buffers by name, and the recipe that builds the module.

The module is built from the recipe, which is JSON, and filled with the tensors: no pickle is read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from halfspaces.estimators.network import NetworkClassifier
from halfspaces.files.checked import shown
from halfspaces.files.kinds import Kind
from halfspaces.files.notes import Stored
from halfspaces.files.safetensors_file import ModelFileError
from halfspaces.networks import NETWORKS, Network
from halfspaces.networks.inputs import Inputs, image_shape_of
from halfspaces.networks.recipes import import_torch
from halfspaces.support.types import Array
from halfspaces.system.names import lookup

if TYPE_CHECKING:
    from torch import Tensor, nn


class NetworkKind(Kind):
    """The tensors of `module_` by their names in it, such as `network.scores.weight`."""

    made = NetworkClassifier
    fitted = "module_"

    def tensors(self, classifier: NetworkClassifier) -> dict[str, Array]:
        """Parameters and buffers of the fitted network."""
        if not isinstance(classifier.network, str | Network):
            raise ModelFileError(
                f"A network of your own ({type(classifier.network).__name__}) has no recipe from "
                "which load could build it; save its tensors by safetensors.torch.save_file("
                "classifier.module_.state_dict(), PATH), or write a recipe, a subclass of "
                "halfspaces.networks.Network with a row in NETWORKS."
            )
        tensors = {
            name: tensor.detach().numpy()
            for name, tensor in _tensors_of(classifier.module_).items()
        }
        recipe = _recipe(classifier.network)
        try:
            _check_tensors(recipe, classifier.inputs_, len(classifier.classes_), tensors)
        except ValueError as error:
            raise ModelFileError(
                f"The fitted network is not one of network={classifier.network!r} ({error}); "
                "fit it anew before save."
            ) from error
        return tensors

    def metadata(self, classifier: NetworkClassifier) -> dict[str, Any]:
        """How a row becomes the input of the network."""
        inputs = classifier.inputs_
        shape = None if inputs.image_shape is None else list(inputs.image_shape)
        return {
            "inputs": {
                "n_features": inputs.n_features,
                "image_shape": shape,
                "planar": inputs.planar,
            }
        }

    def check(self, classifier: NetworkClassifier) -> None:
        """Raise for a recipe that is not known."""
        _recipe(classifier.network)

    def fill(
        self, classifier: NetworkClassifier, tensors: Mapping[str, Array], stored: Stored
    ) -> None:
        """Build the module, and put the tensors into it."""
        if stored.inputs is None:
            raise KeyError("inputs")
        noted = stored.inputs
        shape = None if noted.image_shape is None else image_shape_of(noted.image_shape)
        inputs = Inputs(noted.n_features, shape, noted.planar)
        recipe = _recipe(classifier.network)
        n_classes = len(classifier.classes_)
        _check_tensors(recipe, inputs, n_classes, tensors)
        module = _built(recipe, inputs, n_classes)
        torch = import_torch(self.name)
        with torch.no_grad():
            for name, own in _tensors_of(module).items():
                own.copy_(torch.from_numpy(tensors[name]))
        _check_scores(module, inputs, n_classes)
        classifier.module_ = module
        classifier.inputs_ = inputs
        classifier.n_features_in_ = inputs.n_features

    def libraries(self) -> list[ModuleType]:
        """torch."""
        return [import_torch(self.name)]


def _recipe(network: Any) -> Network:
    return lookup("network", network, NETWORKS, Network)


def _built(recipe: Network, inputs: Inputs, n_classes: int) -> "nn.Module":
    """The module for rows of X, in evaluation mode, its weights still to be filled."""
    import_torch(type(recipe).__name__)
    from halfspaces.networks.rows import OfRows

    return OfRows(inputs, recipe.module(inputs.shape, n_classes)).eval()


def _tensors_of(module: "nn.Module") -> "dict[str, Tensor]":
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _check_tensors(
    recipe: Network, inputs: Inputs, n_classes: int, tensors: Mapping[str, Array]
) -> None:
    """Raise ValueError, without an end, unless the tensors are those of the recipe's module.

    The module is built without memory for its numbers, so that a recipe asks for no more of it than
    the tensors have.
    """
    if recipe.n_layers > len(tensors):
        raise ValueError(
            f"it has {len(tensors):,} tensors, too few for the layers of {shown(recipe)}"
        )
    with _without_memory():
        expected = _tensors_of(_built(recipe, inputs, n_classes))
    for name, own in expected.items():
        if name not in tensors:
            raise ValueError(f"the tensor {name!r} of {shown(recipe)} is missing")
        given = tensors[name]
        if given.shape != tuple(own.shape):
            raise ValueError(
                f"the tensor {name!r} has shape {given.shape}, and {shown(recipe)} needs "
                f"{tuple(own.shape)}"
            )
        kind = str(own.dtype).removeprefix("torch.")
        if given.dtype.name != kind or not np.isfinite(given).all():
            raise ValueError(f"the tensor {name!r} is not of finite {kind} numbers")
    foreign = next((name for name in tensors if name not in expected), None)
    if foreign is not None:
        raise ValueError(f"the tensor {shown(foreign)} is none of {shown(recipe)}")


def _check_scores(module: "nn.Module", inputs: Inputs, n_classes: int) -> None:
    """Raise ValueError unless a row has finite scores: no variance is below 0, no scale is 0."""
    torch = import_torch("NetworkClassifier")
    with torch.inference_mode():
        scores = module(torch.zeros(1, *inputs.stored))
    if tuple(scores.shape) != (1, n_classes) or not bool(torch.isfinite(scores).all()):
        raise ValueError("its network has no finite scores of a row of zeros")


@contextmanager
def _without_memory() -> Iterator[None]:
    """Modules are made with shapes and types alone."""
    with import_torch("NetworkClassifier").device("meta"):
        yield
