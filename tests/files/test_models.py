"""Models saved and loaded: the same bits come back, everything else is refused."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import halfspaces
from halfspaces import LinearClassifier, LinearClassifierCV
from halfspaces.files import safetensors_file
from halfspaces.files.components import encode
from halfspaces.files.safetensors_file import ModelFileError
from halfspaces.losses import LOSSES
from halfspaces.losses.crammer_singer import CrammerSinger
from halfspaces.losses.hinge import Hinge
from halfspaces.losses.one_vs_all import OneVsAll
from halfspaces.losses.softmax import Softmax
from halfspaces.losses.surrogates import SquaredPlus
from halfspaces.optimizers import SGD, Adam, WarmUp
from halfspaces.penalties.elastic_net import ElasticNet
from halfspaces.penalties.l1 import L1
from halfspaces.penalties.l2 import L2
from halfspaces.penalties.max_norm import MaxNorm
from halfspaces.penalties.none import NoPenalty
from tests.helpers import NAMES, assert_one_sentence

X, Y = load_digits(return_X_y=True)


@dataclass(frozen=True)
class Own(Softmax):
    """A loss that is none of the package's own."""


def parameters(classifier):
    """As the classifier was given them, in words: components compare by value."""
    return {name: repr(value) for name, value in classifier.get_params().items()}


def round_trip(classifier, path, data, **notes):
    """Save and load; the loaded classifier must give the same bits."""
    halfspaces.save(classifier, path, **notes)
    loaded = halfspaces.load(path)
    assert parameters(loaded) == parameters(classifier)
    assert loaded.classes_.dtype == classifier.classes_.dtype
    assert loaded.coef_.dtype == classifier.coef_.dtype
    for method in ("predict", "decision_function", "predict_proba"):
        assert hasattr(loaded, method) == hasattr(classifier, method)
        if hasattr(classifier, method):
            np.testing.assert_array_equal(
                getattr(loaded, method)(data), getattr(classifier, method)(data), strict=True
            )
    return loaded


@pytest.mark.parametrize(
    "labels",
    [NAMES, NAMES.astype(object), np.arange(10, dtype=np.int16) - 3, np.arange(10) > 4],
    ids=lambda y: y.dtype,
)
def test_labels_survive(tmp_path, labels):
    loaded = round_trip(LinearClassifier().fit(X, labels[Y]), tmp_path / "model", X)
    assert loaded.score(X, labels[Y]) > 0.85


def test_a_centred_model_survives(tmp_path):
    shifted = (X + 1e5).astype(np.float32)
    classifier = LinearClassifier().fit(shifted, Y)
    loaded = round_trip(classifier, tmp_path / "model", shifted)
    assert loaded.score(shifted, Y) > 0.9


@pytest.mark.filterwarnings("ignore:The classes are linearly separable")
@pytest.mark.parametrize(
    "options",
    [
        *({"loss": loss, "penalty": L2(0.3)} for loss in LOSSES.values()),
        {"loss": Hinge(margin=0.5), "optimizer": "sgd"},
        {"loss": CrammerSinger(margin=2.0), "optimizer": "sgd"},
        {"loss": OneVsAll(SquaredPlus(), margin=0.5), "class_weight": {3: 2.0, 4: 0.5}},
        {"loss": Softmax(label_smoothing=0.01), "fit_intercept": False},
        *({"penalty": penalty} for penalty in (L1(0.1), ElasticNet(0.1, beta=2.0), MaxNorm(0.5))),
        {
            "penalty": NoPenalty(),
            "tol": 0.1,
            "standardize": False,
            "n_jobs": 1,
            "warm_start": True,
            "verbose": -1,
        },
        {
            "optimizer": SGD(batch_size=64, update_rule=Adam(beta1=0.8), schedule=WarmUp(2)),
            "random_state": 0,
        },
    ],
    ids=str,
)
def test_parameters_survive(tmp_path, options):
    classifier = LinearClassifier(**{"tol": 0.05, **options}).fit(X[:300], Y[:300])
    classifier.set_params(random_state=None)  # it may be any object, and a fitted model needs none
    round_trip(classifier, tmp_path / "model", X)


def test_a_loaded_model_can_be_saved_again_and_fitted_on(tmp_path):
    frame = pd.DataFrame(X, columns=[f"pixel {column}" for column in range(64)])
    classifier = LinearClassifier(warm_start=True).fit(frame, Y)
    notes = {"class_names": list(NAMES), "metrics": {"test": 0.95, "depth": [1, None]}}
    loaded = round_trip(classifier, tmp_path / "model", frame, **notes)
    assert loaded.notes_["fit"]["reason"] == str(classifier.result_.reason)
    assert loaded.notes_["class_names"] == notes["class_names"]
    again = round_trip(loaded, tmp_path / "again", frame, more=1)
    assert again.notes_ == {**loaded.notes_, "more": 1}
    assert again.fit(frame, Y).n_iter_ <= 2


def test_what_cannot_be_saved_is_refused_and_leaves_no_file(tmp_path):
    path = tmp_path / "model"

    def refused(classifier, words, **notes):
        with pytest.raises(ModelFileError, match=words) as caught:
            halfspaces.save(classifier, path, **notes)
        assert "\n" not in str(caught.value)
        assert not path.exists()

    refused(LinearClassifier(), "not fitted yet; call fit before save")
    refused(
        LinearClassifier(Own()).fit(X, Y),
        r"Own\(.*\) cannot be written .* use .* halfspaces' own components",
    )
    refused(
        LinearClassifier().fit(X, Y),
        r"object at .* cannot be written into a model file",
        note=object(),
    )


@pytest.mark.parametrize("scoring", ["accuracy", "log_loss"])
def test_the_table_of_a_search_is_a_note(tmp_path, scoring):
    search = LinearClassifierCV(strengths=[1.0, 0.1], cv=3, scoring=scoring).fit(X[:300], Y[:300])
    loaded = round_trip(search.classifier_, tmp_path / "m.safetensors", X[:9])
    assert "search" not in loaded.notes_
    halfspaces.save(search, tmp_path / "m.safetensors")
    note = halfspaces.load(tmp_path / "m.safetensors").notes_["search"]
    assert (note["scoring"], note["strength"]) == (scoring, search.strength_)
    results = search.cv_results_
    columns = {"strength": "param_strength", "score": "mean_test_score", "error": "standard_error"}
    columns |= {"low": "interval_low", "high": "interval_high", "train_loss": "mean_train_loss"}
    for name, column in (columns | {"nonzeros": "nonzeros"}).items():
        assert [row[name] for row in note["rows"]] == results[column].tolist()


def test_class_names_name_every_class(tmp_path):
    """Names belong to labels 0, 1, ...: those of other labels would be printed wrongly."""
    path = tmp_path / "model.safetensors"
    shifted = LinearClassifier().fit(X[:300], Y[:300] % 3 + 1)
    words = "its 3 class_names belong to labels 0 to 2, and it has the class 3; correct them"
    with pytest.raises(ModelFileError, match=words):
        halfspaces.save(shifted, path, class_names=["cat", "dog", "eel"])
    halfspaces.save(shifted, path, class_names=["none", "cat", "dog", "eel"])
    tensors, metadata = safetensors_file.read(path)
    metadata["notes"]["pairs"] = [["class_names", ["cat", "dog", "eel"]]]
    safetensors_file.write(path, tensors, metadata)
    with pytest.raises(ModelFileError, match="it has the class 3"):
        halfspaces.load(path)


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ({"class_names": [1, 2]}, r"class_names\[0\] = 1, which must be a string"),
        ({"search": {"scoring": "loss", "strength": 0.0, "rows": []}}, "search.strength = 0.0"),
        ({"search": {"scoring": "loss", "strength": 1.0, "rows": []}}, r"search.rows = \[\]"),
        (
            {"search": {"scoring": "loss", "strength": 1.0, "rows": [{"strength": 1.0}]}},
            r"it has no 'search.rows\[0\].score'",
        ),
        ({"class_names": None}, ""),
        ({"class_names": "ab"}, "class_names = 'ab', which must be a list"),
        ({"class_names": {"a": 1}}, "class_names = {'a': 1}, which must be a list"),
        ({"metrics": "high"}, "metrics = 'high', which must be a table"),
        ({"image_shape": 4}, "image_shape = 4, which must be a list"),
        ({"image_shape": [8, 0]}, r"image_shape\[1\] = 0"),
        ({"run": 1}, "run = 1, which must be a string"),
        ({"data": [[]]}, r"data = \[\[\]\], which must be a string"),
    ],
    ids=lambda given: given if isinstance(given, str) else next(iter(given)),
)
def test_notes_are_checked_when_they_are_saved_and_loaded(tmp_path, note, words):
    path = tmp_path / "model.safetensors"
    classifier = LinearClassifier().fit(X[:300], Y[:300])
    if not words:
        halfspaces.save(classifier, path, **note)
        return
    with pytest.raises(ModelFileError, match=words):
        halfspaces.save(classifier, path, **note)
    halfspaces.save(classifier, path)
    tensors, metadata = safetensors_file.read(path)
    metadata["notes"] = encode(note)
    safetensors_file.write(path, tensors, metadata)
    with pytest.raises(ModelFileError, match=words) as caught:
        halfspaces.load(path)
    assert_one_sentence(str(caught.value), ("is not one of a LinearClassifier",))


def test_files_that_are_no_classifier_are_refused(tmp_path):
    path = tmp_path / "model"
    halfspaces.files.safetensors_file.write(path, {"W": np.eye(2)}, {"loss": "softmax"})
    with pytest.raises(
        ModelFileError,
        match=r"is not one of a LinearClassifier \(it has no 'parameters'\); give one",
    ):
        halfspaces.load(path)
    halfspaces.save(LinearClassifier().fit(X, Y), path)
    tensors, metadata = halfspaces.files.safetensors_file.read(path)
    halfspaces.files.safetensors_file.write(
        path, {**tensors, "coef": tensors["coef"][1:]}, metadata
    )
    with pytest.raises(
        ModelFileError, match=r"coef \(9, 64\) and intercept \(10,\) do not fit 10 classes"
    ):
        halfspaces.load(path)
    metadata["parameters"]["loss"] = {"component": "System", "command": "rm"}
    halfspaces.files.safetensors_file.write(path, tensors, metadata)
    with pytest.raises(ModelFileError, match="needs 'System', which is not part of halfspaces"):
        halfspaces.load(path)
