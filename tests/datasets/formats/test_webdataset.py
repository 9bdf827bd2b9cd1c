"""WebDataset's tars, in the layout that webdataset 1.0.2's TarWriter and ShardWriter write."""

import io
import json
import tarfile

import pytest

from halfspaces import datasets
from tests.data_files import encoded_photo
from tests.helpers import refuses, trains

pytestmark = pytest.mark.usefixtures("cache")


def write_tar(path, members):
    """The members of each sample are adjacent, sorted by extension, owned by bigdata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uname = len(content), 0o444, "bigdata"
            archive.addfile(member, io.BytesIO(content))
    return path


def samples(labels, image="jpg", key="sample{:06d}", **texts):
    members = {}
    for i, label in enumerate(labels):
        kind = {"jpg": "JPEG", "webp": "WEBP", "png": "PNG"}[image]
        sample = {image: encoded_photo(label, (32 + i, 40), kind)}
        sample |= {extension: text(i, label).encode() for extension, text in texts.items()}
        members |= {f"{key.format(i)}.{each}": sample[each] for each in sorted(sample)}
    return members


def cls(i, label):
    return str(label)


def test_shards_of_splits(tmp_path, run):
    """ShardWriter("train-%06d.tar"), and the folders of https://huggingface.co/clip-benchmark."""
    for number in range(2):
        write_tar(tmp_path / "set" / f"train-{number:06d}.tar", samples([0, 1, 2], cls=cls))
    write_tar(tmp_path / "set" / "val-000000.tar", samples([2, 1], cls=cls))
    data = trains(tmp_path / "set")
    assert (data.y.tolist(), data.y_val.tolist()) == ([0, 1, 2] * 2, [2, 1])
    assert data.notes[1] == "label in .cls"
    for split, labels in {"train": [0, 1, 2] * 2, "test": [1, 0]}.items():
        write_tar(tmp_path / "clip" / split / "0.tar", samples(labels, "webp", "s{:07d}", cls=cls))
    assert trains(tmp_path / "clip").y_test.tolist() == [1, 0]
    ended = run("train", tmp_path / "clip", "--out", tmp_path / "model.safetensors")
    assert ended.code == 0
    assert "label in .cls" in ended.out


def test_labels_in_json_and_text(tmp_path):
    def about(i, label):
        return json.dumps({"caption": f"photo {i}", "label": "abc"[label], "width": 40})

    def name(i, label):
        return ("cat", "dog", "owl")[label] + "\n"

    packed = write_tar(tmp_path / "set.tar.gz", samples([0, 1, 2, 2], "png", json=about))
    data = trains(packed)
    assert (data.class_names, data.y.tolist()) == (("a", "b", "c"), [0, 1, 2, 2])
    assert data.notes[1] == "label in 'label' of .json"
    assert trains(write_tar(tmp_path / "text.tar", samples([0, 1, 2], txt=name))).class_names == (
        "cat",
        "dog",
        "owl",
    )
    captions = samples([i % 3 for i in range(12)], txt=lambda i, label: f"photo {i}")
    refuses(write_tar(tmp_path / "captions.tar", captions), "as captions are", "--label NAME")
    refuses(packed, "no column 'breed'", label="breed")


def test_images_without_label_and_bad_members(tmp_path):
    members = samples([0, 1, 2, 0], cls=cls)
    del members["sample000003.cls"]
    data = trains(write_tar(tmp_path / "set.tar", members))
    assert "left out: 1 image has no label, such as sample000003.jpg" in data.notes
    assert datasets.open_rows(tmp_path / "set.tar").keys["file"][0] == "sample000000.jpg"
    members["sample000004.jpg"] = b"no image"
    members["sample000004.cls"] = b"2"
    refuses(write_tar(tmp_path / "bad.tar", members), "has sample000004.jpg, which is no JPEG")
    assert trains(tmp_path / "bad.tar", skip_bad=True).y.tolist() == [0, 1, 2]
    outside = write_tar(tmp_path / "evil.tar", {**members, "../x.cls": b"1"})
    refuses(outside, "leads outside")
    pets = {f"{name}/{i}.jpg": encoded_photo(i) for i, name in enumerate(("cat", "dog"))}
    folders = write_tar(tmp_path / "pets.tar", pets)
    assert datasets.open(folders).class_names == ("cat", "dog")
