"""Folders of images beside a table of labels, in the forms of public data sets."""

import json
import shutil
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from halfspaces import datasets
from tests.data_files import encoded_photo
from tests.helpers import refuses, trains

pytestmark = pytest.mark.usefixtures("cache")


def fill(folder, labels):
    """Write an image of each class, by its name."""
    for name, label in labels.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded_photo(label, kind="JPEG" if path.suffix == ".jpg" else "PNG"))


def lines(*rows):
    return "".join(f"{row}\n" for row in rows)


def dog_breeds(folder):
    """From https://www.kaggle.com/c/dog-breed-identification/data: names without a suffix."""
    fill(folder, {f"train/000bec180eb{i}.jpg": i % 3 for i in range(9)})
    fill(folder, {f"test/000621fb3cb{i}.jpg": i for i in range(2)})
    breeds = ("boston_bull", "dingo", "pekinese")
    rows = [f"000bec180eb{i},{breeds[i % 3]}" for i in range(9)]
    (folder / "labels.csv").write_text(lines("id,breed", *rows))
    submission = lines("id,boston_bull,dingo", *(f"000621fb3cb{i},0.5,0.5" for i in range(2)))
    (folder / "sample_submission.csv").write_text(submission)
    return folder


def cifar_10(folder):
    """From https://www.kaggle.com/c/cifar-10/data: test files have the same names."""
    fill(folder, {f"train/{i}.png": i % 3 for i in range(1, 13)})
    fill(folder, {f"test/{i}.png": 0 for i in range(1, 15)})
    rows = [f"{i},{('deer', 'frog', 'truck')[i % 3]}" for i in range(1, 13)]
    (folder / "trainLabels.csv").write_text(lines("id,label", *rows))
    made_up = [f"{i},cat" for i in range(1, 15)]
    (folder / "sampleSubmission.csv").write_text(lines("id,label", *made_up))
    return folder


def cassava(folder):
    """From https://www.kaggle.com/c/cassava-leaf-disease-classification/data."""
    fill(folder, {f"train_images/10000{i}.jpg": i % 3 for i in range(9)})
    fill(folder, {"test_images/2216849948.jpg": 0})
    rows = [f"10000{i}.jpg,{i % 3}" for i in range(9)]
    (folder / "train.csv").write_text(lines("image_id,label", *rows))
    (folder / "label_num_to_disease_map.json").write_text('{"0": "Bacterial Blight"}')
    (folder / "sample_submission.csv").write_text(lines("image_id,label", "2216849948.jpg,4"))
    return folder


@pytest.mark.parametrize(
    ("write", "classes", "note"),
    [
        (dog_breeds, ("boston_bull", "dingo", "pekinese"), "labels.csv: files 'id', label 'breed'"),
        (cifar_10, ("deer", "frog", "truck"), "trainLabels.csv: files 'id', label 'label'"),
        (cassava, ("0", "1", "2"), "train.csv: files 'image_id', label 'label'"),
    ],
)
def test_competitions_of_kaggle(tmp_path, write, classes, note):
    data = trains(write(tmp_path / "data"))
    assert data.class_names == classes
    assert note in data.notes
    assert any(" no label, such as test" in each for each in data.notes)
    assert data.X_test is None
    expected = [i % 3 for i in range(1, 13)] if write is cifar_10 else [i % 3 for i in range(9)]
    assert data.y.tolist() == expected
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "data")
    assert (datasets.open(packed).X == data.X).all()


def test_image_folders_of_the_hub(tmp_path):
    """From https://huggingface.co/docs/datasets/image_dataset: metadata.jsonl or .csv."""
    for split, count in {"train": 9, "test": 3}.items():
        fill(tmp_path / split, {f"{i:04d}.png": i % 3 for i in range(count)})
        rows = [{"file_name": f"{i:04d}.png", "label": i % 3} for i in range(count)]
        text = lines(*(json.dumps({**row, "box": {"x": 1}}) for row in rows))
        (tmp_path / split / "metadata.jsonl").write_text(text)
    data = trains(tmp_path)
    assert data.y_test.tolist() == [0, 1, 2]
    fill(tmp_path / "flat", {f"{i:04d}.png": i % 3 for i in range(9)})
    rows = [f"{i:04d}.png,{'abc'[i % 3]}" for i in range(9)]
    (tmp_path / "flat" / "metadata.csv").write_text(lines("file_name,label", *rows))
    flat = trains(tmp_path / "flat")
    assert (flat.class_names, flat.y.tolist()) == (("a", "b", "c"), [0, 1, 2] * 3)
    assert len(datasets.open_rows(tmp_path / "flat").X) == 9


def test_image_folders_of_the_hub_with_parquet(tmp_path):
    """From the same page: metadata.parquet, beside the images or around their folders."""
    folder = tmp_path / "photos"
    fill(folder, {f"images/{i:04d}.png": i % 3 for i in range(9)})
    names = pa.array([f"images/{i:04d}.png" for i in range(9)])
    kinds = pa.array(["abc"[i % 3] for i in range(9)]).dictionary_encode()
    pq.write_table(pa.table({"file_name": names, "kind": kinds}), folder / "metadata.parquet")
    data = trains(folder)
    assert (data.class_names, data.y.tolist()) == (("a", "b", "c"), [0, 1, 2] * 3)
    assert "metadata.parquet: files 'file_name', label 'kind'" in data.notes
    assert len(datasets.open_rows(folder).X) == 9
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    assert (datasets.open(packed).X == data.X).all()
    for split in ("train", "test"):
        (folder / split).mkdir()
        shutil.copytree(folder / "images", folder / split / "images")
        shutil.copy(folder / "metadata.parquet", folder / split)
    shutil.rmtree(folder / "images")
    (folder / "metadata.parquet").unlink()
    assert trains(folder).y_test.tolist() == [0, 1, 2] * 3
    damaged = (folder / "test" / "metadata.parquet").read_bytes()[:-9]
    (folder / "test" / "metadata.parquet").write_bytes(damaged)
    assert datasets.open(folder).X_test is None


def test_traffic_signs(tmp_path):
    """GTSRB, https://www.kaggle.com/datasets/meowmeowmeowmeowmeow/gtsrb-german-traffic-sign."""
    header = "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path"
    for split, count in {"Train": 9, "Test": 3}.items():
        names = [
            f"Train/{i % 3}/{i:05d}.png" if count == 9 else f"Test/{i:05d}.png"
            for i in range(count)
        ]
        fill(tmp_path, {name: i % 3 for i, name in enumerate(names)})
        rows = [f"27,26,5,5,22,20,{i % 3},{name}" for i, name in enumerate(names)]
        (tmp_path / f"{split}.csv").write_text(lines(header, *rows))
    fill(tmp_path, {f"Meta/{i}.png": i for i in range(3)})
    rows = [f"Meta/{i}.png,{i},0,0" for i in range(3)]
    (tmp_path / "Meta.csv").write_text(lines("Path,ClassId,ShapeId,ColorId", *rows))
    data = trains(tmp_path)
    assert (len(data.y), data.y_test.tolist()) == (9, [0, 1, 2])
    assert "left out: 3 images have no label, such as Meta/0.png" in data.notes


def test_folders_that_are_no_classes(tmp_path):
    """HAM10000, https://doi.org/10.7910/DVN/DBW86T: two folders are parts, and dx is the class."""
    rows = []
    for i in range(12):
        fill(tmp_path, {f"HAM10000_images_part_{1 + i // 7}/ISIC_{i:07d}.jpg": i % 3})
        sex, place = ("male", "female")[i % 2], ("back", "face", "ear", "foot")[i // 3]
        rows.append(
            f"HAM_{i // 2},ISIC_{i:07d},{('bkl', 'mel', 'nv')[i % 3]},{40 + i},{sex},{place}"
        )
    header = "lesion_id,image_id,dx,age,sex,localization"
    (tmp_path / "HAM10000_metadata.csv").write_text(lines(header, *rows))
    refuses(tmp_path, "HAM10000_metadata.csv names them", "--label COLUMN")
    assert trains(tmp_path, label="dx").class_names == ("bkl", "mel", "nv")


def test_tables_of_splits_beside_folders_of_classes(tmp_path):
    """EuroSAT's train.csv, validation.csv and test.csv: test images had been trained on."""
    names = {f"{('River', 'Sea', 'Crop')[i % 3]}/{i}.png": i % 3 for i in range(18)}
    fill(tmp_path, names)
    rows = [
        f"{i},{name},{label},{name.split('/')[0]}" for i, (name, label) in enumerate(names.items())
    ]
    header = ",Filename,Label,ClassName"
    (tmp_path / "train.csv").write_text(lines(header, *rows[:9]))
    (tmp_path / "validation.csv").write_text(lines(header, *rows[9:12]))
    (tmp_path / "test.csv").write_text(lines(header, *rows[12:17]))
    for options in ({}, {"label": "ClassName"}):
        data = trains(tmp_path, **options)
        assert (len(data.y), len(data.y_val), len(data.y_test)) == (9, 3, 5)
        assert data.class_names == ("Crop", "River", "Sea")
    data = datasets.open(tmp_path)
    assert "splits of 'test.csv', 'train.csv', 'validation.csv'" in data.notes
    assert "left out: 1 image is in no split, such as Crop/17.png" in data.notes
    (tmp_path / "train.csv").unlink()
    assert len(datasets.open(tmp_path).y) == 10  # those that no other table names
    (tmp_path / "train.csv").write_text(lines(header, *rows[:10]))
    refuses(tmp_path, "has River/9.png in two splits, train and val, the latter in validation.csv")
    (tmp_path / "train.csv").write_text(lines(header, *rows[:2]))
    refuses(tmp_path, "no image of Crop for training in 'test.csv', 'train.csv'")


def test_lists_of_splits_in_a_folder_beside_that_of_the_images(tmp_path):
    """Food-101: images/CLASS/ID.jpg, and meta/train.txt with CLASS/ID."""
    names = [f"{('pie', 'cake')[i % 2]}/{i}" for i in range(10)]
    fill(tmp_path / "images", {f"{name}.jpg": i % 2 for i, name in enumerate(names)})
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "classes.txt").write_text(lines("pie", "cake"))
    assert len(trains(tmp_path).y) == 10
    (tmp_path / "meta" / "train.txt").write_text(lines(*names[:6]))
    (tmp_path / "meta" / "test.txt").write_text(lines(*names[6:]))
    data = trains(tmp_path)
    assert (data.class_names, len(data.y), len(data.y_test)) == (("cake", "pie"), 6, 4)
    assert "splits of 'meta/test.txt', 'meta/train.txt'" in data.notes


def test_a_table_of_numbered_splits_beside_a_table_of_labels(tmp_path):
    """From https://www.kaggle.com/datasets/jessicali9530/celeba-dataset."""
    fill(tmp_path / "img_align_celeba", {f"{i:06d}.jpg": i % 2 for i in range(12)})
    rows = [f"{i:06d}.jpg,{2 * (i % 2) - 1},{1 - 2 * (i // 6)}" for i in range(12)]
    (tmp_path / "list_attr_celeba.csv").write_text(lines("image_id,Smiling,Young", *rows))
    rows = [f"{i:06d}.jpg,{max(0, i // 2 - 3)}" for i in range(12)]
    (tmp_path / "list_eval_partition.csv").write_text(lines("image_id,partition", *rows))
    data = trains(tmp_path, label="Smiling")
    assert (len(data.y), len(data.y_val), len(data.y_test)) == (8, 2, 2)
    assert "splits of 'list_eval_partition.csv'" in data.notes


def test_rows_and_files_that_do_not_match(tmp_path):
    fill(tmp_path / "images", {f"{i}.png": i % 2 for i in range(6)})
    table = tmp_path / "labels.csv"
    rows = [f"{i}.png,{'ab'[i % 2]}" for i in range(5)]
    table.write_text(lines("file,kind", *rows, "gone.png,a"))
    refuses(tmp_path, "no file for 1 of the 6 rows of labels.csv, such as 'gone.png'", "--skip-bad")
    data = trains(tmp_path, skip_bad=True)
    assert data.y.tolist() == [0, 1, 0, 1, 0]
    assert "left out: 1 image has no label, such as images/5.png" in data.notes
    table.write_text(lines("file,kind", *rows, "0.png,b"))
    refuses(tmp_path, "two labels or splits for images/0.png")
    table.write_text(lines("file,caption", *(f"{i}.png,photo {i}" for i in range(6))))
    fill(tmp_path / "images", {f"{i}.png": i % 2 for i in range(6, 12)})
    table.write_text(lines("file,caption", *(f"{i}.png,photo {i}" for i in range(12))))
    refuses(tmp_path, "another value for each image in the column 'caption'", "--label NAME")
    table.write_text(lines("file,left,right", *(f"{i}.png,{i % 2},{i % 3}" for i in range(12))))
    refuses(tmp_path, "'left', 'right' beside the images", "--label COLUMN")
    (tmp_path / "images" / "3.png").write_bytes(b"no image")
    refuses(tmp_path, "has images/3.png, which is no JPEG", label="left")
    assert len(trains(tmp_path, label="left", skip_bad=True).y) == 11


def test_numbers_of_files_without_their_leading_zeros(tmp_path):
    """A column of row numbers names no file if another one names them as they are called."""
    fill(tmp_path, {f"{i:04d}.png": i % 2 for i in range(12)})
    table = tmp_path / "labels.csv"
    table.write_text(lines("id,kind", *(f"{i},{'ab'[i % 2]}" for i in range(12))))
    assert trains(tmp_path).y.tolist() == [0, 1] * 6
    rows = [f"{i},{11 - i:04d},{'ba'[i % 2]}" for i in range(12)]
    table.write_text(lines("index,id,kind", *rows))
    data = trains(tmp_path, label="kind")
    assert "labels.csv: files 'id', label 'kind'; left out: 'index'" in data.notes
    assert data.y.tolist() == [1, 0] * 6


def test_paths_in_tables_lead_nowhere(tmp_path):
    """A name with other folders names the file below this folder, or none."""
    fill(tmp_path / "set", {f"{i}.png": i % 2 for i in range(4)})
    fill(tmp_path, {"secret.png": 0})
    rows = [f"/home/me/set/{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (tmp_path / "set" / "labels.csv").write_text(lines("path,label", *rows, "../secret.png,a"))
    refuses(tmp_path / "set", "no file for")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../labels.csv", "path,label\n")
    refuses(tmp_path / "evil.zip", "leads outside")


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
def test_json_lines_of_either_name_beside_folders(tmp_path, suffix):
    """A line ends at \\n alone: texts may hold U+2028."""
    names = {f"{'ab'[i % 2]}/{i}.png": i % 2 for i in range(6)}
    fill(tmp_path, names)
    table = tmp_path / f"metadata{suffix}"
    rows = [{"file_name": name, "text": f"photo\u2028{i}"} for i, name in enumerate(names)]
    table.write_text(lines(*(json.dumps(row, ensure_ascii=False) for row in rows)), "utf-8")
    refuses(tmp_path, f"{table.name} names them without a column of these classes")
    rows = [{**row, "kind": f"k{i % 3}"} for i, row in enumerate(rows)]
    table.write_text(lines(*(json.dumps(row, ensure_ascii=False) for row in rows)), "utf-8")
    assert datasets.open(tmp_path, label="kind").class_names == ("k0", "k1", "k2")
