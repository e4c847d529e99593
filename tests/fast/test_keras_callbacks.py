"""Callbacks, driven by hand as a training loop drives them."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest
from netwright.frontends.keras import callbacks, metrics, optimizers


class Model:
    """What callbacks see of a model."""

    def __init__(self):
        self.optimizer = optimizers.SGD(0.1)
        self.metrics = [metrics.Mean("loss"), metrics.BinaryAccuracy("accuracy")]
        self.stop_training = False
        self.weights_now = [np.zeros(2)]
        self.saved = []
        self.history = None

    def get_weights(self):
        return [w.copy() for w in self.weights_now]

    def set_weights(self, weights):
        self.weights_now = weights

    def save(self, path, overwrite=True):
        self.saved.append(path)

    save_weights = save


def run(given, values, name="val_loss", **options):
    """A training whose epochs end with these values."""
    model = Model()
    calls = callbacks.CallbackList(
        given, add_history=True, model=model, epochs=len(values), steps=2, **options
    )
    calls.on_train_begin()
    logs = {}
    for epoch, value in enumerate(values):
        calls.on_epoch_begin(epoch)
        for batch in range(2):
            calls.on_train_batch_begin(batch)
            calls.on_train_batch_end(batch, {"loss": value})
            if model.stop_training:
                break
        model.weights_now = [np.full(2, epoch)]
        logs = {"loss": 1.0, name: value}
        calls.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    calls.on_train_end(logs)
    return model


def test_history():
    model = run([], [3.0, 2.0])
    assert model.history.history == {"loss": [1.0, 1.0], "val_loss": [3.0, 2.0]}
    assert model.history.epoch == [0, 1]


def test_early_stopping():
    model = run(callbacks.EarlyStopping(patience=2, restore_best_weights=True), [3.0, 1.0, 2.0, 2.5, 0.5])
    assert model.history.epoch == [0, 1, 2, 3]
    assert model.weights_now[0].tolist() == [1, 1]
    model = run(callbacks.EarlyStopping("val_accuracy", patience=1), [0.1, 0.2, 0.2, 0.3], "val_accuracy")
    assert model.history.epoch == [0, 1, 2]
    model = run(callbacks.EarlyStopping(min_delta=0.5, patience=1), [3.0, 2.8, 1.0])
    assert model.history.epoch == [0, 1]
    model = run(callbacks.EarlyStopping(patience=1, start_from_epoch=2), [1.0, 2.0, 3.0, 4.0, 5.0])
    assert model.history.epoch == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="whether 'val_x' should be large or small"):
        run(callbacks.EarlyStopping("val_x"), [1.0, 2.0], "val_x")
    with pytest.warns(UserWarning, match="no 'val_y' is there, but loss, val_loss"):
        run(callbacks.EarlyStopping("val_y"), [1.0])


def test_learning_rates():
    model = run(callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1), [1.0, 1.0, 1.0, 1.0, 1.0])
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.1 / 16)
    assert model.history.history["learning_rate"][:3] == pytest.approx([0.1, 0.1, 0.05])
    model = run(callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5), [1.0, 1.0])
    assert model.history.history["learning_rate"] == pytest.approx([0.05, 0.025])
    model = run(callbacks.LearningRateScheduler(lambda epoch: 0.5 - 0.1 * epoch), [1.0, 1.0])
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="expected a float from the schedule"):
        run(callbacks.LearningRateScheduler(lambda epoch: "x"), [1.0])


def test_checkpoints(tmp_path):
    pattern = str(tmp_path / "deep" / "{epoch:02d}-{val_loss:.1f}.keras")
    model = run(callbacks.ModelCheckpoint(pattern, save_best_only=True), [3.0, 4.0, 2.0])
    assert [p.rsplit("/", 1)[1] for p in model.saved] == ["01-3.0.keras", "03-2.0.keras"]
    model = run(
        callbacks.ModelCheckpoint(str(tmp_path / "w{epoch}.weights.h5"), save_weights_only=True), [3.0, 4.0]
    )
    assert len(model.saved) == 2
    model = run(callbacks.ModelCheckpoint(str(tmp_path / "b{epoch}_{batch}.keras"), save_freq=3), [1.0] * 3)
    assert [p.rsplit("/", 1)[1] for p in model.saved] == ["b2_1.keras", "b3_2.keras"]
    with pytest.raises(ValueError, match=r"end in \.weights\.h5, received x\.keras"):
        callbacks.ModelCheckpoint("x.keras", save_weights_only=True)
    with pytest.raises(KeyError, match="asks for 'nothing'"):
        run(callbacks.ModelCheckpoint(str(tmp_path / "{nothing}.keras")), [1.0])


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    run(callbacks.CSVLogger(path), [3.0, 2.0])
    run(callbacks.CSVLogger(path, append=True), [1.0])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [r["val_loss"] for r in rows] == ["3.0", "2.0", "1.0"]
    assert [r["epoch"] for r in rows] == ["0", "1", "0"]


def test_nan(capsys):
    model = run(callbacks.TerminateOnNaN(), [1.0, float("nan"), 1.0])
    assert model.history.epoch == [0, 1]
    assert "Batch 0: Invalid loss" in capsys.readouterr().out


def test_functions():
    seen = []
    hooks = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(epoch),
        on_train_batch_end=lambda batch, logs: seen.append(f"b{batch}"),
    )
    run(hooks, [1.0, 2.0])
    assert seen == ["b0", "b1", 0, "b0", "b1", 1]
    with pytest.raises(TypeError, match="no hook 'on_lunch'"):
        callbacks.LambdaCallback(on_lunch=print)


def test_own_callbacks_hear_of_everything():
    class Own(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.heard = []

        def on_batch_end(self, batch, logs=None):
            self.heard.append((batch, logs["loss"], self.params["epochs"]))

    own = Own()
    model = run(own, [1.0, 2.0])
    assert own.heard == [(0, 1.0, 2), (1, 1.0, 2), (0, 2.0, 2), (1, 2.0, 2)]
    assert own.model is model
    with pytest.raises(TypeError, match="expected callbacks, received a int"):
        callbacks.CallbackList([3])


def test_progress(monkeypatch, capsys):
    run([], [1.0, 2.0], add_progbar=True, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 2/2 - ")
    assert lines[0].endswith(" - loss: 1.0000 - val_loss: 1.0000")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    run([], [1.0], add_progbar=True, verbose=1)
    text = screen.getvalue()
    assert text.startswith("Epoch 1/1\n\r")
    assert "2/2 ━━━━━━━━━━━━━━━━━━━━ " in text
    assert text.endswith("val_loss: 1.0000\n")


def test_tensorboard(monkeypatch, tmp_path):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder.rsplit("/", 1)[1]

        def add_scalar(self, name, value, step):
            written.append((self.folder, name, value, step))

        def flush(self):
            pass

        close = flush

    import sys

    monkeypatch.setitem(sys.modules, "tensorboardX", SimpleNamespace(SummaryWriter=Writer))
    run(callbacks.TensorBoard(tmp_path, update_freq=2), [2.0])
    assert written == [
        ("train", "batch_loss", 2.0, 2),
        ("train", "epoch_loss", 1.0, 0),
        ("validation", "epoch_loss", 2.0, 0),
    ]
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'netwright\[tensorboard\]'"):
        run(callbacks.TensorBoard(tmp_path), [2.0])
    with pytest.raises(ValueError, match="profile_batch is not built"):
        callbacks.TensorBoard(tmp_path, profile_batch=2)
