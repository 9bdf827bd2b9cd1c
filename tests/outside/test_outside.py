"""Components from outside, a file each:
laws, classifier, grid, model file, run file and command line take them.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.cli import plugins
from halfspaces.datasets import FORMATS
from halfspaces.features import FEATURES
from halfspaces.files import run_file
from halfspaces.files.safetensors_file import ModelFileError
from halfspaces.losses import LOSSES
from halfspaces.optimizers import OPTIMIZERS, SGD, UPDATE_RULES
from halfspaces.penalties import PENALTIES
from halfspaces.testing import (
    check_engine,
    check_feature,
    check_loss,
    check_optimizer,
    check_penalty,
)
from halfspaces.tuning.grid import fold_objectives, solve_grid
from tests.helpers import DIGITS, accuracy
from tests.outside.outside_engine import InTurn

HERE = Path(__file__).parent
REGISTRIES = {
    "loss": (LOSSES, "tempered_softmax"),
    "penalty": (PENALTIES, "half_squares"),
    "optimizer": (OPTIMIZERS, "halving"),
    "update_rule": (UPDATE_RULES, "averaged_gradient"),
    "feature": (FEATURES, "negative"),
}
OPTIONS = {
    "loss": "--loss tempered_softmax",
    "penalty": "--penalty half_squares",
    "optimizer": "--optimizer halving",
    "feature": "--features negative",
    "update_rule": "--optimizer sgd --update-rule averaged_gradient --epochs 2",
}
X = DIGITS.X[:300]
Y = DIGITS.y[:300]


def plugin(kind):
    return HERE / f"outside_{kind}.py"


@pytest.fixture
def unregistered():
    """The registries as they are without plugins; they are so again afterwards."""
    rows = [(registry, dict(registry)) for registry, _ in REGISTRIES.values()]
    names = [name for name in sys.modules if name.startswith("halfspaces_plugin_")]
    for registry, name in REGISTRIES.values():
        registry.pop(name, None)
    for name in names:
        del sys.modules[name]
    yield
    for registry, before in rows:
        registry.clear()
        registry.update(before)
    for name in [name for name in sys.modules if name.startswith("halfspaces_plugin_")]:
        del sys.modules[name]


@pytest.fixture
def registered(unregistered):
    for kind in REGISTRIES:
        plugins.load_file(plugin(kind))


@pytest.mark.slow
@pytest.mark.usefixtures("registered")
def test_laws():
    check_loss(LOSSES["tempered_softmax"])
    check_penalty(PENALTIES["half_squares"](0.5))
    check_penalty(PENALTIES["half_squares"]((0.1, 2.0)))
    check_optimizer(OPTIMIZERS["halving"](), converges=False)
    check_feature(FEATURES["negative"]())
    check_optimizer(SGD(update_rule="averaged_gradient", batch_size=7, epochs=3))


class InReverse(InTurn):
    """A mistake: the results of a pass in another order."""

    def results(self, visits):
        return reversed(list(super().results(visits)))


@pytest.mark.slow
def test_laws_of_an_engine():
    check_engine(InTurn())
    with pytest.raises(AssertionError, match="law_evaluations is broken by"):
        check_engine(InReverse())


def fitted(**options):
    return LinearClassifier(**{"strength": 0.01, "tol": 0.01, **options}).fit(X, Y)


@pytest.mark.usefixtures("registered")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "tempered_softmax"},
        {"penalty": "half_squares"},
        {"optimizer": "halving"},
    ],
    ids=str,
)
def test_a_classifier_takes_it_by_name_and_by_value_and_comes_back_from_a_file(options, tmp_path):
    ((option, name),) = options.items()
    registry, _ = REGISTRIES[option]
    value = registry[name]
    instance = value if option == "loss" else value(0.01) if option == "penalty" else value()
    given = {option: instance} | ({"strength": None} if option == "penalty" else {})
    by_name = fitted(**options)
    by_value = fitted(**given)
    assert np.array_equal(by_name.coef_, by_value.coef_)
    for number, classifier in enumerate((by_name, by_value)):
        path = tmp_path / f"{number}.safetensors"
        halfspaces.save(classifier, path)
        loaded = halfspaces.load(path)
        assert repr(loaded.get_params()) == repr(classifier.get_params())
        assert np.array_equal(loaded.decision_function(X), classifier.decision_function(X))


@pytest.mark.usefixtures("registered")
def test_the_penalty_means_what_it_says():
    ours = fitted(strength=0.02, penalty="half_squares", tol=1e-5)
    l2 = fitted(strength=0.01, tol=1e-5)
    assert ours.result_.loss == pytest.approx(l2.result_.loss, rel=2e-5)  # each within 1e-5


def with_the_optimizer():
    """The outside optimizer, which is looked up when this is called."""
    return OPTIMIZERS["halving"]()


def with_the_update_rule():
    """SGD by the outside update rule, which is looked up when this is called."""
    return SGD(update_rule="averaged_gradient", epochs=5)


@pytest.mark.usefixtures("registered")
def test_a_model_file_holds_an_update_rule(tmp_path):
    classifier = fitted(optimizer=with_the_update_rule())
    halfspaces.save(classifier, tmp_path / "model.safetensors")
    loaded = halfspaces.load(tmp_path / "model.safetensors")
    assert loaded.optimizer == classifier.optimizer
    assert np.array_equal(loaded.coef_, classifier.coef_)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("make", [with_the_optimizer, with_the_update_rule])
def test_a_grid_of_strengths_and_folds_is_solved_by_it(make):
    objective = LinearClassifier().objective(X, Y)
    rows = np.arange(objective.n_examples)
    members = fold_objectives(objective, [rows[rows % 2 == part] for part in range(2)])
    grid = solve_grid(members, [0.1, 0.01], make(), max_passes=30)
    assert grid.W.shape == (65, 2, 3, 10)
    at_zero = objective.loss.chance_value(10)
    assert np.all(grid.loss < 0.8 * at_zero)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("options", [{"loss": "tempered_softmax"}, {"penalty": "half_squares"}])
def test_a_grid_takes_it(options, tmp_path):
    search = LinearClassifierCV(strengths=3, cv=2, tol=0.05, **options).fit(X, Y)
    assert search.score(X, Y) > 0.9
    halfspaces.save(search, tmp_path / "model.safetensors")
    assert halfspaces.load(tmp_path / "model.safetensors").score(X, Y) == search.score(X, Y)


@pytest.mark.usefixtures("registered")
def test_a_grid_takes_rows_of_a_feature_and_a_model_file_holds_it(tmp_path):
    images = X.reshape(-1, 8, 8)
    feature = FEATURES["negative"]()
    rows = feature.fit_transform(images)
    search = LinearClassifierCV(strengths=[0.1, 0.01], cv=2, tol=0.05).fit(rows, Y)
    assert search.score(rows, Y) > 0.9
    halfspaces.save(search, tmp_path / "model.safetensors", features=feature)
    loaded = halfspaces.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.features_.transform(images), rows)


@pytest.mark.usefixtures("unregistered")
@pytest.mark.parametrize("kind", REGISTRIES)
def test_the_command_line_takes_it_by_plugin_and_a_run_file_only_names_it(
    kind, run, refused, tmp_path
):
    registry, name = REGISTRIES[kind]
    model = tmp_path / "model.safetensors"
    given = [*OPTIONS[kind].split(), "--strength", "0.01", "--max-passes", "60"]
    refused(["train", "digits", *given], name, "is not known: ")
    ended = run("train", "digits", *given, "--plugin", plugin(kind), "--out", model)
    assert ended.code == 0, ended
    assert accuracy(ended.out, "test") > 0.8
    text = run_file.read(tmp_path / "model.run.toml")
    assert "plugin" not in text.partition("[made]")[0]
    del registry[name]
    del sys.modules[f"halfspaces_plugin_outside_{kind}"]
    refused(["train", "--run", tmp_path / "model.run.toml"], name, "is not known: ")
    if kind != "update_rule" or "component" in str(halfspaces.files.safetensors_file.read(model)):
        with pytest.raises(ModelFileError, match="not registered; give --plugin FILE, or import"):
            halfspaces.load(model)
        refused(["info", model], "not registered; give --plugin FILE")
    again = tmp_path / "again.safetensors"
    source = ["--run", tmp_path / "model.run.toml", "--plugin", plugin(kind)]
    ended = run("train", *source, "--out", again)
    assert ended.code == 0, ended
    for command in (["evaluate", again, "digits"], ["info", again], ["predict", again, "digits"]):
        assert run(*command, "--plugin", plugin(kind)).code == 0
    assert np.array_equal(halfspaces.load(model).coef_, halfspaces.load(again).coef_)


@pytest.mark.usefixtures("unregistered")
def test_a_plugin_that_cannot_be_imported_is_one_sentence(refused, tmp_path):
    refused(["train", "digits", "--plugin", tmp_path / "no.py"], "no.py is no Python file; give")
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_like_this")
    refused(
        ["train", "digits", "--plugin", broken],
        "broken.py cannot be imported (ModuleNotFoundError: No module named 'nothing_like_this')",
        "mend it or leave it out.",
    )


@pytest.mark.slow
def test_an_installed_package_is_found_by_its_entry_point(tmp_path):
    (tmp_path / "my_plugin.py").write_text(plugin("loss").read_text())
    info = tmp_path / "my_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[halfspaces.plugins]\nmine = my_plugin\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "sys.argv = ['halfspaces', 'train', 'digits', '--loss', 'tempered_softmax',"
        " '--strength', '0.1', '--max-passes', '5']\n"
        "from halfspaces.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_the_command_line_reads_a_format_of_a_plugin(run, refused, tmp_path):
    FORMATS.pop("numbers", None)  # the doctests of its module may have registered it
    path = tmp_path / "digits.numbers"
    np.savetxt(path, np.column_stack([Y, X]), fmt="%d")
    model = tmp_path / "model.safetensors"
    again = tmp_path / "again.safetensors"
    refused(["train", path, "--strength", "0.1"], "digits.numbers is no data set")
    loaded = ["--plugin", plugin("format")]
    try:
        ended = run("train", path, "--strengths", "3", "--folds", "2", "--out", model, *loaded)
        assert ended.code == 0, ended
        assert "300 examples" in ended.out
        repeated = run("train", "--run", tmp_path / "model.run.toml", "--out", again, *loaded)
        assert repeated.code == 0, repeated
        assert run("evaluate", model, path, *loaded).code == 0
        dataset = halfspaces.datasets.open(path)
        assert LinearClassifier(strength=0.1).fit(dataset.X, dataset.y).score(X, Y) > 0.9
    finally:
        FORMATS.pop("numbers", None)
        sys.modules.pop("halfspaces_plugin_outside_format", None)
    assert np.array_equal(halfspaces.load(model).coef_, halfspaces.load(again).coef_)
