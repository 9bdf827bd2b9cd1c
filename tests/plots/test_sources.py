"""Every Display, from every source, on every kind of problem: a picture, or one clear sentence."""

import re
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from halfspaces import LinearClassifier, LinearClassifierCV, load, minimize, plots, save
from halfspaces.features import HOG, BagOfWords, Patches, RawPatches
from halfspaces.optimizers import LBFGS, SGD
from halfspaces.penalties.l2 import L2
from halfspaces.tuning.race import Entry, Race
from tests.plots.readable import law_readable

RNG = np.random.default_rng(0)
MEMBER = 2  # of the stack


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows with labels, the images that they were computed from, and a classifier of them."""

    X: np.ndarray
    y: np.ndarray
    notes: dict
    images: np.ndarray | None = None
    feature: object = None
    loss: str = "softmax"

    @cached_property
    def unfitted(self):
        return LinearClassifier(self.loss, strength=0.1, tol=1e-2, verbose=-1)

    @cached_property
    def estimator(self):
        return self.unfitted.fit(self.X, self.y)

    @cached_property
    def search(self):
        search = LinearClassifierCV(self.loss, strengths=[1.0, 0.1], cv=2, tol=1e-2, verbose=-1)
        return search.fit(self.X, self.y)

    @cached_property
    def objective(self):
        return self.unfitted.objective(self.X, self.y)

    @cached_property
    def stack(self):
        """The objective and the result of three strengths at once."""
        objective = self.objective.with_penalty(L2((1.0, 0.3, 0.1)))
        return objective, minimize(objective, LBFGS(), objective.zeros(3), max_passes=20)


def _images(count, channels):
    """Small images of three classes: a bright square at another place in each."""
    images = RNG.integers(0, 60, (count, 16, 16, channels), np.uint8)
    y = np.arange(count) % 3
    for label in range(3):
        images[y == label, 4 * label : 4 * label + 6, 4:10] += 150
    return images, y


def _table():
    X, y = load_breast_cancer(return_X_y=True)
    return Problem(X[:120], y[:120], {"class_names": ["malignant", "benign"]})


def _hinge():
    X, y = load_breast_cancer(return_X_y=True)
    return Problem(X[:60, :6], y[:60], {}, loss="hinge")


def _pixels():
    X, y = load_digits(return_X_y=True)
    images = X[:200].reshape(-1, 8, 8)
    return Problem(X[:200], y[:200], {"image_shape": (8, 8)}, images)


def _planes():
    images, y = _images(36, 3)
    rows = images.transpose(0, 3, 1, 2).reshape(36, -1)
    return Problem(rows, y, {"image_shape": (16, 16, 3), "planar": True}, images)


def _described(feature):
    images, y = _images(36, 3)
    return Problem(feature.fit_transform(images), y, {}, images, feature)


PROBLEMS = {
    "table of two classes": _table,
    "hinge": _hinge,
    "pixels of ten classes": _pixels,
    "planes of colour": _planes,
    "hog": lambda: _described(HOG(cell=8)),
    "patches": lambda: _described(Patches(n=12, size=4)),
    "words": lambda: _described(BagOfWords(RawPatches(size=4), n=6)),
}
ROWS = ("table of two classes", "hinge", "pixels of ten classes")
problem_of = cache(lambda name: PROBLEMS[name]())

KINDS = {
    display.kind: display
    for display in (getattr(plots, name) for name in plots.__all__ if name.endswith("Display"))
}
RUNNERS = {"L-BFGS": LBFGS(), "SGD": SGD(step_size=1e-2, epochs=2)}
OPTIONS = {
    "step-sizes": {"steps": (1e-4, 1e-2, 1e4), "epochs": 2},
    "race": {"optimizers": RUNNERS, "passes": 5},
    "learning-curve": {"sizes": 2, "repeats": 1},
    "sparsity": {"strengths": 4},
    "occam": {"strengths": [1.0, 0.1]},
}
ENTRIES = [
    Entry(name, 8, np.float64(np.arange(4) < k), np.ones(4), 0.1, 0.0)
    for k, name in enumerate("ab")
]
OF_RESULTS = {"loss-curve", "race", "path", "learning-curve", "occam"}  # without an objective


def _saved(problem, folder):
    path = folder / "m.safetensors"
    save(problem.estimator, path, features=problem.feature, **problem.notes)
    return load(path)


def _from_model(kind, problem, model):
    X, y = problem.X, problem.y
    options = dict(OPTIONS.get(kind, {}))
    if kind in ("loss-curve", "path", "candidates"):
        return KINDS[kind].from_estimator(model)
    if kind == "occam":
        return KINDS[kind].from_estimator(model, X[::2], y[::2], X[1::2], y[1::2], **options)
    if kind == "templates":
        shown = {} if hasattr(model, "notes_") else _shown(problem)
        return KINDS[kind].from_estimator(model, **shown)
    if kind in ("mistakes", "scores"):
        options["images"] = problem.images
    return KINDS[kind].from_estimator(model, X, y, **options)


def _shown(problem):
    shown = dict(problem.notes)
    return shown if problem.feature is None else {"feature": problem.feature}


def _from_result(kind, problem, objective, result, member):
    if kind == "race":
        return KINDS[kind].from_result({"run": result})
    if kind == "candidates":
        return KINDS[kind].from_result(Race(tuple(ENTRIES), {}, ("a", "b")))
    if kind == "path":
        return KINDS[kind].from_result(problem.search.cv_results_)
    if kind in OF_RESULTS:
        return KINDS[kind].from_result(result)
    options = OPTIONS.get(kind, {}) if kind != "templates" else _shown(problem)
    return KINDS[kind].from_result(result, objective, member=member, **options)


SOURCES = {
    "estimator": lambda kind, problem, _: _from_model(kind, problem, problem.estimator),
    "search": lambda kind, problem, _: _from_model(kind, problem, problem.search),
    "saved": lambda kind, problem, folder: _from_model(kind, problem, _saved(problem, folder)),
    "result": lambda kind, problem, _: _from_result(
        kind, problem, problem.objective, problem.estimator.result_, 0
    ),
    "stack": lambda kind, problem, _: _from_result(kind, problem, *problem.stack, MEMBER),
}

A_RESULT = ("result", "stack")
REFUSED = [
    ("loss-curve", ("saved",), list(PROBLEMS), "no history of its training; give a classifier"),
    ("path", ("estimator", "saved"), list(PROBLEMS), "has not compared strengths; give a fitted"),
    ("candidates", ("estimator", "search", "saved"), list(PROBLEMS), "has raced nothing; give"),
    ("learning-curve", A_RESULT, list(PROBLEMS), "needs fits to parts of the rows; use"),
    ("occam", A_RESULT, list(PROBLEMS), "needs one with each λ; use"),
    ("calibration", list(SOURCES), ["hinge"], "gives no probabilities"),
]


def _refusal(kind, source, problem):
    found = [words for k, s, p, words in REFUSED if k == kind and source in s and problem in p]
    return next(iter(found), None)


def _marks(source):
    return pytest.mark.slow if source in ("saved", "stack") else pytest.mark.long


def _cases():
    """All kinds, sources and problems; images matter to the kinds that draw them alone."""
    for kind in KINDS:
        for problem in PROBLEMS if kind in ("templates", "mistakes", "scores") else ROWS:
            for source in SOURCES:
                yield pytest.param(kind, source, problem, marks=_marks(source))


@pytest.mark.filterwarnings("ignore")  # of separable classes and early ends
@pytest.mark.parametrize(("kind", "source", "problem"), list(_cases()))
def test_every_display(kind, source, problem, tmp_path):
    def draw():
        return SOURCES[source](kind, problem_of(problem), tmp_path)

    words = _refusal(kind, source, problem)
    if words is None:
        law_readable(draw())
        return
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        draw()
    assert str(refused.value).count(". ") == 0
    assert str(refused.value).endswith(".")


def test_every_display_has_a_kind():
    assert len(KINDS) == sum(name.endswith("Display") for name in plots.__all__)
    assert "" not in KINDS
