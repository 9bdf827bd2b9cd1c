"""What a callback logs, the tool's own reader reads back."""

import json
import struct
import time

import numpy as np
import pytest
from sklearn.datasets import load_iris

from halfspaces import LinearClassifier, minimize
from halfspaces.callbacks import MLflow, TensorBoard, WandB
from halfspaces.optimizers import LBFGS

X, Y = load_iris(return_X_y=True)


def _fitted(log):
    with log:
        return LinearClassifier(callbacks=[log], verbose=-1).fit(X, Y, validation=(X, Y)).result_


@pytest.mark.slow
def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result = _fitted(TensorBoard(tmp_path))
    events = reading.EventAccumulator(str(tmp_path)).Reload()
    losses = [event.value for event in events.Scalars("loss")]
    np.testing.assert_allclose(losses, np.ravel(result.history["loss"]), rtol=1e-6)
    assert [event.step for event in events.Scalars("loss")] == list(range(1, len(losses) + 1))
    assert "validation_accuracy" in events.Tags()["scalars"]


def test_members_have_names_of_their_own(tmp_path):
    pytest.importorskip("tensorboardX")
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    objective = LinearClassifier().objective(X, Y)
    with TensorBoard(tmp_path) as log:
        result = minimize(objective, LBFGS(), objective.zeros(2), callbacks=[log])
    events = reading.EventAccumulator(str(tmp_path)).Reload()
    last = [events.Scalars(f"loss/{member}")[-1].value for member in range(2)]
    np.testing.assert_allclose(last, result.history["loss"][-1], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    result = _fitted(MLflow())
    assert mlflow.active_run() is None, "the run that the callback began has ended"
    client = mlflow.MlflowClient()
    (run,) = client.search_runs(["0"])
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [each.value for each in history] == np.ravel(result.history["loss"]).tolist()
    with mlflow.start_run() as own, MLflow() as log:
        LinearClassifier(callbacks=[log], verbose=-1).fit(X, Y)
    assert client.get_run(own.info.run_id).data.metrics["loss"] > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_wandb(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    result = _fitted(WandB(mode="offline", dir=str(tmp_path)))
    (path,) = tmp_path.rglob("*.wandb")
    expected = np.ravel(result.history["loss"])
    losses = []
    for _ in range(300):  # wandb's own process writes the file, on a busy machine later
        losses = [row["loss"] for row in _rows(path) if "loss" in row]
        if len(losses) >= len(expected):
            break
        time.sleep(0.1)
    np.testing.assert_allclose(losses, expected)


def _rows(path):
    """The rows of history in the file of an offline run: records of wandb, in LevelDB's log."""
    from wandb.proto import wandb_internal_pb2

    content = path.read_bytes()
    place = 7  # after the header of the file
    parts = b""
    while place + 7 <= len(content):
        room = 32768 - place % 32768  # of the block
        if room < 7:
            place += room
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            parts = b""
            yield {
                item.key or item.nested_key[0]: json.loads(item.value_json)
                for item in record.history.item
            }


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'halfspaces\[tensorboard\]'"):
        _fitted(TensorBoard("nowhere"))
