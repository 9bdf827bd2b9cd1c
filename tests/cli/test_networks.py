"""Networks on the command line: trained, repeated, resumed, described, exported, refused."""

# ruff: noqa: E402 (what follows needs torch)

import sys

import numpy as np
import pytest

import halfspaces
from halfspaces.networks import MLP, ResNet

torch = pytest.importorskip("torch")

from halfspaces.files import run_file

BRIEF = ("--epochs", "2", "--batch-size", "64")
SMALL = ("train", "digits", "--score", "mlp", "--hidden", "8,6", *BRIEF)


@pytest.fixture
def mlp(run, tmp_path):
    """The path of a small saved network."""
    asked = ("--dropout", "0.2", "--batch-norm", "--validation", "0.2", "--seed", "3")
    ended = run(*SMALL, *asked, "--out", tmp_path / "mlp")
    assert ended.code == 0, ended.err
    assert "network     MLP(hidden=(8, 6), dropout=0.2, batch_norm=True)\n" in ended.out
    assert "validation" in ended.out.split("accuracy")[1]
    return tmp_path / "mlp.safetensors"


def test_a_run_file_repeats_the_same_bits_and_can_be_overridden(run, tmp_path, mlp):
    repeated = run("train", "--run", tmp_path / "mlp.run.toml", "--out", tmp_path / "again")
    assert repeated.code == 0, repeated.err
    one, two = (halfspaces.load(tmp_path / name) for name in ("mlp", "again"))
    X = np.arange(640).reshape(10, 64) % 17
    assert np.array_equal(one.decision_function(X), two.decision_function(X))
    assert one.notes_["metrics"] == two.notes_["metrics"]
    stored = run_file.loads((tmp_path / "mlp.run.toml").read_text())
    assert {name: stored[name] for name in ("score", "hidden", "dropout", "batch_norm")} == {
        "score": "mlp",
        "hidden": "8,6",
        "dropout": 0.2,
        "batch_norm": True,
    }
    linear = run("train", "--run", mlp, "--score", "linear", "--strength", "0.1")
    assert "--batch-size belongs to --optimizer sgd" in linear.err
    merged = run_file.merged(stored, {"score": "resnet"})
    assert not {"hidden", "dropout", "batch_norm", "validation"} & set(merged)


def test_all_parts_of_the_training_are_as_they_were_asked_for(run, tmp_path):
    asked = ("--score", "resnet", "--width", "2", "--depth", "1", "--no-batch-norm")
    asked += ("--stochastic-depth", "0.3", "--fractional-pooling", "--dropout", "0.1")
    asked += ("--penalty", "max_norm", "--radius", "2", "--loss", "hinge", "--optimizer", "sgd")
    asked += ("--update-rule", "momentum", "--schedule", "constant", "--step-size", "0.01")
    asked += ("--epochs", "1", "--class-weight", "balanced", "--jobs", "1")
    ended = run("train", "digits", *asked, "--out", tmp_path / "model")
    assert ended.code == 0, ended.err
    model = halfspaces.load(tmp_path / "model")
    assert model.network == ResNet(2, 1, 0.1, False, 0.3, True)
    assert model.image_shape == [8, 8, 1]
    assert (repr(model.loss), repr(model.penalty)) == (
        "Hinge(margin=1.0, smoothing=0.0)",
        "MaxNorm(radius=2.0)",
    )
    optimizer = model.optimizer
    assert (optimizer.step_size, optimizer.epochs, optimizer.batch_size) == (0.01, 1, 128)
    assert "Momentum" in repr(optimizer.update_rule)
    assert "Constant" in repr(optimizer.schedule)
    units = model.module_.get_parameter("network.scores.weight").norm(dim=1)
    assert float(units.max()) <= 2 + 1e-5


def test_a_network_is_trained_on_features_of_images(run, tmp_path):
    asked = ("--features", "hog(cell=4)", "--out", tmp_path / "model")
    ended = run(*SMALL, *asked)
    assert ended.code == 0, ended.err
    predicted = run("predict", tmp_path / "model", "digits")
    assert predicted.code == 0, predicted.err
    assert len(predicted.out.splitlines()) == 361


def test_a_run_that_was_stored_goes_on_to_the_same_bits(run, tmp_path, monkeypatch):
    asked = (*SMALL, "--dropout", "0.2", "--batch-norm")
    assert run(*asked, "--out", tmp_path / "whole").code == 0
    stored = ("--checkpoint", tmp_path / "stored", "--every", "0", "--out", tmp_path / "parts")

    from halfspaces.files import checkpoint

    write, writes = checkpoint.Checkpoint.__call__, []

    def killed(self, run):
        write(self, run)
        writes.append(1)
        if len(writes) == 20:
            raise OSError("killed")

    monkeypatch.setattr(checkpoint.Checkpoint, "__call__", killed)
    assert "killed" in run(*asked, *stored).err
    monkeypatch.setattr(checkpoint.Checkpoint, "__call__", write)
    resumed = run(*asked, *stored, "--resume")
    assert resumed.code == 0, resumed.err
    whole, parts = (halfspaces.load(tmp_path / name) for name in ("whole", "parts"))
    for name, tensor in whole.module_.state_dict().items():
        assert torch.equal(tensor, parts.module_.state_dict()[name]), name


def test_info_and_evaluate_and_report(run, tmp_path, mlp):
    described = run("info", mlp)
    for line in (
        "network     MLP(hidden=(8, 6), dropout=0.2, batch_norm=True)\n",
        "layers      1 Standardize, 1 Flatten, 3 Linear, 2 BatchNorm1d, 2 ReLU, 2 Dropout\n",
        "parameters  658\n",
        "epochs      2\n",
        "optimizer   SGD(step_size=0.002, update_rule=Adam(",
    ):
        assert line in described.out
    evaluated = run("evaluate", mlp, "digits")
    accuracy = halfspaces.load(mlp).notes_["metrics"]["test"]
    assert f"accuracy    test {100 * accuracy:.2f} %" in evaluated.out
    reported = run("report", mlp, "--out", tmp_path / "report.html")
    assert reported.code == 0, reported.err
    text = (tmp_path / "report.html").read_text()
    assert "<dt>Network</dt><dd>MLP(hidden=(8, 6), dropout=0.2, batch_norm=True)</dd>" in text
    assert "Confident mistakes" in text or "mistakes" in text
    assert "What each class looks for" not in text


def test_pictures_of_linear_scores_say_what_they_need(run, mlp):
    for kind in ("templates", "slice", "landscape", "path", "occam", "race"):
        ended = run("plot", kind, mlp)
        assert ended.code == 2
        assert "needs linear scores xW + b" in ended.err
        assert len(ended.err.splitlines()) == 1
    assert run("plot", "margins", mlp).code == 0


def test_the_onnx_model_gives_the_same_predictions(run, tmp_path, mlp):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    ended = run("export", mlp, "--to", "onnx")
    assert ended.code == 0, ended.err
    assert "dropout (p=0.2) is left out" in ended.out
    session = onnxruntime.InferenceSession(tmp_path / "mlp.onnx")
    model = halfspaces.load(mlp)
    X = np.random.default_rng(0).integers(0, 17, (30, 64), np.uint8)
    label, probabilities, scores = session.run(None, {"X": X})
    assert np.array_equal(label, model.predict(X))
    np.testing.assert_allclose(scores, model.decision_function(X), atol=1e-5)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def test_a_network_has_no_other_export(run, mlp):
    for to in ("torch", "sklearn", "numpy"):
        ended = run("export", mlp, "--to", to)
        assert ended.code == 2
        assert "A network can be exported to ONNX alone" in ended.err


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("--score mpl", "--score mpl is not known: did you mean 'mlp'?"),
        ("--hidden 8", "--hidden belongs to --score mlp, got --score linear."),
        ("--score mlp --width 8", "--width belongs to --score resnet, got --score mlp."),
        ("--score linear --batch-norm", "--batch-norm belongs to --score mlp or resnet"),
        ("--score mlp --feature-noise 1", "--feature-noise belongs to --score linear"),
        ("--score mlp --adaptive-l2", "--adaptive-l2 belongs to --score linear"),
        ("--score mlp --hidden 8,x", "--hidden must be a list such as 512,256, got '8,x'."),
        ("--score mlp --hidden 0", "at least 1, got 0"),
        ("--score resnet --dropout 1", "--dropout must be at least 0 and below 1, got 1.0."),
        ("--score mlp --strengths 3", "--strengths 3 belongs to a search for λ"),
        ("--score mlp --folds 3", "--folds 3 belongs to a search for λ, which --score mlp does"),
        ("--score mlp --calibrate sigmoid", "--calibrate sigmoid belongs to a search for λ"),
        ("--score mlp --step-size find", "--step-size find belongs to linear scores"),
        ("--score mlp --sanity", "--sanity checks linear scores, got --score mlp"),
        (
            "--score resnet --features hog",
            "--score resnet needs images, and --features hog makes plain rows; use --score mlp.",
        ),
        ("--score mlp --optimizer lbfgs --batch-norm", "LBFGS compares values of one function"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(run, asked, sentence):
    ended = run("train", "digits", *asked.split())
    assert ended.code != 0
    assert sentence in ended.err
    assert len(ended.err.splitlines()) == 1


def test_resnet_needs_images(run, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b,label\n" + "1,2,x\n3,1,y\n" * 20)
    ended = run("train", table, "--score", "resnet")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert "--score resnet needs images, and table has plain rows" in ended.err


def test_without_torch_it_ends_before_data_are_read(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = run("train", "no such file", "--score", "mlp")
    assert ended.code == 2
    assert "--score mlp needs torch, which is not installed; run: pip install" in ended.err
    assert MLP().n_layers == 2
