"""A file format from outside the package: one file defines it, one row registers it."""

import numpy as np
import pytest

from halfspaces import LinearClassifier, datasets
from halfspaces.datasets import FORMATS, DataError, Dataset, Format, Library, file_named
from tests.helpers import assert_one_sentence, refuses

ROWS = "cat,0.5,1\ncat,0.25,1.5\ndog,3,-1\ndog,2.5,-2\n"


def parse(path):
    """The fields of each line, label first."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    if not lines or any(len(line) != 3 for line in lines):
        raise DataError(f"{path} has a line without label,number,number; correct it.")
    return lines


def numbers(path, lines):
    """The numbers of each line, (N, 2)."""
    try:
        return np.array([line[1:] for line in lines], float)
    except ValueError as error:
        raise DataError(f"{path} has a word where a number is needed; correct it.") from error


def read(path, label=None):
    lines = parse(path)
    y = np.array([line[0] if label is None else label for line in lines])
    return Dataset(path.stem, numbers(path, lines), y)


def read_features(path, label=None):
    return numbers(path, parse(path))


TOY = Format(
    "toy",
    file_named(".toy"),
    read,
    read_features=read_features,
    options=("label",),
    summary="a .toy file",
)


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """The format, registered, and a file of it."""
    monkeypatch.setitem(FORMATS, "toy", TOY)
    path = tmp_path / "pets.toy"
    path.write_text(ROWS)
    return path


def test_it_is_opened_and_fitted(toy):
    data = datasets.open(toy)
    assert str(data) == "pets: 4 examples, 2 features (float64), 2 classes"
    classifier = LinearClassifier(strength=0.01).fit(data.X, data.y)
    np.testing.assert_array_equal(classifier.predict(datasets.open_features(toy)), data.y)
    assert set(datasets.open(toy, label="owl").y) == {"owl"}


def test_without_a_reader_of_rows_those_of_the_data_set_are_taken(toy, monkeypatch):
    monkeypatch.setitem(FORMATS, "toy", Format("toy", file_named(".toy"), read))
    np.testing.assert_array_equal(datasets.open_features(toy), datasets.open(toy).X)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("cat,1,2\ndog,3\n", "has a line without label,number,number"),
        ("cat,1,x\n", "has a word where a number is needed"),
        ("", "has a line without"),
    ],
)
def test_bad_content_is_one_sentence(toy, content, words):
    toy.write_text(content)
    refuses(toy, "pets.toy", words)
    with pytest.raises(DataError) as caught:
        datasets.open_features(toy)
    assert_one_sentence(str(caught.value), ("pets.toy", words))


def test_errors_and_options_come_from_its_row(toy, tmp_path, monkeypatch):
    (tmp_path / "other.txt").write_text("hello")
    refuses(tmp_path / "other.txt", "is no data set; give a .toy file, a folder, .tar or")
    refuses(toy, "takes no image_size (--image-size)", "of images", "leave it out", image_size=8)
    refuses("digits", "takes no label (--label), which is for a .toy file,", label="x")
    needy = Format("toy", file_named(".toy"), read, needs=(Library("no_such_library", "toys"),))
    monkeypatch.setitem(FORMATS, "toy", needy)
    refuses(toy, "pets.toy needs no_such_library", "run: pip install 'toys'.")


def test_a_row_that_is_added_comes_before_those_of_the_package(toy, monkeypatch):
    (toy.parent / "X.npy").touch()  # recognized by the package, too
    everything = Format("everything", lambda path: True, lambda path: read(toy))
    monkeypatch.setitem(FORMATS, "everything", everything)
    assert datasets.open(toy.parent / "X.npy").name == "pets"


def test_on_the_command_line(toy, run, tmp_path):
    model = tmp_path / "pets.safetensors"
    trained = run("train", toy, "--strength", "0.01", "--out", model)
    assert trained.code == 0, trained
    assert "pets: 4 examples, 2 features" in trained.out
    predicted = run("predict", model, toy)
    assert predicted.code == 0, predicted
    assert predicted.out.count("cat") == predicted.out.count("dog") == 2, predicted.out
    toy.write_text("cat,1\n")
    assert run("train", toy).err == (
        f"Error: {toy} has a line without label,number,number; correct it.\n"
    )


def test_it_is_not_known_afterwards(tmp_path):
    (tmp_path / "pets.toy").write_text(ROWS)
    refuses(tmp_path / "pets.toy", "is no data set")
