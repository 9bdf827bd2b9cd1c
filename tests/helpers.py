"""What tests of several rooms share; fixtures are in conftest.py."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import DataError, catalogue
from halfspaces.datasets.files.download import Tries
from halfspaces.features.images import grey

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
DIGITS = datasets.open("digits")
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def skip_if_minimized_to_the_tolerance(estimator, check) -> None:
    """Skip the check that compares weights with repeated rows to 1e-7, for a loss with kinks.

    Its minimum is approached on another path then, to the tolerance.
    """
    name = getattr(check, "func", check).__name__
    if estimator.loss == "hinge" and "sample_weight_equivalence" in name:
        pytest.skip("a loss with kinks is minimized to the tolerance")


def npz(path: Path, *, X=DIGITS.X, y=DIGITS.y, **arrays) -> Path:
    """The digits, or what else is given, written as .npz."""
    np.savez(path, X=X, y=y, **arrays)
    return path


def spoiled_digits(value: float) -> np.ndarray:
    """The digits with a value at row 7, column 3."""
    X = DIGITS.X.astype(np.float32)
    X[7, 3] = value
    return X


class Ended(NamedTuple):
    """How a command line ended, and what it printed."""

    code: int
    out: str
    err: str


def real(name: str) -> Path:
    """The file or folder of real data of this name; the test is skipped where there is none."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the real data are not at {path}")
    return path


def accuracy(out: str, part: str) -> float:
    """The accuracy on a part of the data, in what a command line printed."""
    (percentage,) = re.findall(rf"accuracy .*{part} (\d+\.\d+) %", out)
    return float(percentage) / 100


def assert_one_sentence(message: str, words: tuple[str, ...]) -> None:
    """The message is one sentence, with all of these words."""
    assert [word for word in words if word not in message] == [], message
    assert "\n" not in message
    assert message.endswith(".")


def refuses(given, *words: str, **options) -> None:
    """`datasets.open` refuses what is given, in one sentence with all of these words."""
    with pytest.raises(DataError) as caught:
        datasets.open(given, **options)
    assert_one_sentence(str(caught.value), words)


def trains(given, **options) -> datasets.Dataset:
    """The data set that is given; a classifier learns its training rows, and those for testing."""
    data = datasets.open(given, **options)
    classifier = LinearClassifier(strength=1.0).fit(data.X, data.y)
    assert np.array_equal(classifier.predict(data.X), data.y)
    if data.X_test is not None:
        assert np.array_equal(classifier.predict(data.X_test), data.y_test)
    return data


def refuses_download(name: str, *words: str, tries: Tries) -> None:
    """An entry of the catalogue cannot be downloaded, in one sentence;
    nothing is opened, but the way is shown.
    """
    with pytest.raises(DataError) as caught:
        catalogue.get(name, tries=tries)
    assert_one_sentence(str(caught.value), words)
    with pytest.raises(
        DataError, match=f"'{name}' is not downloaded yet; run: halfspaces data get {name}"
    ):
        datasets.open(name)


def pieces_of_photographs(corners: int, height: int, width: int) -> np.ndarray:
    """Pieces of two photographs, at so many corners of each, (N, height, width, 3)."""
    china, flower = load_sample_images().images
    places = np.random.default_rng(0).integers(0, 370, (corners, 2))
    return np.stack(
        [photo[y : y + height, x : x + width] for photo in (china, flower) for y, x in places]
    )


def luma_of(photos: np.ndarray) -> np.ndarray:
    """The brightness of colour images, (N, height, width), as float64."""
    return grey(photos.transpose(0, 3, 1, 2).astype(np.float32))[:, 0].astype(float)


def stripes(count: int, seed: int = 0, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, S, S, 3) of stripes, upright or lying, in colours of all kinds,
    and the class of each.
    """
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    line = 40 * (np.arange(side) // 4 % 2)
    pattern = np.where(y[:, None, None] == 0, line[None, :], line[:, None])[..., None]
    noise = (
        rng.integers(0, 120, (count, 1, 1, 3))
        + pattern
        + rng.integers(0, 30, (count, side, side, 3))
    )
    return noise.astype(np.uint8), y
