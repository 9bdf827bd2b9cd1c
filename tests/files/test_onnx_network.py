"""Networks as ONNX models: onnxruntime gives the scores of inference, and the model its notes."""

# ruff: noqa: E402 (imports that need torch follow the check that it is there)

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

from torch import nn

from halfspaces import NetworkClassifier
from halfspaces.export import to_onnx
from halfspaces.files.export.onnx_network import REPLACED, network_to_onnx
from halfspaces.networks import MLP, ResNet
from halfspaces.optimizers import SGD

NETWORKS = {
    "mlp": (MLP(hidden=(16,), dropout=0.5, batch_norm=True), (3, 8)),
    "resnet": (
        ResNet(width=4, dropout=0.4, stochastic_depth=0.5, fractional_pooling=True),
        (3, 13, 16),
    ),
}
WORDS = {
    "mlp": ["dropout (p=0.5) is left out", "batch normalization uses running statistics"],
    "resnet": [
        "stochastic depth (survival=0.5) is its expectation",
        "fractional max pooling (ratio=1.8) has fixed regions",
    ],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_gives_the_scores_of_inference(name):
    network, shape = NETWORKS[name]
    module = network.module(shape, 4, seed=1)
    module.standardize.set(120.0, 60.0)
    rng = np.random.default_rng(0)
    module(torch.from_numpy(rng.integers(256, size=(32, *shape), dtype=np.uint8)))
    state = torch.get_rng_state()
    model = network_to_onnx(module, shape, dtype="uint8")
    assert module.training
    assert torch.equal(state, torch.get_rng_state())

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for count in (1, 5):
        X = rng.integers(256, size=(count, *shape), dtype=np.uint8)
        (scores,) = session.run(["scores"], {"X": X})
        with torch.no_grad():
            expected = module.eval()(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)

    (replaced,) = [each.value for each in model.metadata_props if each.key == REPLACED]
    assert [words for words in WORDS[name] if words not in replaced] == []
    assert replaced in model.doc_string


def test_a_network_without_noise_replaces_nothing():
    model = network_to_onnx(MLP(hidden=(4,)).module((3,), 2), (3,))
    assert model.doc_string.endswith("Replaced: nothing.")
    assert model.producer_name == "halfspaces"


def test_a_module_that_torch_cannot_export_is_one_sentence():
    pool = nn.Sequential(nn.FractionalMaxPool2d(2, output_ratio=0.6), nn.Flatten())
    with pytest.raises(ValueError, match=r"^torch cannot export this Sequential to ONNX: .*\.$"):
        network_to_onnx(pool, (1, 8, 8))


@pytest.mark.parametrize("labels", [["no", "yes"], [3, 7, 9]])
def test_a_classifier_has_the_outputs_of_linear_ones(labels):
    rng = np.random.default_rng(0)
    X = rng.integers(256, size=(60, 36), dtype=np.uint8)
    y = np.array(labels)[np.arange(60) % len(labels)]
    classifier = NetworkClassifier(
        ResNet(width=1, dropout=0.1),
        "ova_logistic",
        optimizer=SGD(0.01, epochs=1),
        image_shape=(4, 3, 3),
        verbose=-1,
    ).fit(X, y)
    session = onnxruntime.InferenceSession(
        to_onnx(classifier).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    label, probabilities, scores = session.run(["label", "probabilities", "scores"], {"X": X})
    assert np.array_equal(label, classifier.predict(X))
    np.testing.assert_allclose(scores, classifier.decision_function(X), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), rtol=1e-4, atol=1e-5)
