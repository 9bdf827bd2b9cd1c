"""WebDataset's tars, in the layout that webdataset 1.0.2's TarWriter and ShardWriter write."""

import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
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


def test_tables_of_metadata_beside_the_shards_are_not_used(tmp_path):
    """img2dataset writes 00000.parquet beside 00000.tar, or beside the folder 00000."""

    def about(i, label):
        return json.dumps({"key": i, "width": 40, "label": "abc"[label]})

    members = samples([0, 1, 2, 0, 1, 2], "jpg", "{:09d}", json=about, txt=cls)
    write_tar(tmp_path / "tars" / "00000.tar", members)
    for name, content in members.items():
        (tmp_path / "files" / "00000").mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / "00000" / name).write_bytes(content)
    for kind in ("tars", "files"):
        table = pa.table({"width": [40] * 6, "height": range(6), "label": [0, 1, 2] * 2})
        pq.write_table(table, tmp_path / kind / "00000.parquet")
        (tmp_path / kind / "00000_stats.json").write_text("{}")
        data = trains(tmp_path / kind)
        assert (data.class_names, data.y.tolist()) == (("a", "b", "c"), [0, 1, 2] * 2)
        assert data.notes[1:] == ("label in 'label' of .json", "not used: '00000.parquet'")


def test_a_shard_that_is_cut_is_said_to_be(tmp_path):
    shard = write_tar(tmp_path / "set" / "train-0.tar", samples([0, 1, 2] * 4, cls=cls))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    refuses(tmp_path / "set", "train-0.tar is cut")


def test_keys_with_full_stops(tmp_path):
    """A second image of a sample, KEY.seg.png, is none of the data set."""
    members = samples([0, 1, 2], "png", "img.v1.{:04d}", cls=cls)
    assert trains(write_tar(tmp_path / "dots.tar", members)).y.tolist() == [0, 1, 2]
    members = samples([0, 1, 2], "png", "{:04d}", cls=cls)
    members |= {f"{i:04d}.seg.png": encoded_photo(0) for i in range(3)}
    assert len(trains(write_tar(tmp_path / "seg.tar", members)).y) == 3
