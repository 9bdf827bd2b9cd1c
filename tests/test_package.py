"""The package: the modules that importing it loads, its public names, and a loss of your own."""

import json
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from array_api_compat import array_namespace, device
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge

import halfspaces
from halfspaces import LinearClassifier
from halfspaces.losses.base import Loss
from halfspaces.testing import check_loss

SOURCE = Path(halfspaces.__file__).parent
X, Y = load_digits(return_X_y=True)

# --- imports -----------------------------------------------------------------------------------

# Rooms that the core needs none of; which room may import which is in test_architecture.py.
CLIENTS = {
    "callbacks",
    "cli",
    "convert",
    "datasets",
    "estimators",
    "export",
    "features",
    "files",
    "gradcheck",
    "plots",
    "testing",
    "tuning",
}


# What pictures, reports and loggers need.
PICTURES = {"matplotlib", "jinja2", "pydantic", "IPython", "tensorboardX", "mlflow", "wandb"}


SERVING = {"starlette", "uvicorn", "websockets", "anywidget", "IPython"}  # what the page needs


def imported_by(statement):
    """The modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def rooms_of(modules):
    return {name.split(".")[1] for name in modules if name.startswith("halfspaces.")}


def test_importing_the_package_imports_nothing_else():
    heavy = {
        "numpy",
        "scipy",
        "sklearn",
        "pandas",
        "rich",
        "typer",
        "torch",
        "matplotlib",
        "numba",
        "safetensors",
    }
    assert imported_by("import halfspaces") & (heavy | PICTURES | SERVING) == set()
    assert imported_by("import halfspaces.cli, halfspaces.page.session") & SERVING == set()


@pytest.mark.slow
def test_fitting_and_saving_load_nothing_that_draws():
    """Whoever asks for no picture, report or logger does not pay for them."""
    modules = imported_by(
        "import halfspaces\n"
        "model = halfspaces.LinearClassifier().fit([[0.0], [1.0]], [0, 1])\n"
        "model.result_._repr_html_(), model.result_.history"
    )
    assert modules & PICTURES == set()
    assert rooms_of(modules) & {"plots", "report", "callbacks", "files", "cli"} == set()
    assert imported_by("from halfspaces import load, save") & (PICTURES - {"pydantic"}) == set()


def test_the_core_needs_neither_scikit_learn_nor_its_clients():
    modules = imported_by("from halfspaces import minimize; import halfspaces.optimizers.choose")
    heavy = {"sklearn", "scipy.optimize", "pandas", "rich", "typer", "torch", "matplotlib"}
    assert modules & heavy == set()
    assert rooms_of(modules) & CLIENTS == set()


def test_the_estimator_adds_the_core_and_nothing_heavy():
    modules = imported_by("from halfspaces import LinearClassifier")
    assert rooms_of(modules) & CLIENTS == {"estimators", "tuning"}
    assert modules & {"typer", "torch", "matplotlib", "numba", "safetensors"} == set()


WITHOUT_TORCH = """
import sys
from importlib.abc import MetaPathFinder

class NoTorch(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch())
from halfspaces.cli import app
for words in (
    "train digits --strength 0.01 --checkpoint run --every 0 --out k --report k.html",
    "evaluate k.safetensors digits", "info k.safetensors", "export k.safetensors --to onnx",
):
    app(words.split(), standalone_mode=False)
import halfspaces.networks, halfspaces.page.session, halfspaces.testing
"""


@pytest.mark.slow
def test_linear_classifiers_need_no_torch(tmp_path):
    """Where torch is installed, an import that needs it would go unnoticed otherwise."""
    command = [sys.executable, "-c", WITHOUT_TORCH]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (run.returncode, run.stderr) == (0, "")


DOTTED = re.compile(r"(?<![\w/.-])halfspaces((?:\.[a-zA-Z]\w*)+)")
FETCH = """
import halfspaces, json, operator, sys
missing = []
for name in json.load(sys.stdin):
    try:
        operator.attrgetter(name)(halfspaces)
    except AttributeError:
        missing.append(name)
print(json.dumps(missing))
"""


@pytest.mark.slow
def test_names_in_documents_and_messages_are_there_after_import_halfspaces():
    root = Path(__file__).parents[1]
    files = [root / "README.md", *root.glob("docs/**/*.md"), *SOURCE.rglob("*.py")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    shown = [line for line in lines if not re.match(r"[\s>]*(from|import) ", line)]
    names = {name[1:] for line in shown for name in DOTTED.findall(line)}
    public = sorted(name for name in names if name.split(".")[0] in halfspaces._MODULES)
    assert "export.to_sklearn" in public
    command = [sys.executable, "-c", FETCH]
    run = subprocess.run(
        command, input=json.dumps(public), capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == []


def test_public_names():
    assert (
        {"LinearClassifier", "LinearClassifierCV", "minimize", "save", "load"}
        <= set(halfspaces.__all__)
        <= set(dir(halfspaces))
    )
    for name in halfspaces.__all__:
        assert callable(getattr(halfspaces, name))
    assert (SOURCE / "py.typed").is_file()
    shown = set(dir(halfspaces))
    assert {"datasets", "features", "penalties", "optimizers", "export", "plots"} <= shown
    assert {name for name in shown if name[0] != "_"} <= {*halfspaces.__all__, *halfspaces._MODULES}
    with pytest.raises(AttributeError, match="module 'halfspaces' has no attribute 'maximize'"):
        halfspaces.maximize  # noqa: B018


# --- a loss of your own --------------------------------------------------------------------------


@dataclass(frozen=True)
class Squares(Loss):
    """½ Σ (s − onehot)²: least squares."""

    shift_invariant: ClassVar[bool] = False

    def value_and_grad(self, scores, y):
        residual = scores - onehot(scores, y)
        return array_namespace(scores).sum(residual**2, axis=-1) / 2, residual

    def curvature(self, n_classes):
        return 1.0

    def conjugate(self, dual, y):
        return array_namespace(dual).sum((dual / 2 + onehot(dual, y)) * dual, axis=-1)


def onehot(scores, y):
    xp = array_namespace(scores)
    rows = xp.reshape(y, (-1, *(1 for _ in scores.shape[1:])))
    return xp.astype(rows == xp.arange(scores.shape[-1], device=device(scores)), scores.dtype)


def test_a_loss_of_your_own_is_one_class():
    check_loss(Squares())
    classifier = LinearClassifier(Squares(), strength=0.05, tol=1e-10, standardize=False).fit(X, Y)
    assert np.isfinite(classifier.result_.gap).all()
    ridge = Ridge(alpha=2 * 0.05 * len(Y)).fit(X, np.eye(10)[Y])
    np.testing.assert_allclose(classifier.coef_, ridge.coef_, atol=1e-6)
    np.testing.assert_allclose(classifier.intercept_, ridge.intercept_, atol=1e-4)
    copies: list[Any] = [clone(classifier), pickle.loads(pickle.dumps(classifier))]
    assert [copy.loss for copy in copies] == [Squares(), Squares()]
