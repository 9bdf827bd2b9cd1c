"""The race of image features in a pipeline."""

import re

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from halfspaces import AutoFeatures, LinearClassifier
from halfspaces.estimators import races
from halfspaces.estimators.racing import RaceRows
from halfspaces.features.candidates import Candidate


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch):
    """Two candidates that take no time."""
    ladder = (Candidate("pixels", 0, 768), Candidate("hog(cell=4)", 1, 324))
    monkeypatch.setattr("halfspaces.estimators.auto_features.candidates", lambda *_: ladder)


def moved_stripes(count, seed, side=16):
    """Grey images with upright or lying stripes of any phase: a matter of gradients."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    phase = rng.uniform(0, 6, count)[:, None]
    wave = 127 + 100 * np.sin(np.arange(side) + phase)
    images = np.where(y[:, None, None] == 1, wave[:, None, :], wave[:, :, None])
    return np.broadcast_to(images, (count, side, side)).astype(np.uint8), y


def test_gradients_win_where_pixels_know_nothing():
    images, y = moved_stripes(300, 0)
    pipeline = make_pipeline(AutoFeatures(), LinearClassifier(strength=0.01)).fit(images, y)
    assert str(pipeline[0].feature_) == "hog(cell=4)"
    assert pipeline.score(*moved_stripes(200, 1)) > 0.95
    assert len(pipeline[0].get_feature_names_out()) == pipeline[0].transform(images).shape[1]


def test_larger_images_are_reduced_in_the_same_way_later():
    images, y = moved_stripes(300, 0, side=40)
    auto = AutoFeatures().fit(images, y)
    assert auto.side_ == 32
    assert auto.transform(images[:5]).shape == (
        5,
        auto.feature_.transform(images[:1, :32, :32]).shape[1],
    )


def test_a_race_repeats_itself():
    images, y = moved_stripes(300, 0)
    first, second = (AutoFeatures().fit(images, y).race_ for _ in range(2))
    assert [(e.name, e.rows, e.score) for e in first.entries] == [
        (e.name, e.rows, e.score) for e in second.entries
    ]


def test_a_budget_leaves_dear_candidates_out(monkeypatch):
    ladder = (Candidate("pixels", 0, 768), Candidate("hog(cell=4)", 1e6, 324))
    monkeypatch.setattr("halfspaces.estimators.auto_features.candidates", lambda *_: ladder)
    images, y = moved_stripes(300, 0)
    found = AutoFeatures(budget=60).fit(images, y).race_
    assert found.winner.name == "pixels"
    (needed,) = found.left_out.values()
    assert re.fullmatch(r"--budget \d+min is needed", needed)
    assert races.minutes(301) == "6min"


def test_each_image_needs_a_label():
    images, y = moved_stripes(300, 0)
    with pytest.raises(ValueError, match="X has 300 images and y 299 labels"):
        AutoFeatures().fit(images, y[1:])
    with pytest.raises(ValueError, match="y holds one class"):
        AutoFeatures().fit(images, 0 * y)


@pytest.mark.parametrize(("features", "times"), [("hog(cell=4)", 1), ("patches(n=8)", 5)])
def test_images_are_described_once_for_all_folds_where_nothing_is_learned(features, times):
    images, y = moved_stripes(100, 0)
    rows = RaceRows.of(y, None, None, 0, most_repeats=1)
    assert len(rows.folds) == 5
    read = []

    def some(candidate, chosen):
        read.append(len(chosen))
        return images[chosen]

    candidate = Candidate(features, 1, 9)
    entry = races.FeatureRace({"one": candidate}, some, rows)("one", 80)
    assert entry.score > 0.9
    assert sum(read) == 80 * times + 100 * times
    cost = races.feature_cost(candidate, rows, 100, 2, 256)
    described = 100 * times * 1e-6 / 4
    assert cost.rounds[0] == pytest.approx(described + 5 * candidate.fitting(80, 2, 256))
