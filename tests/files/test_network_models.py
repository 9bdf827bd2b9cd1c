"""Networks in files: the same predictions, no pickle, and one sentence for what does not fit."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load, load_file, save
from sklearn.datasets import load_digits

import halfspaces
from halfspaces import NetworkClassifier
from halfspaces.files import safetensors_file
from halfspaces.files.models import ModelFileError
from halfspaces.networks import MLP, NETWORKS, ResNet
from halfspaces.optimizers import SGD, Adam
from tests.fuzz import model_file

torch = pytest.importorskip("torch")
nn = torch.nn

BRIEF = SGD(step_size=2e-3, batch_size=64, epochs=1, update_rule=Adam())
X, y = load_digits(return_X_y=True)
X, y = X[:400].astype(np.uint8), y[:400]


def fitted(network, image_shape=None, labels=y, **options):
    asked = {"optimizer": BRIEF, "image_shape": image_shape, "verbose": -1, **options}
    return NetworkClassifier(network, **asked).fit(X, labels)


@pytest.fixture(scope="module")
def mlp():
    return fitted(MLP(hidden=(6,), dropout=0.2, batch_norm=True))


@pytest.mark.parametrize(
    ("network", "image_shape"),
    [
        (MLP(hidden=(6, 5), dropout=0.2, batch_norm=True), None),
        (ResNet(width=2, stochastic_depth=0.2, fractional_pooling=True), (8, 8)),
    ],
)
def test_a_loaded_network_predicts_the_same_bits(tmp_path, network, image_shape):
    classifier = fitted(network, image_shape, penalty="max_norm")
    path = tmp_path / "model.safetensors"
    halfspaces.save(classifier, path, class_names=list("abcdefghij"))
    loaded = halfspaces.load(path)
    assert type(loaded) is NetworkClassifier
    assert (loaded.network, loaded.penalty) == (network, "max_norm")
    assert loaded.notes_["class_names"] == list("abcdefghij")
    assert loaded.notes_["versions"]["torch"] == str(torch.__version__)
    assert not loaded.module_.training
    assert np.array_equal(loaded.decision_function(X), classifier.decision_function(X))
    state = classifier.module_.state_dict()
    assert load_file(path).keys() == state.keys()  # parameters and buffers by their names

    again = tmp_path / "again.safetensors"
    halfspaces.save(loaded, again)
    assert np.array_equal(halfspaces.load(again).predict_proba(X), classifier.predict_proba(X))


def test_two_classes_with_names_come_back(tmp_path):
    labels = np.where(y > 4, "large", "small")
    classifier = fitted("mlp", labels=labels)
    halfspaces.save(classifier, tmp_path / "two.safetensors")
    loaded = halfspaces.load(tmp_path / "two.safetensors")
    assert np.array_equal(loaded.predict(X), classifier.predict(X))


def test_what_is_written_into_the_tensors_is_saved(tmp_path, mlp):
    classifier = model_file_copy(mlp, tmp_path)
    with torch.no_grad():
        classifier.module_.get_parameter("network.scores.bias")[3] = 1e6
    halfspaces.save(classifier, tmp_path / "model.safetensors")
    assert set(halfspaces.load(tmp_path / "model.safetensors").predict(X)) == {3}


def model_file_copy(classifier, folder):
    halfspaces.save(classifier, folder / "copy.safetensors")
    return halfspaces.load(folder / "copy.safetensors")


def test_a_module_of_ones_own_is_refused_and_a_registered_recipe_is_not(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    own = fitted(nn.Linear(64, 10))
    with pytest.raises(ModelFileError, match=r"network of your own \(Linear\).*state_dict"):
        halfspaces.save(own, path)
    recipe = Outside(hidden=(3,))
    classifier = fitted(recipe)
    with pytest.raises(ModelFileError, match="components in its registries"):
        halfspaces.save(classifier, path)
    monkeypatch.setitem(NETWORKS, "outside", recipe)
    halfspaces.save(classifier, path)
    assert halfspaces.load(path).network == recipe
    monkeypatch.delitem(NETWORKS, "outside")
    with pytest.raises(ModelFileError, match=r"needs 'Outside'.*not registered"):
        halfspaces.load(path)


class Outside(MLP):
    """A recipe from outside."""


def test_a_network_that_is_not_its_recipes_is_refused(tmp_path, mlp):
    other = model_file_copy(mlp, tmp_path).set_params(network=MLP(hidden=(9,)))
    with pytest.raises(ModelFileError, match=r"not one of network=MLP\(hidden=\(9,\)"):
        halfspaces.save(other, tmp_path / "model.safetensors")


def changed(mlp, folder, change):
    """The file of the network after a change of its tensors and metadata, its checksum right."""
    path = folder / "model.safetensors"
    halfspaces.save(mlp, path)
    content = path.read_bytes()
    tensors = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    envelope = json.loads(header["__metadata__"]["halfspaces"])
    change(tensors, envelope["metadata"])
    envelope["sha256"] = safetensors_file._checksum(tensors)
    path.write_bytes(save(tensors, {"halfspaces": json.dumps(envelope)}))
    return path


WEIGHT = "network.hidden.1.weight"


def _missing(tensors, metadata):
    del tensors[WEIGHT]


def _of_another_shape(tensors, metadata):
    tensors[WEIGHT] = tensors[WEIGHT][:, :-1].copy()


def _not_a_number(tensors, metadata):
    tensors[WEIGHT][0, 0] = np.nan


def _of_another_type(tensors, metadata):
    tensors[WEIGHT] = tensors[WEIGHT].astype(np.float64)


def _one_too_many(tensors, metadata):
    tensors["network.other"] = np.zeros(3, np.float32)


def _variance_below_0(tensors, metadata):
    tensors["network.hidden.2.running_var"][:] = -1


def _of_an_unknown_class(tensors, metadata):
    metadata["classifier"] = "Forest"


def _linear(tensors, metadata):
    metadata["classifier"] = "LinearClassifier"


def _without_inputs(tensors, metadata):
    del metadata["inputs"]


def _of_enormous_layers(tensors, metadata):
    metadata["parameters"]["network"]["hidden"] = [10**12]


def _of_many_layers(tensors, metadata):
    metadata["parameters"]["network"]["hidden"] = [1] * 100_000


def _of_other_code(tensors, metadata):
    metadata["parameters"]["network"] = {"component": "system", "command": "ls"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_missing, f"the tensor '{WEIGHT}' of .* is missing"),
        (_of_another_shape, r"has shape \(6, 63\), and .* needs \(6, 64\)"),
        (_not_a_number, "not of finite float32 numbers"),
        (_of_another_type, "not of finite float32 numbers"),
        (_one_too_many, "the tensor 'network.other' is none of"),
        (_variance_below_0, "no finite scores"),
        (_of_an_unknown_class, "has no 'Forest'"),
        (_linear, "not one of a LinearClassifier"),
        (_without_inputs, "has no 'inputs'"),
        (_of_enormous_layers, r"has shape \(6, 64\), and .* needs \(1000000000000, 64\)"),
        (_of_many_layers, "too few for the layers"),
        (_of_other_code, "needs 'system', which is not part of halfspaces"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_a_sentence(tmp_path, mlp, change, words):
    path = changed(mlp, tmp_path, change)
    with pytest.raises(ModelFileError, match=words) as refused:
        halfspaces.load(path)
    assert "\n" not in str(refused.value)


def test_mutated_files_are_networks_or_refused(tmp_path, mlp):
    halfspaces.save(mlp, tmp_path / "mlp.safetensors", metrics={"test": 0.9})
    resnet = fitted(ResNet(width=1), (8, 8))
    halfspaces.save(resnet, tmp_path / "resnet.safetensors")
    rng = random.Random(0)
    outcomes = {"refused": 0, "model": 0}
    for name in ("mlp", "resnet"):
        whole = (tmp_path / f"{name}.safetensors").read_bytes()
        source = model_file.mutants(whole, rng)
        for _ in range(60):
            outcomes[model_file.check(tmp_path / "given.safetensors", next(source))] += 1
    assert min(outcomes.values()) > 5


def test_without_torch_a_saved_network_is_refused_in_a_sentence(tmp_path, mlp, monkeypatch):
    path = tmp_path / "model.safetensors"
    halfspaces.save(mlp, path)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ImportError, match=r"needs torch.*pip install") as refused:
        halfspaces.load(path)
    assert "\n" not in str(refused.value)


def test_fields_of_recipes_are_all_stored():
    recipe = replace(ResNet(), width=3, dropout=0.1)
    from halfspaces.files.components import decode, encode

    assert decode(json.loads(json.dumps(encode(recipe)))) == recipe
