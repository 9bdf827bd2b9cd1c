"""Recipes of networks: their options, what they build, and what they say without torch."""

import math
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from halfspaces.networks import MLP, NETWORKS, ResNet

SHAPES = {"mlp": (3, 4), "resnet": (3, 9, 8)}


def test_recipes_are_plain_values():
    for recipe in (*NETWORKS.values(), MLP(hidden=[64, 32]), ResNet(width=8, dropout=0.5)):
        assert pickle.loads(pickle.dumps(recipe)) == recipe
        assert isinstance(hash(recipe), int)


WRONG = [
    (lambda: MLP(hidden=(8, 0)), "MLP(hidden=...) must be at least 1, got 0."),
    (lambda: MLP(hidden="big"), "MLP(hidden=...) must be an integer, got 'b'."),
    (lambda: MLP(dropout=1), "MLP(dropout=...) must be at least 0 and below 1, got 1."),
    (lambda: MLP(batch_norm=1), "MLP(batch_norm=...) must be True or False, got 1."),
    (lambda: ResNet(width=2.5), "ResNet(width=...) must be an integer, got 2.5."),
    (lambda: ResNet(depth=0), "ResNet(depth=...) must be at least 1, got 0."),
    (
        lambda: ResNet(stochastic_depth=-0.1),
        "ResNet(stochastic_depth=...) must be at least 0 and below 1, got -0.1.",
    ),
    (
        lambda: ResNet(fractional_pooling=None),
        "ResNet(fractional_pooling=...) must be True or False, got None.",
    ),
    (
        lambda: ResNet().module((3072,), 10),
        "ResNet needs images of shape (channels, height, width), got examples of shape (3072,);"
        " use MLP for plain features.",
    ),
    (
        lambda: MLP().module((), 10),
        "MLP: input_shape must have at least one size, got (); give (features,).",
    ),
    (
        lambda: MLP().module((3, 0), 10),
        "MLP: each size in input_shape must be at least 1, got 0.",
    ),
    (lambda: MLP().module((3,), 0), "MLP: n_classes must be at least 1, got 0."),
    (lambda: MLP().module((3,), 2, seed=-1), "MLP: seed must be at least 0, got -1."),
]


@pytest.mark.parametrize(("build", "sentence"), WRONG)
def test_bad_options_are_one_sentence(build, sentence):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(sentence)}$"):
        build()


def test_recipes_exist_without_torch():
    script = """
import sys
sys.modules["torch"] = None
from halfspaces.networks import NETWORKS
try:
    NETWORKS["mlp"].module((3,), 2)
except ImportError as error:
    print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == (
        'MLP needs torch, which is not installed; run: pip install "halfspaces[torch]".'
    ), ended.stderr


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_alone_determines_the_weights(name):
    torch = pytest.importorskip("torch")
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second, other = (
        NETWORKS[name].module(SHAPES[name], 4, seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    weights = [key for key, values in first.items() if values.ndim > 1 and "weight" in key]
    assert not any(torch.equal(first[key], other[key]) for key in weights)


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_have_one_column_for_each_class(name):
    torch = pytest.importorskip("torch")
    module = NETWORKS[name].module(SHAPES[name], 4)
    assert module.training
    for rows in (torch.zeros(2, *SHAPES[name], dtype=torch.uint8), torch.ones(2, *SHAPES[name])):
        scores = module(rows)
        assert scores.shape == (2, 4)
        assert scores.dtype == torch.float32


def test_he_initialization():
    torch = pytest.importorskip("torch")
    module = MLP(hidden=(300, 400)).module((500,), 100, seed=3)
    weights = [values.detach().numpy() for values in module.parameters() if values.ndim > 1]
    biases = [values.detach().numpy() for values in module.parameters() if values.ndim == 1]
    for weight, variance in zip(weights, (2 / 500, 2 / 300, 1 / 400), strict=True):
        error = weight.var() / variance - 1
        assert abs(error) < 5 * math.sqrt(2 / weight.size)
    assert not any(bias.any() for bias in biases)
    # So the mean square of what the layers receive neither grows nor shrinks.
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((200, 500)).astype(np.float32))
    hidden = module.hidden(x)
    assert 0.8 < hidden.square().mean().item() < 1.25


def test_survival_falls_linearly_to_that_of_the_last_block():
    pytest.importorskip("torch")
    module = ResNet(width=1, depth=2, stochastic_depth=0.6).module((1, 8, 8), 2)
    found = [block.survival for block in module.modules() if hasattr(block, "survival")]
    np.testing.assert_allclose(found, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def test_options_switch_layers_on():
    nn = pytest.importorskip("torch.nn")
    from halfspaces.networks.layers import FractionalMaxPool2d

    kinds = {
        "dropout": (nn.Dropout, {"dropout": 0.5}),
        "batch_norm": (nn.BatchNorm2d, {"batch_norm": True}),
        "fractional_pooling": (FractionalMaxPool2d, {"fractional_pooling": True}),
    }
    for kind, options in kinds.values():
        off = ResNet(width=1, batch_norm=False).module((1, 8, 8), 2)
        on = ResNet(width=1, **{"batch_norm": False, **options}).module((1, 8, 8), 2)
        assert not any(isinstance(layer, kind) for layer in off.modules())
        assert any(isinstance(layer, kind) for layer in on.modules())
