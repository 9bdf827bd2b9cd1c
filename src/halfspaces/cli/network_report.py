"""What the command line prints about a network."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from halfspaces.estimators.network import AUTO, NetworkClassifier
from halfspaces.networks import NETWORKS


def rows(classifier: NetworkClassifier) -> Iterator[tuple[str, str]]:
    """The names and values to print of a fitted network: recipe, layers, parameters."""
    recipe = NETWORKS.get(classifier.network, classifier.network)
    yield "network", repr(recipe)
    yield "layers", _layers(classifier.module_)
    count = sum(tensor.numel() for tensor in classifier.module_.parameters())
    yield "parameters", f"{count:,}"


def training(classifier: NetworkClassifier) -> Iterator[tuple[str, str]]:
    """The names and values to print of how a saved network was trained: optimizer, epochs."""
    optimizer = AUTO if classifier.optimizer == "auto" else classifier.optimizer
    epochs = getattr(optimizer, "epochs", None)
    if epochs is not None:
        yield "epochs", f"{epochs:,}"
    yield "optimizer", str(classifier.notes_.get("fit", {}).get("optimizer", optimizer))


def _layers(module: Any) -> str:
    """The number of layers of each kind, in the order of their first ones."""
    kinds = Counter(
        type(layer).__name__ for layer in module.modules() if not list(layer.children())
    )
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items())
