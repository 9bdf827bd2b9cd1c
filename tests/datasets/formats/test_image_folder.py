"""Folders of images: the whole way, and files that are no images."""

import numpy as np
import pytest

from halfspaces import LinearClassifier, datasets
from tests.fuzz.images import encoded
from tests.helpers import real, refuses

pytestmark = pytest.mark.usefixtures("cache")

# --- where images lie ----------------------------------------------------------------------------


def test_bad_files_are_refused_by_name_or_counted(pets):
    (pets / "cat" / "notes.txt").write_text("no image")
    refuses(pets, "has cat/notes.txt, which is no JPEG", "(--skip-bad)")
    (pets / "dog" / "4.jpg").write_bytes(encoded("JPEG", size=(300, 300))[:-2000])
    (pets / "dog" / "5.png").write_bytes(b"")
    (pets / "dog" / "6.png").symlink_to("nowhere")
    data = datasets.open(pets, skip_bad=True)
    assert (data.X.shape[0], data.y.tolist()) == (6, [0, 0, 0, 1, 1, 1])
    assert data.X[:, 0].tolist()[:1] == [50]
    assert data.notes[0].startswith("6 images of ")
    assert data.notes[1].startswith("4 bad files skipped: cat/notes.txt is no JPEG")
    assert data.notes[1].endswith("and 1 more") or data.notes[1].endswith("1 more")
    for i in range(3):
        (pets / "cat" / f"{i}.png").write_bytes(encoded("PNG", size=(300, 300))[:-2000])
    refuses(pets, "has no image of cat that can be decoded", skip_bad=True)
    for path in (pets / "cat").iterdir():
        path.write_text("no image")
    told = (
        "has one class, dog; give at least two sub-folders with images "
        "(6 bad files skipped: cat/0.png is no JPEG"
    )
    refuses(pets, told, skip_bad=True)


def test_pointers_of_git_lfs(pets):
    (pets / "cat" / "0.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    refuses(pets, "has cat/0.png, which is a pointer of Git LFS", "git lfs pull")


def test_a_link_has_its_own_name(pets, tmp_path):
    (tmp_path / "animals").symlink_to(pets)
    assert datasets.open(tmp_path / "animals").name == "animals"


# --- the whole way -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "classes", "least"), [("flowers128", 5, 0.38), ("platechars", 32, 0.95)]
)
def test_real_archives(name, classes, least):
    data = datasets.open(real(f"image-folders/{name}.tar"))
    assert data.image_shape == (32, 32, 3 if name == "flowers128" else 1)
    assert len(data.class_names) == classes
    order = np.random.default_rng(0).permutation(len(data.y))
    rows, held = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    classifier = LinearClassifier(strength=1.0 if name == "flowers128" else 0.1).fit(
        data.X[rows], data.y[rows]
    )
    assert np.mean(classifier.predict(data.X[held]) == data.y[held]) > least
