"""`--group` and `--weight`: rows of a subject stay together, and examples count by their weight."""

import numpy as np
import pandas as pd
import pytest

from halfspaces import LinearClassifier, LinearClassifierCV, datasets
from halfspaces.tuning.folds import make_folds, part_of_groups, repeated_folds
from tests.helpers import accuracy, refuses

SUBJECTS = 40


@pytest.fixture
def table(tmp_path):
    """Ten rows of each subject, near each other; nothing tells the class of another subject."""
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(SUBJECTS), 10)
    centers = rng.normal(size=(SUBJECTS, 30))
    X = centers[subject] + 0.01 * rng.normal(size=(len(subject), 30))
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(30)])
    frame["subject"] = [f"s{number}" for number in subject]
    frame["times"] = rng.integers(0, 3, len(subject))
    frame["label"] = np.array(["a", "b"])[rng.integers(0, 2, SUBJECTS)[subject]]
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return path


def test_rows_of_a_subject_are_held_out_together(run, table, tmp_path):
    alone = run("train", table, "--ignore", "subject", "--ignore", "times")
    model = tmp_path / "model"
    together = run("train", table, "--group", "subject", "--weight", "times", "--out", model)
    assert "'subject' (the groups), 'times' (the weights)" in together.out
    assert "5 folds, 3 times, of few groups" in together.out
    assert accuracy(alone.out, "validation") > 0.8
    assert accuracy(together.out, "validation") < 0.7
    again = run("train", "--run", f"{model}.run.toml", "--out", tmp_path / "again")
    assert "5 folds, 3 times, of few groups" in again.out
    assert (tmp_path / "again.safetensors").exists()
    assert run("evaluate", model, table).code == 0


def test_weights_are_numbers_of_rows(table):
    data = datasets.open(table, group="subject", weight="times")
    fitted = LinearClassifier(tol=1e-8).fit(data.X, data.y, data.weight)
    times = data.weight.astype(int)
    repeated = LinearClassifier(tol=1e-8).fit(data.X.repeat(times, 0), data.y.repeat(times))
    np.testing.assert_allclose(fitted.coef_, repeated.coef_, rtol=1e-3, atol=1e-5)
    assert len(np.unique(data.groups)) == SUBJECTS
    search = LinearClassifierCV(cv=4).fit(data.X, data.y, data.weight, groups=data.groups)
    assert search.scores_.shape[1] == 4


@pytest.mark.parametrize("folds", [["--folds", 3], ["--validation", 0.2]])
def test_folds_and_parts_of_groups(run, table, folds):
    ended = run("train", table, "--group", "subject", "--ignore", "times", *folds)
    assert ended.code == 0
    assert "groups" in ended.out


def test_no_group_is_on_both_sides(table):
    data = datasets.open(table, group="subject", ignore=["times"])
    folds = [
        *make_folds(4, data.y, data.y, data.groups),
        *repeated_folds(data.y, 2, 0, data.groups),
        part_of_groups(data.groups, 0.3),
    ]
    for fold in folds:
        assert not set(data.groups[fold.train]) & set(data.groups[fold.test])
        assert len(fold.train) + len(fold.test) == len(data.y)


def test_groups_of_both_training_and_other_rows_are_counted(table, run, tmp_path):
    frame = pd.read_csv(table)
    number = frame["subject"].str[1:].astype(int)
    frame["split"] = np.where(number < 20, "train", np.where(number < 30, "val", "test"))
    frame.to_csv(table, index=False)
    options = ("--group", "subject", "--ignore", "times")
    assert "Groups with" not in run("train", table, *options).out
    frame.loc[:, "split"] = np.where(np.arange(400) % 10 == 0, "train", frame["split"])
    frame.to_csv(table, index=False)
    expected = (
        "warning     Groups with both test and training rows: 10 of 10, so the test accuracy looks",
        "warning     Groups with both validation and training rows: 10 of 10, so the validation",
    )
    assert [line for line in expected if line not in run("train", table, *options).out] == []
    for split, rows in frame.groupby("split"):
        rows.drop(columns="split").to_parquet(tmp_path / f"{split}.parquet")
    table.unlink()
    data = datasets.open(tmp_path, group="subject", ignore=["times"])
    assert data.shared_groups == {"test": (10, 10), "validation": (10, 10)}


def test_columns_that_do_not_fit(table):
    refuses(table, "no column 'x' for the groups", group="x", ignore=["times"])
    refuses(table, "'subject' of type string", "weights are numbers", weight="subject")
    refuses(table, "weights from -", "of at least 0", weight="x0", group="subject")
    refuses(table, "one column 'times'", group="times", weight="times")
    refuses("digits", "takes no group (--group)", group="subject")
    frame = pd.read_csv(table)
    frame.loc[3, "subject"] = None
    frame.to_csv(table, index=False)
    refuses(table, "1 missing groups in the column 'subject'", group="subject")


def test_too_few_groups(table, refused):
    refused(f"train {table} --group subject --ignore times --folds 50", "as many groups, got 40")
    refused(
        f"train {table} --group label --label subject --ignore times",
        "hold no example of class", "use fewer folds",
    )  # fmt: skip


def test_weights_of_validation_rows_count_in_the_choice(table, run):
    """As if each row were there as often as its weight says."""
    frame = pd.read_csv(table).drop(columns="subject")
    frame["split"] = np.where(np.arange(len(frame)) % 3, "train", "val")
    frame.to_csv(table, index=False)
    data = datasets.open(table, weight="times")
    X, y, weight = data.validation
    assert weight.tolist() == frame["times"][::3].tolist()
    times = weight.astype(int)
    repeated = (X.repeat(times, 0), y.repeat(times))
    scores = [
        LinearClassifierCV().fit(data.X, data.y, data.weight, validation=rows).scores_
        for rows in (data.validation, repeated, (X, y))
    ]
    np.testing.assert_allclose(scores[0], scores[1])
    assert (scores[0] != scores[2]).any()
    assert run("train", table, "--weight", "times").code == 0
    parts = table.with_name("parts")
    parts.mkdir()
    frame.drop(columns="split").to_csv(parts / "train.csv", index=False)
    frame.drop(columns=["split", "times"]).to_csv(parts / "val.csv", index=False)
    refuses(parts, "val.csv has no column 'times' for the weights", weight="times")
