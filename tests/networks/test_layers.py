"""The laws of layers and networks, and mutants that each of them must catch."""

# ruff: noqa: E402 (imports that need torch follow the check that it is there)

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from halfspaces.networks import MLP, ResNet
from halfspaces.networks.layers import FractionalMaxPool2d, Standardize, StochasticDepth
from halfspaces.testing import check_dropping, check_module, check_pooling
from halfspaces.testing.layers import DROPPING_LAWS, MODULE_LAWS, POOLING_LAWS

IMAGE = (2, 6, 7)
NETWORKS = {
    "mlp": (MLP(hidden=(4,)), (5,)),
    "mlp, everything on": (MLP(hidden=(4, 4), dropout=0.4, batch_norm=True), (5,)),
    "resnet": (ResNet(width=2, batch_norm=False), IMAGE),
    "resnet, batch norm": (ResNet(width=2), IMAGE),
    "resnet, stochastic depth": (ResNet(width=2, batch_norm=False, stochastic_depth=0.5), IMAGE),
    "resnet, fractional pooling": (
        ResNet(width=2, batch_norm=False, fractional_pooling=True),
        IMAGE,
    ),
    "resnet, everything on": (
        ResNet(width=2, dropout=0.4, stochastic_depth=0.5, fractional_pooling=True),
        IMAGE,
    ),
}


def marked(name):
    """Networks of images take longer; one with everything on stands for the others."""
    quick = name.startswith("mlp") or name.endswith("everything on")
    return pytest.param(name, marks=() if quick else pytest.mark.long)


@pytest.mark.parametrize("name", [marked(name) for name in NETWORKS])
def test_networks_obey_all_laws(name):
    network, shape = NETWORKS[name]
    check_module(network.module(shape, 3, seed=1), shape=shape)


LAYERS = {
    "stochastic depth": StochasticDepth(0.6),
    "pseudorandom": FractionalMaxPool2d(1.6),
    "random, overlapping": FractionalMaxPool2d(1.6, overlapping=True, draw="random"),
    "standardize": Standardize(IMAGE).set(0.3, 2.0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_obey_the_laws_of_modules(name):
    check_module(LAYERS[name], shape=IMAGE)


def test_dropout():
    check_dropping(nn.Dropout(0.3), shape=(4, 3), keep=0.7)


@pytest.mark.parametrize("survival", [0.2, 0.9])
def test_stochastic_depth(survival):
    check_dropping(StochasticDepth(survival), shape=(4, 3), keep=survival, unit="example")


@pytest.mark.parametrize("draw", ["pseudorandom", "random"])
@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize(("ratio", "size"), [(1.3, (8, 11)), (1.9, (7, 12)), (2.7, (16, 13))])
def test_fractional_pooling(ratio, size, overlapping, draw):
    layer = FractionalMaxPool2d(ratio, overlapping=overlapping, draw=draw)
    assert layer(torch.zeros(1, 1, *size)).shape[2:] == tuple(np.ceil(np.array(size) / ratio))
    check_pooling(layer, size=size, overlapping=overlapping)


def test_regions_have_one_or_two_positions_for_ratios_up_to_two():
    for length in range(1, 40):
        for ratio in (1.0, 1.1, 1.5, 2.0):
            starts, stops = FractionalMaxPool2d(ratio).regions(length)
            assert {stop - start for start, stop in zip(starts, stops, strict=True)} <= {1, 2}


class WrongMask(torch.autograd.Function):
    """Dropout whose backward pass draws another mask."""

    @staticmethod
    def forward(ctx, x):
        return x * (torch.rand_like(x) < 0.5) / 0.5

    @staticmethod
    def backward(ctx, slopes):
        return slopes * (torch.rand_like(slopes) < 0.5) / 0.5


class Mutant(nn.Module):
    """Dropout of half of the elements, with a bug where a subclass puts one."""

    def forward(self, x):
        return x * (torch.rand_like(x) < 0.5) / 0.5 if self.training else x


class OtherMaskInBackward(Mutant):
    def forward(self, x):
        return WrongMask.apply(x) if self.training else x


class NoMaskInBackward(Mutant):
    def forward(self, x):
        return x + (super().forward(x) - x).detach()


class MissingScaling(Mutant):
    def forward(self, x):
        return x * (torch.rand_like(x) < 0.5) if self.training else x


class ScaledAtInferenceToo(Mutant):
    def forward(self, x):
        return super().forward(x) * (1.0 if self.training else 0.5)


class ActiveAtInference(Mutant):
    def forward(self, x):
        return x * (torch.rand_like(x) < 0.5) / 0.5


class OneMaskForTheBatch(Mutant):
    def forward(self, x):
        return x * (torch.rand_like(x[:1]) < 0.5) / 0.5 if self.training else x


class MaskForEver(Mutant):
    def forward(self, x):
        if self.training and not hasattr(self, "mask"):
            self.mask = (torch.rand_like(x) < 0.5) / 0.5
        return x * self.mask if self.training else x


class DropsMore(Mutant):
    def forward(self, x):
        return x * (torch.rand_like(x) < 0.4) / 0.4 if self.training else x


class OwnGenerator(Mutant):
    def forward(self, x):
        noise = torch.from_numpy(np.random.default_rng().random(x.shape))
        return x * (noise < 0.5) / 0.5 if self.training else x


class DrawsAtInference(Mutant):
    def forward(self, x):
        torch.rand(1)
        return super().forward(x)


DROPPING_MUTANTS = [
    (MissingScaling, "law_inverted_scaling"),
    (MissingScaling, "law_expectation"),
    (ScaledAtInferenceToo, "law_inverted_scaling"),
    (ScaledAtInferenceToo, "law_expectation"),
    (ActiveAtInference, "law_inverted_scaling"),
    (OneMaskForTheBatch, "law_fresh_masks"),
    (MaskForEver, "law_fresh_masks"),
    (DropsMore, "law_kept"),
]


@pytest.mark.parametrize(("mutant", "law"), DROPPING_MUTANTS)
def test_mutants_of_dropout(mutant, law):
    with pytest.raises(AssertionError, match=f"^{law} is broken by"):
        DROPPING_LAWS[law](mutant(), shape=(5,), keep=0.5, unit="element")
    DROPPING_LAWS[law](Mutant(), shape=(5,), keep=0.5, unit="element")


def test_a_part_of_an_example_that_survives_is_caught():
    with pytest.raises(AssertionError, match="a part of an example"):
        DROPPING_LAWS["law_kept"](Mutant(), shape=(5,), keep=0.5, unit="example")


class StaleStatistics(nn.BatchNorm1d):
    def forward(self, x):
        return nn.functional.batch_norm(
            x,
            None if self.training else self.running_mean,
            None if self.training else self.running_var,
            self.weight,
            self.bias,
            self.training,
        )


class RunningOnesWhileTraining(nn.BatchNorm1d):
    def forward(self, x):
        super().forward(x)
        return nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False
        )


class BatchOnesAtInference(nn.BatchNorm1d):
    def forward(self, x):
        return nn.functional.batch_norm(x, None, None, self.weight, self.bias, training=True)


class ConstantStatistics(nn.BatchNorm1d):
    """The statistics are no part of the gradient."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        super().forward(x.detach())
        mean = x.detach().mean(0)
        return (x - mean) / (x.detach().var(0, unbiased=False) + self.eps).sqrt()


class MovesAtInference(nn.BatchNorm1d):
    def forward(self, x):
        self.running_mean.add_(x.mean(0).detach())
        return super().forward(x)


class WeightOfTwoAxes(nn.BatchNorm1d):
    def __init__(self, features):
        super().__init__(features)
        self.weight = nn.Parameter(torch.ones(1, features))


MODULE_MUTANTS = [
    (OtherMaskInBackward(), "law_gradient"),
    (NoMaskInBackward(), "law_gradient"),
    (ActiveAtInference(), "law_inference"),
    (OwnGenerator(), "law_seeded_noise"),
    (DrawsAtInference(), "law_inference"),
    (nn.FractionalMaxPool2d(2, output_ratio=0.6), "law_inference"),
    (StaleStatistics(5), "law_running_statistics"),
    (RunningOnesWhileTraining(5), "law_running_statistics"),
    (RunningOnesWhileTraining(5), "law_seeded_noise"),
    (BatchOnesAtInference(5), "law_row_by_row"),
    (ConstantStatistics(5), "law_gradient"),
    (MovesAtInference(5), "law_inference"),
    (WeightOfTwoAxes(5), "law_decayed"),
]


@pytest.mark.parametrize(
    ("mutant", "law"), MODULE_MUTANTS, ids=lambda each: getattr(each, "__name__", None)
)
def test_mutants_of_modules(mutant, law):
    shape = IMAGE if isinstance(mutant, nn.FractionalMaxPool2d) else (5,)
    with pytest.raises(AssertionError, match=f"^{law} is broken by"):
        MODULE_LAWS[law](mutant, shape=shape)


@pytest.mark.parametrize("law", MODULE_LAWS)
def test_modules_without_the_bugs_obey(law):
    for module in (Mutant(), nn.BatchNorm1d(5)):
        MODULE_LAWS[law](module, shape=(5,))


class MissesARow(FractionalMaxPool2d):
    def regions(self, length):
        starts, stops = super().regions(length)
        return starts, [*stops[:-1], max(stops[-1] - 1, starts[-1] + 1)]


class BeginsLate(FractionalMaxPool2d):
    def regions(self, length):
        starts, stops = super().regions(length)
        return [1, *starts[1:]], [max(stops[0], 2), *stops[1:]]


class UnevenRegions(FractionalMaxPool2d):
    def regions(self, length):
        count = -int(-length // self.ratio)
        edges = [*range(count), length]
        return edges[:-1], edges[1:]


class AlwaysTheSame(FractionalMaxPool2d):
    def forward(self, x):
        return FractionalMaxPool2d(self.ratio).eval()(x)


class RandomAtInference(FractionalMaxPool2d):
    def forward(self, x):
        return FractionalMaxPool2d(self.ratio).train()(x)


class FirstOfARegion(FractionalMaxPool2d):
    def forward(self, x):
        rows, columns = (self.regions(length)[0] for length in x.shape[2:])
        return x[:, :, rows][:, :, :, columns]


POOLING_MUTANTS = [
    (MissesARow(1.6), "law_regions"),
    (BeginsLate(1.6), "law_regions"),
    (UnevenRegions(1.6), "law_regions"),
    (FractionalMaxPool2d(1.6, overlapping=True), "law_regions"),
    (AlwaysTheSame(1.6), "law_drawn_anew"),
    (RandomAtInference(1.6), "law_drawn_anew"),
    (FirstOfARegion(1.6), "law_regions"),
]


@pytest.mark.parametrize(("mutant", "law"), POOLING_MUTANTS)
def test_mutants_of_pooling(mutant, law):
    with pytest.raises(AssertionError, match=f"^{law} is broken by"):
        POOLING_LAWS[law](mutant, size=(8, 11), overlapping=False)


def test_a_wrong_maximum_is_caught():
    class Mean(FractionalMaxPool2d):
        def forward(self, x):
            pooled = super().forward(x)
            return torch.where(x.std() > 1.5, pooled, -super().forward(-x))

    with pytest.raises(AssertionError, match=r"^law_maximum is broken by"):
        POOLING_LAWS["law_maximum"](Mean(1.6).eval(), size=(8, 11), overlapping=False)


def test_standardize_takes_rows_as_they_are_stored():
    mean = np.arange(6.0).reshape(2, 3)
    layer = Standardize((2, 3)).set(mean, 4.0)
    rows = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for stored in (rows, rows.astype(np.float64)):
        found = layer(torch.from_numpy(stored))
        assert found.dtype == torch.float32
        np.testing.assert_array_equal(found.numpy(), ((rows - mean) / 4).astype(np.float32))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (
            lambda: Standardize((3,)).set(0.0, [1.0, 0.0, 1.0]),
            "Standardize.set(scale=...) must be above 0, got 0;"
            " give 1 for features that do not vary.",
        ),
        (
            lambda: Standardize((3,)).set([1.0, 2.0], 1.0),
            "Standardize.set(mean=...) has shape (2,), which does not broadcast to that of an"
            " example, (3,).",
        ),
        (
            lambda: StochasticDepth(0),
            "StochasticDepth(survival=...) must be above 0, got 0.",
        ),
        (
            lambda: StochasticDepth(1.5),
            "StochasticDepth(survival=...) must be at most 1, got 1.5.",
        ),
        (
            lambda: FractionalMaxPool2d(0.5),
            "FractionalMaxPool2d(ratio=...) must be at least 1, got 0.5.",
        ),
    ],
)
def test_bad_options_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        build()
