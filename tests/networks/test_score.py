"""Torch modules as score functions: laws, deliberate mistakes, bad modules."""

from dataclasses import replace

import numpy as np
import pytest

from halfspaces.gradcheck.check import check_gradient
from halfspaces.losses import LOSSES
from halfspaces.objective import Objective, Request
from halfspaces.optimizers import LBFGS, SGD, Adam, GradientDescent
from halfspaces.penalties import L1, L2, ElasticNet, MaxNorm, NoPenalty
from halfspaces.proofs.minimize import minimize
from halfspaces.rows.blocks import Blocks, BlockSizes
from halfspaces.testing import check_penalty, check_score
from halfspaces.testing.scores import LAWS

torch = pytest.importorskip("torch")
nn = torch.nn

from halfspaces.networks import MLP, ResNet  # noqa: E402
from halfspaces.networks.checked import checked_score  # noqa: E402
from halfspaces.networks.score import TorchScore  # noqa: E402

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((24, 6))
IMAGES = RNG.standard_normal((6, 3 * 12 * 12))
Y = np.arange(24) % 3

NETWORKS = {
    "mlp": (MLP((5,)), (6,), TABLE),
    "mlp with dropout and batch norm": (MLP((5, 4), dropout=0.3, batch_norm=True), (6,), TABLE),
    "resnet": (ResNet(width=2, batch_norm=False), (3, 12, 12), IMAGES),
    "resnet with everything": (
        ResNet(2, dropout=0.3, stochastic_depth=0.5, fractional_pooling=True),
        (3, 12, 12),
        IMAGES,
    ),
}


def score_of(name):
    recipe, shape, X = NETWORKS[name]
    module = recipe.module(shape, 3, seed=1).double()
    return checked_score(module, X[:6], 3, shape), X


def objective_of(score, penalty=None, y=Y, X=TABLE, loss="softmax"):
    blocks = Blocks(X, y, n_jobs=1, sizes=BlockSizes(least_rows=64, most_rows=64))
    penalty = score.by_layer(penalty) if penalty else NoPenalty()
    return Objective(LOSSES[loss], penalty, blocks, 3, score_function=score)


def marked(name):
    """Networks of images take longer."""
    return pytest.param(name, marks=pytest.mark.slow if name.startswith("resnet") else ())


@pytest.mark.parametrize("name", [marked(name) for name in NETWORKS])
def test_laws_of_ready_made_networks(name):
    score, X = score_of(name)
    check_score(score, X)


@pytest.mark.long
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_for_every_loss(name, loss):
    score, X = score_of(name)
    check_score(score, X, loss=LOSSES[loss], seed=2)


@pytest.mark.parametrize("name", ["mlp", "resnet with everything"])
def test_draws_are_found(name):
    assert score_of(name)[0].draws == (name != "mlp")


class SharedGradients(nn.Module):
    """Two pairs of parameters with one gradient each, which torch returns as one tensor."""

    def __init__(self):
        super().__init__()
        self.one, self.other = (nn.Parameter(torch.zeros(3, 4).double()) for _ in range(2))
        self.first, self.second = (nn.Parameter(torch.zeros(3).double()) for _ in range(2))

    def forward(self, x):
        return x @ (self.one + self.other).T + (self.first + self.second)


def test_gradients_that_share_memory_are_summed_apart():
    X = np.random.default_rng(0).normal(size=(200, 4))  # so many that sums of blocks are added
    check_score(TorchScore(SharedGradients(), (4,), draws=False), X)


class NoiseAtInference(TorchScore):
    def at(self, W, dtype, draw=None, gradient=True):
        return super().at(W, dtype, 7 if draw is None else draw, gradient)


class AnotherMask(TorchScore):
    """The gradient of another draw than that of the value."""

    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)
        other = super().at(W, dtype, None if draw is None else draw + 1, gradient)

        def forward(block):
            return at.forward(block)._replace(pull=other.forward(block).pull)

        return at._replace(forward=forward)


class NewNoiseEachTime(TorchScore):
    count = 0

    def at(self, W, dtype, draw=None, gradient=True):
        NewNoiseEachTime.count += 1
        return super().at(W, dtype, None if draw is None else self.count, gradient)


class WrongScale(TorchScore):
    def pullback(self, sums, factor, shape):
        return 2 * super().pullback(sums, factor, shape)


class ChangesW(TorchScore):
    def at(self, W, dtype, draw=None, gradient=True):
        if draw is not None:
            W[-1] += 1
        return super().at(W, dtype, draw, gradient)


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (NoiseAtInference, "law_rows"),
        (AnotherMask, "law_gradient"),
        (NewNoiseEachTime, "law_draws"),
        (WrongScale, "law_gradient"),
        (ChangesW, "law_state"),
    ],
)
def test_laws_catch_mistakes(mutant, law):
    score, X = score_of("mlp with dropout and batch norm")
    wrong = mutant(score.module, score.input_shape, draws=True)
    with pytest.raises(AssertionError, match=law):
        LAWS[law](wrong, X=X, n_classes=3, loss=LOSSES["softmax"])


class StaleStatistics(TorchScore):
    """Statistics that are never moved."""

    def at(self, W, dtype, draw=None, gradient=True):
        at = super().at(W, dtype, draw, gradient)
        return at._replace(statistics=W[self.layout.n_trained :].copy)


@pytest.mark.parametrize("kind", [TorchScore, StaleStatistics])
def test_running_statistics_become_those_of_the_batch(kind):
    """In the limit of many passes over one batch, inference is training without other noise."""
    module = MLP((5,), batch_norm=True).module((6,), 3).double()
    score = kind(module, (6,), draws=True)
    objective = objective_of(score)
    W = objective.initial()
    for _ in range(300):
        trained = objective.evaluate(Request(W, draw=0))
        W[score.layout.n_trained :] = trained.statistics
    difference = objective.evaluate(Request(W)).total - trained.total
    # Running variances are unbiased, those of a batch are not.
    assert (abs(difference) < 0.01) == (kind is TorchScore)


@pytest.mark.parametrize("penalty", [L2(0.1), L1(0.1), ElasticNet(0.1, 0.5), MaxNorm(0.5)])
def test_penalties_see_weights_alone(penalty):
    score, _ = score_of("mlp with dropout and batch norm")
    penalized = score.by_layer(penalty)
    W = score.initial(1, 3)
    n = score.layout.n_penalized
    moved = W.copy()
    moved[n:] += 1
    assert penalized.value(W[:-1]) == penalized.value(moved[:-1])
    assert np.array_equal(penalized.prox(moved, 0.3)[n:], moved[n:])
    tensors = score.layout.unpack(penalized.prox(10 * W, 0.3))
    names = [part.name for part in score.layout.weights]
    assert all(tensors[name].ndim >= 2 for name in names)
    if isinstance(penalty, MaxNorm):
        assert max(tensors[name].norm(dim=1).max() for name in names) <= 0.5 + 1e-12
    if penalized.smooth:
        report = check_gradient(lambda V: penalized.value(V)[0], penalized.gradient, W)
        assert all(c.outcome != "wrong" for c in report.coordinates)


def test_a_layered_penalty_obeys_the_laws_of_penalties():
    score, _ = score_of("mlp")
    by_layer = score.by_layer(MaxNorm(0.5))
    W = np.random.default_rng(0).standard_normal((score.layout.n_rows - 1, 1, 1))
    assert np.isinf(by_layer.value(10 * W))
    assert by_layer.value(by_layer.prox(W, 1.0)) == 0
    check_penalty(MaxNorm(0.5))


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, epochs=2, batch_size=8), SGD(0.01, Adam(), epochs=2)]
)
def test_a_resumed_run_has_the_same_bits(optimizer):
    score, _ = score_of("mlp with dropout and batch norm")
    objective = objective_of(score, L2(0.01))
    whole = minimize(objective, optimizer)
    half = minimize(objective, optimizer, max_passes=0.9)
    assert np.array_equal(minimize(objective, optimizer, resume=half).W, whole.W)
    statistics = whole.W[score.layout.n_trained :]
    assert not np.array_equal(statistics, objective.initial()[score.layout.n_trained :])


def test_sgd_is_that_of_torch():
    """Without noise, ten epochs of momentum have the weights of torch.optim.SGD."""
    module = MLP((5,)).module((6,), 3, seed=0).double()
    score = checked_score(module, TABLE[:6], 3, (6,))
    objective = objective_of(score, L2(0.01))
    ours = minimize(objective, GradientDescent(0.1, "momentum"), max_passes=10)
    weights = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": 0.02}, {"params": others}]
    theirs = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for _ in range(10):
        theirs.zero_grad()
        nn.functional.cross_entropy(module(torch.tensor(TABLE)), torch.tensor(Y)).backward()
        theirs.step()
    tensors = score.layout.unpack(ours.W)
    for name, parameter in module.named_parameters():
        np.testing.assert_allclose(tensors[name], parameter.detach(), rtol=1e-10, atol=1e-12)


class SkipsABranch(nn.Module):
    """A residual branch that is skipped for the whole minibatch, as stochastic depth began."""

    def __init__(self):
        super().__init__()
        self.branch = nn.Linear(6, 6)
        self.scores = nn.Linear(6, 3)

    def forward(self, x):
        if self.training and torch.rand(()) < 0.5:
            return self.scores(x)
        return self.scores(x + self.branch(x))


def test_a_branch_that_is_skipped_has_no_gradient():
    score = checked_score(SkipsABranch().double(), TABLE[:6], 3, (6,))
    check_score(score, TABLE)
    objective = objective_of(score)
    gradients = [
        objective.evaluate(Request(score.initial(1, 3), draw=draw)).gradient for draw in range(8)
    ]
    branch = [gradient[:36].any() for gradient in gradients]  # its weights come first
    assert any(branch)
    assert not all(branch)


def test_lbfgs_needs_scores_without_noise():
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    score = checked_score(module, TABLE[:6], 3, (6,))
    result = minimize(objective_of(score, L2(0.01)), LBFGS(), tol=1e-3)
    assert result.converged
    assert not np.isfinite(result.gap)
    noisy, _ = score_of("mlp with dropout and batch norm")
    with pytest.raises(ValueError, match="draws noise anew for each; use SGD"):
        minimize(objective_of(noisy), LBFGS())


def test_steps_of_networks_are_given():
    score, _ = score_of("mlp")
    with pytest.raises(ValueError, match="SGD by Momentum has no default step size"):
        minimize(objective_of(score), SGD())
    with pytest.raises(TypeError, match="TorchScore is not linear in W"):
        _ = objective_of(score).linear


def test_a_last_minibatch_of_one_example():
    score, _ = score_of("mlp with dropout and batch norm")
    objective = objective_of(score, y=Y[:17], X=TABLE[:17])
    result = minimize(objective, SGD(0.1, batch_size=8, epochs=2))
    assert np.isfinite(result.W).all()


def test_the_module_stays_as_it_is():
    module = MLP((5,), dropout=0.5, batch_norm=True).module((6,), 3).double()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state = torch.get_rng_state()
    score = checked_score(module, TABLE[:6], 3, (6,))
    minimize(objective_of(score), SGD(0.1, epochs=2))
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(module.state_dict()[name], before[name]) for name in before)


class Returns(nn.Module):
    """Scores that a function makes of those of a linear layer."""

    def __init__(self, change):
        super().__init__()
        self.linear = nn.Linear(6, 3)
        self.spare = nn.Linear(3, 3) if change is None else None
        self.change = change

    def forward(self, x):
        scores = self.linear(x)
        return scores if self.change is None else self.change(scores)


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (Returns(lambda s: s[:, :2]), r"returns scores of shape \(4, 2\) for 4 examples"),
        (Returns(lambda s: s.sum()), r"returns scores of shape \(\)"),
        (Returns(lambda s: s * float("nan")), "returns NaN or infinity"),
        (
            Returns(lambda s: s.detach()),
            "have no gradient in the module's parameter 'linear.weight'",
        ),
        (Returns(None), "parameter 'spare.weight': it is not used"),
        (nn.Linear(5, 3), r"cannot compute scores of examples of shape \(4, 6\)"),
        (nn.Flatten(), "has no parameters to train"),
        (nn.Linear(6, 3).half(), "float16; use float32"),
    ],
)
def test_bad_modules(module, sentence):
    with pytest.raises(ValueError, match=sentence):
        checked_score(module, TABLE[:4].astype(np.float32), 3, (6,))


def test_no_module():
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module, got dict"):
        checked_score({}, TABLE[:4], 3, (6,))
    with pytest.raises(ValueError, match=r"\(2, 2\) has 4 values, but a row of X has 6"):
        checked_score(nn.Linear(6, 3), TABLE[:4], 3, (2, 2))


def test_frozen_parameters_are_not_part_of_W():
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    module[0].requires_grad_(False)
    score = checked_score(module, TABLE[:6], 3, (6,))
    assert score.layout.n_rows == 5 * 3 + 3
    result = minimize(objective_of(score), SGD(0.1, epochs=1))
    assert torch.equal(score.module_of(result.W)[0].weight, module[0].weight)


def test_weights_of_examples():
    score, _ = score_of("mlp")
    weight = np.where(np.arange(24) < 5, 2.0, 1.0)
    twice = np.concatenate([np.arange(24), np.arange(5)])
    weighted = objective_of(score)
    weighted = replace(weighted, blocks=replace(weighted.blocks, weight=weight))
    repeated = objective_of(score, X=TABLE[twice], y=Y[twice])
    W = score.initial(1, 3)
    ours, theirs = (o.evaluate(Request(W)).gradient for o in (weighted, repeated))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-14)
