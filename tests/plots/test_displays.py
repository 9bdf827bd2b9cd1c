"""Every Display: its numbers, its words, and a picture in which nothing is cut or overlaps."""

import re
import warnings
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer, load_digits

from halfspaces import LinearClassifier, load, minimize, plots, save
from halfspaces.features import HOG, BagOfWords, Patches, RawPatches
from halfspaces.optimizers import LBFGS, SGD
from halfspaces.plots.display import Display, settings
from halfspaces.plots.templates import columns_of
from halfspaces.tuning.path import solve_path

HOSTILE = "$x^2$ <script>&amp;"


def _digits():
    X, y = load_digits(return_X_y=True)
    return X.astype(np.float32)[:600], y[:600]


def _two_classes():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:300], y[:300]


DATA = {"ten classes": _digits, "two classes": _two_classes}


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


def _texts(figure):
    """Bounding boxes of what is written, by text."""
    renderer = figure.canvas.get_renderer()
    boxes = []
    for ax in figure.axes:
        shown = [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
        if ax.axison:
            shown += _inside(ax.get_xticklabels(), ax.get_xlim(), 0)
            shown += _inside(ax.get_yticklabels(), ax.get_ylim(), 1)
        legend = ax.get_legend()
        shown += [] if legend is None else legend.get_texts()
        boxes += [
            (text.get_text(), text.get_window_extent(renderer)) for text in shown if text.get_text()
        ]
    # Twin axes have their ticks twice, at the same place.
    return list({(text, *box.bounds): (text, box) for text, box in boxes}.values())


def _inside(labels, limits, side):
    low, high = sorted(limits)
    return [label for label in labels if low <= label.get_position()[side] <= high]


def law_readable(display: Display) -> None:
    """Text is within the figure, and no two texts overlap; contour labels lie on lines."""
    with settings():
        figure = Figure(figsize=display.shape, layout="constrained")
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(figure)
        display.draw(figure.subplots())
        figure.canvas.draw()
        boxes = _texts(figure)
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        cut = box.x0 < -2 or box.y0 < -2 or box.x1 > width + 2 or box.y1 > height + 2
        assert not cut, f"{display.kind}: {text!r} is cut"
    for (one, a), (two, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(across, down) < 2, f"{display.kind}: {one!r} and {two!r} overlap"


def law_described(display: Display) -> None:
    """The alternative text is a sentence, in the file; the same numbers give the same bytes."""
    assert re.fullmatch(r"[A-Z0-9].*\.", display.alt, re.DOTALL)
    assert "nan" not in display.alt.split()
    drawn = display.content(".svg")
    assert drawn.count(b"<title>") == 1
    assert b"<script" not in drawn
    assert drawn == display.content(".svg")
    assert display.content(".png").startswith(b"\x89PNG")


@pytest.mark.parametrize("data", DATA)
@pytest.mark.slow
def test_every_display(data):
    X, y = DATA[data]()
    images = X[:, :64].reshape(-1, 8, 8) if data == "ten classes" else None
    names = [HOSTILE, "a class of a name that is long", *map(str, range(2, 10))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        displays = _displays(X, y, images, names[: len(np.unique(y))])
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
