"""Every Display: its numbers, its words, and a picture in which nothing is cut or overlaps."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from halfspaces import LinearClassifier, LinearClassifierCV, load, minimize, plots, save
from halfspaces.features import HOG, BagOfWords, Patches, RawPatches
from halfspaces.optimizers import LBFGS, SGD
from halfspaces.plots.display import SETTINGS, settings
from halfspaces.plots.templates import columns_of
from halfspaces.tuning.path import solve_path
from tests.plots.readable import law_described, law_readable

HOSTILE = "$x^2$ <script>&amp;"


def test_what_a_notebook_sets_while_a_picture_is_drawn_stays():
    """Its first figure starts the backend, which shows no other unless it stays interactive."""
    rc = pytest.importorskip("matplotlib").rcParams
    before = {name: rc[name] for name in (*SETTINGS, "interactive")}
    try:
        with settings():
            assert {name: rc[name] for name in SETTINGS} == SETTINGS
            rc["interactive"] = not before["interactive"]
        changed = {name for name, value in before.items() if rc[name] != value}
        assert changed == {"interactive"}
    finally:
        rc["interactive"] = before["interactive"]


def _digits():
    X, y = load_digits(return_X_y=True)
    return X.astype(np.float32)[:600], y[:600]


def _two_classes():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:300], y[:300]


def _displays(X, y, images, names):
    """One of each kind that takes a classifier, with data."""
    classifier = LinearClassifier(strength=1e-2, verbose=-1).fit(X, y, validation=(X, y))
    sgd = LinearClassifier(optimizer=SGD(step_size=1e-2, epochs=2, batch_size=64)).fit(X, y)
    objective = LinearClassifier("hinge", strength=1e-2).objective(X, y)
    sparse = LinearClassifier(penalty="l1", strength=1e-2).objective(X, y)
    iterates = []
    result = minimize(
        objective, LBFGS(), callbacks=[lambda run: iterates.append(run.W[:, 0].copy())]
    )
    runs = {"L-BFGS": LBFGS(), "SGD": SGD(step_size=1e-2, epochs=2)}
    named = {"class_names": names}
    return [
        plots.LossCurveDisplay.from_estimator(classifier),
        plots.LossCurveDisplay.from_estimator(sgd),
        plots.LossCurveDisplay.from_result(classifier.result_, sgd.result_, names=["a", HOSTILE]),
        plots.StepSizesDisplay.from_objective(objective, epochs=2),
        plots.TemplatesDisplay.from_estimator(classifier, **named),
        plots.ConfusionMatrixDisplay.from_estimator(classifier, X, y, **named),
        plots.MistakesDisplay.from_estimator(classifier, X, y, images=images, **named),
        plots.MistakesDisplay.from_estimator(sgd, X, y, **named),
        plots.MarginsDisplay.from_estimator(classifier, X, y),
        plots.ReliabilityDisplay.from_estimator(classifier, X, y),
        plots.ScoresDisplay.from_estimator(classifier, X, y, images=images, **named),
        plots.SliceDisplay.from_objective(objective, result.W),
        plots.LandscapeDisplay.from_path(objective, np.array(iterates)),
        plots.CurvatureDisplay.from_objective(objective),
        plots.RaceDisplay.from_objective(objective, runs, passes=5),
        plots.LearningCurveDisplay.from_estimator(classifier, X, y, sizes=3, repeats=2),
        plots.OccamDisplay.from_data(X[:100], y[:100], X, y, strengths=[1.0, 0.1, 0.01]),
        plots.SparsityDisplay.from_path(solve_path(sparse, [0.1, 0.03, 0.01], tol=1e-2)),
    ]


@pytest.mark.long
def test_every_display_of_hostile_names():
    X, y = _digits()
    names = [HOSTILE, "a class of a name that is long", *map(str, range(2, 10))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        displays = _displays(X, y, X.reshape(-1, 8, 8), names)
    for display in displays:
        law_described(display)
        law_readable(display)


def test_templates_of_pixels_are_the_weights():
    X, y = _digits()
    classifier = LinearClassifier(strength=0.1).fit(X, y)
    pictures = plots.TemplatesDisplay.from_estimator(classifier, image_shape=(8, 8)).pictures
    for picture, weights in zip(pictures, classifier.coef_, strict=True):
        order = np.argsort(weights, kind="stable")
        assert np.all(np.diff(picture.ravel()[order]) >= 0)
    with pytest.raises(ValueError, match="has 81 values and the model takes 64 columns"):
        plots.TemplatesDisplay.from_estimator(classifier, image_shape=(9, 9))


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([0.9, 0.92], "More rows would help: twice as many gave 10.0 to 12.0 points"),
        ([0.8, 0.801], "More rows would help little: twice as many gave 0.0 to 0.1 points"),
        ([0.8, 0.9], "Perhaps more rows would help: twice as many gave 0.0 to 10.0 points."),
    ],
)
def test_a_learning_curve_tells_as_much_as_its_draws_agree_on(ends, words):
    held_out = np.array([[0.8, 0.8], ends])
    display = plots.LearningCurveDisplay(np.array([50, 100]), held_out, held_out)
    assert display.verdict.startswith(words)
    law_readable(display)


def test_step_sizes_that_are_almost_alike_are_both_good():
    X, y = _two_classes()
    classifier = LinearClassifier(strength=0.1).fit(X, y)
    steps = (1e-6, 0.05, 0.0501)
    display = plots.StepSizesDisplay.from_estimator(classifier, X, y, steps=steps, epochs=5)
    assert display.verdicts == ["too low", "good", "good"]


def test_templates_of_a_table_do_not_depend_on_units():
    X, y = _two_classes()
    units = np.logspace(-3, 3, X.shape[1])
    templates = [
        plots.TemplatesDisplay.from_estimator(
            LinearClassifier(strength=0.1, tol=1e-8).fit(rows, y), scale=rows.std(axis=0)
        )
        for rows in (X, X * units)
    ]
    np.testing.assert_allclose(templates[1].pictures, templates[0].pictures, atol=1e-3)
    assert templates[0].about == "weights × standard deviations of the features"


@pytest.mark.slow
def test_long_names_and_many_curves_fit():
    """Long names of columns and classes, and as many curves as there are looks."""
    pandas = pytest.importorskip("pandas")
    X, y = _two_classes()
    frame = pandas.DataFrame(X, columns=[f"column {number} {HOSTILE}" for number in range(30)])
    classifier = LinearClassifier(strength=0.1).fit(frame, np.where(y == 1, HOSTILE, "no " * 20))
    law_readable(plots.TemplatesDisplay.from_estimator(classifier))
    names = [f"run {number} {HOSTILE}" for number in range(7)]
    law_readable(plots.LossCurveDisplay.from_result(*[classifier.result_] * 7, names=names))
    search = LinearClassifierCV(strengths=[1.23456, 0.0123456, 0.000123456], cv=2, tol=0.1)
    law_readable(plots.ValidationCurveDisplay.from_estimator(search.fit(X, y)))


def test_templates_of_planar_images(tmp_path):
    """Rows of all red values, then green, then blue, as CIFAR-10 has: a red square is red."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (40, 4, 4, 3), np.uint8)
    y = np.arange(40) % 2
    images[y == 1, 1:3, 1:3, 0] += 200
    rows = images.transpose(0, 3, 1, 2).reshape(40, -1)
    classifier = LinearClassifier(strength=10, standardize=False).fit(rows, y)
    notes = {"image_shape": (4, 4, 3), "planar": True}
    save(classifier, tmp_path / "m.safetensors", **notes)
    for model, shown in ((load(tmp_path / "m.safetensors"), {}), (classifier, notes)):
        _, red = plots.TemplatesDisplay.from_estimator(model, **shown).pictures
        others = np.ones((4, 4), bool)
        others[1:3, 1:3] = False
        assert red[1:3, 1:3, 0].min() > 0.8 > red[others].max()


@pytest.mark.slow
def test_templates_of_features():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 16, 16, 3), np.uint8)
    y = np.arange(30) % 3
    for feature in (HOG(cell=4), Patches(n=12, size=4), BagOfWords(RawPatches(size=4), n=6)):
        rows = feature.fit_transform(images)
        classifier = LinearClassifier(strength=0.1).fit(rows, y)
        display = plots.TemplatesDisplay.from_estimator(classifier, feature=feature)
        assert len(display.pictures) == 3
        assert 0 <= display.pictures.min() <= display.pictures.max() <= 1
        (part,) = columns_of(feature)
        assert part.feature is feature


def test_an_edge_speaks_for_its_class():
    """Horizontal stripes against vertical ones: the template of each shows its lines."""
    down = np.tile(np.uint8([0, 0, 0, 0, 255, 255, 255, 255]), (16, 2))
    noise = np.random.default_rng(0).integers(0, 60, (20, 16, 16), np.uint8)
    images = np.where(np.arange(20)[:, None, None] % 2, down.T, down) // 2 + noise
    hog = HOG(cell=8, block=None)
    classifier = LinearClassifier(strength=0.1).fit(hog.fit_transform(images), np.arange(20) % 2)
    vertical, horizontal = plots.TemplatesDisplay.from_estimator(classifier, feature=hog).pictures
    middle = vertical.shape[0] // 4
    upright = middle + 4, middle
    level = middle, middle + 4
    assert vertical[upright] > 0.52 > horizontal[upright] + 0.04
    assert horizontal[level] > 0.52 > vertical[level] + 0.04


def test_three_members_have_three_curves():
    X, y = _digits()
    objective = LinearClassifier(strength=0.1).objective(X, y)
    result = minimize(objective, LBFGS(), objective.zeros(3), max_passes=5)
    display = plots.LossCurveDisplay.from_result(result)
    assert [curve.name for curve in display.curves] == ["run 1, member 0", "run 1, member 1"][
        :0
    ] + [f"member {member}" for member in range(3)]


def test_what_cannot_be_drawn_is_said():
    X, y = _two_classes()
    hinge = LinearClassifier("hinge", strength=0.1).fit(X, y)
    with pytest.raises(ValueError, match="gives no probabilities"):
        plots.ReliabilityDisplay.from_estimator(hinge, X, y)
    del hinge.result_
    with pytest.raises(ValueError, match="no history of its training"):
        plots.LossCurveDisplay.from_estimator(hinge)


def test_saved(tmp_path):
    display = plots.ConfusionMatrixDisplay.from_predictions(["a", "b"], ["a", "a"])
    display.save(tmp_path / "x.svg")
    assert "1 of 2 right" in (tmp_path / "x.svg").read_text()
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg or \.pdf"):
        display.save(tmp_path / "x.jpeg")
