"""`LogisticProbe`, and the classifiers, in MTEB's evaluator and as SetFit's head.

The packages are installed by hand: pip install mteb setfit.
"""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from halfspaces import LinearClassifierCV
from halfspaces.estimators.probes import LogisticProbe, probe

# The packages' own.
pytestmark = pytest.mark.filterwarnings("default")

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
TRAIN, TEST = np.arange(900), np.arange(900, 1300)
TEXTS = [f"digit {row}" for row in range(len(X))]


def imported(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed: pip install {name}")


class Encoder:
    """An encoder of MTEB's protocol: the embedding of "digit 7" is row 7."""

    mteb_model_meta = None

    def encode(self, inputs, **options):
        rows = [int(text.split()[1]) for batch in inputs for text in batch["text"]]
        return X[rows]

    def similarity(self, first, second):
        return first @ second.T

    def similarity_pairwise(self, first, second):
        return (first * second).sum(axis=1)


def mteb_scores(base, labels, **settings):
    """The scores of a task of MTEB on these rows, without a download."""
    mteb = imported("mteb")
    datasets = imported("datasets")

    class Task(base):
        metadata = mteb.get_task("Banking77Classification").metadata

    task = Task()
    task.dataset = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_dict(
                {"text": [TEXTS[row] for row in rows], "label": [labels[row] for row in rows]}
            )
            for name, rows in (("train", TRAIN), ("test", TEST))
        }
    )
    task.data_loaded = True
    for name, value in settings.items():
        setattr(task, name, value)
    scores = task.evaluate(Encoder(), "test", encode_kwargs={"batch_size": 64})
    return scores["default"]


def test_mteb_has_the_rows_and_scores_of_our_protocol():
    imported("mteb")
    from mteb.abstasks.classification import AbsTaskClassification

    theirs = mteb_scores(
        AbsTaskClassification, Y.tolist(), evaluator_model=LogisticRegression(max_iter=1000)
    )
    ours = mteb_scores(AbsTaskClassification, Y.tolist(), evaluator_model=LogisticProbe())
    own = probe(X[TRAIN], Y[TRAIN], (X[TEST], Y[TEST]), protocol="mteb", verbose=-1)
    accuracy, f1 = (row.values for row in own.rows)
    each = ours["scores_per_experiment"]
    np.testing.assert_allclose(accuracy, [run["accuracy"] for run in each], atol=1e-12)
    np.testing.assert_allclose(f1, [run["f1"] for run in each], atol=1e-12)
    # Of 400 rows, at most two at a boundary that a tolerance of 1e-3 moves.
    difference = [
        ours["accuracy"] - theirs["accuracy"]
        for ours, theirs in zip(each, theirs["scores_per_experiment"], strict=True)
    ]
    assert np.abs(difference).max() <= 2 / 400
    assert len(difference) == 10


def test_mteb_takes_a_search():
    imported("mteb")
    from mteb.abstasks.classification import AbsTaskClassification

    search = LinearClassifierCV(strengths=5, cv=2, standardize=False, verbose=-1)
    settings = {"evaluator_model": search, "n_experiments": 2}
    scores = mteb_scores(AbsTaskClassification, Y.tolist(), **settings)
    assert scores["accuracy"] > 0.8


def test_mteb_takes_several_labels():
    imported("mteb")
    from mteb.abstasks.multilabel_classification import AbsTaskMultilabelClassification

    labels = [[int(digit % 2), 2 + int(digit > 4)] for digit in Y]
    settings = {"n_experiments": 2, "samples_per_label": 64}
    scores, expected = (
        mteb_scores(AbsTaskMultilabelClassification, labels, evaluator_model=model, **settings)
        for model in (LogisticProbe(), OneVsRestClassifier(LogisticRegression(max_iter=1000)))
    )
    assert scores["f1"] == pytest.approx(expected["f1"], abs=0.01)
    assert scores["hamming"] > 0.8


class Body:
    """A body of SetFit."""

    device = "cpu"

    def encode(self, texts, **options):
        torch = imported("torch")
        rows = X[[int(text.split()[1]) for text in texts]]
        return torch.from_numpy(rows) if options.get("convert_to_tensor") else rows


def setfit_model(head, **settings):
    setfit = imported("setfit")
    model = setfit.SetFitModel(model_body=Body(), model_head=head, **settings)
    assert not model.has_differentiable_head
    return model


@pytest.mark.parametrize(
    "head",
    [LogisticProbe(), LinearClassifierCV(strengths=5, cv=2, verbose=-1)],
    ids=["LogisticProbe", "LinearClassifierCV"],
)
def test_setfit_takes_a_head(head, tmp_path):
    names = np.array(["even", "odd"])[Y % 2]
    model = setfit_model(head)
    few = TRAIN[:200]
    model.fit([TEXTS[row] for row in few], names[few].tolist(), num_epochs=1)
    assert model.labels == ["even", "odd"]
    asked = [TEXTS[row] for row in TEST]
    assert np.mean(np.asarray(model.predict(asked)) == names[TEST]) > 0.8
    p = model.predict_proba(asked, as_numpy=True)
    assert p.shape == (len(TEST), 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    # As SetFit saves it.
    joblib.dump(model.model_head, tmp_path / "head")
    again = joblib.load(tmp_path / "head")
    assert (again.predict(X[TEST]) == model.model_head.predict(X[TEST])).all()


def test_setfit_takes_several_labels():
    model = setfit_model(LogisticProbe(), multi_target_strategy="one-vs-rest")
    several = np.stack([Y % 2, Y > 4], axis=1)
    model.fit([TEXTS[row] for row in TRAIN], several[TRAIN].tolist(), num_epochs=1)
    predicted = model.predict([TEXTS[row] for row in TEST], as_numpy=True)
    assert np.mean(predicted == several[TEST]) > 0.8
