"""Score functions beyond xW + b: networks made of torch's layers and our own.

`MLP` and `ResNet` describe a network without torch; `recipe.module(input_shape, n_classes, seed)`
builds it, which needs `pip install "halfspaces[torch]"`.

>>> from halfspaces.networks import NETWORKS
>>> NETWORKS["mlp"]
MLP(hidden=(512,), dropout=0.0, batch_norm=False)
"""

from halfspaces.networks.recipes import MLP, NETWORKS, Network, ResNet

__all__ = ["MLP", "NETWORKS", "Network", "ResNet"]
