"""netwright compile --train and netwright train, from Keras-like models and from frozen graphs."""

from pathlib import Path

import netwright as nw
import numpy as np
import pytest

from .conftest import MODEL, Run

PROGRAM = """
from netwright import keras

def build():
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(8, activation="tanh"), layers.Dropout(0.1),
                             layers.Dense(3, name="scores")], name="small")
"""
FLAGS = ("--train", "adam:learning_rate=0.05", "--loss", "sparse_categorical_crossentropy:from_logits=true")


def samples(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)
    return x, (x[:, :3]).argmax(1)


@pytest.fixture
def small(run: Run, tmp_path: Path) -> Path:
    (tmp_path / "small.py").write_text(PROGRAM)
    x, y = samples(200)
    np.savez(tmp_path / "train.npz", x=x, y=y)
    x, y = samples(50, 1)
    np.savez(tmp_path / "held.npz", x=x, target=y)
    done = run("compile", "small.py:build", *FLAGS, "--metric", "accuracy", "--batch", "16", "-o", "small.so")
    assert done.returncode == 0, done.stderr
    return tmp_path / "small.so"


def test_train_and_go_on(run: Run, small: Path, tmp_path: Path) -> None:
    first = run(
        "train",
        "small.so",
        "train.npz",
        "--epochs",
        "5",
        "--validation",
        "held.npz",
        "--save",
        "a.safetensors",
    )
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert len(lines) == 5 and lines[4].startswith("epoch 5/5: loss ") and "val_accuracy" in lines[4]
    found = [float(line.split("val_accuracy ")[1].split()[0]) for line in lines]
    assert found[-1] > 0.8
    again = run("train", "small.so", "train.npz", "--restore", "a.safetensors", "--seed", "9")
    assert again.returncode == 0 and float(again.stdout.split("loss ")[1].split(",")[0]) < float(
        lines[0].split("loss ")[1].split(",")[0]
    )
    trainer = nw.load(small).trainer()
    assert (trainer.batch, trainer.loss) == (16, "sparse_categorical_crossentropy:from_logits=true")
    assert trainer.restore(tmp_path / "a.safetensors") == list(trainer.variables)
    x, y = samples(50, 1)
    assert trainer.evaluate(x, y)["accuracy"] == pytest.approx(found[-1], abs=5e-5)


def test_resume_is_exact(small: Path, tmp_path: Path) -> None:
    x, y = samples(64)
    batches = [(x[i : i + 16], y[i : i + 16].astype(np.int32)) for i in range(0, 64, 16)]
    one = nw.load(small).trainer()
    for b in batches[:2]:
        one.train_step(*b)
    one.save(tmp_path / "half.safetensors")
    straight = [one.train_step(*b) for b in batches[2:]]
    other = nw.load(small, threads=1).trainer()
    other.restore(tmp_path / "half.safetensors")
    assert [other.train_step(*b) for b in batches[2:]] == straight
    for name in one.variables:
        assert np.array_equal(one.get(name), other.get(name)), name
    kernel = one.get("small/dense/kernel")
    one.set("small/dense/kernel", kernel * 2)
    assert np.array_equal(one.get("small/dense/kernel"), kernel * 2)
    assert "small/dense/kernel" in one.trainable and "seed" in " ".join(one.variables)
    assert one.predict(x[:5]).shape == (5, 3)


def test_steps_agree_with_fit(small: Path) -> None:
    """The library takes the steps that the Keras-like model takes."""
    x, y = samples(32)
    y = y.astype(np.int32)
    from netwright import keras

    layers = keras.layers
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(3)])
    trainer = nw.load(small).trainer()
    kinds = ("dense/kernel", "dense/bias", "scores/kernel", "scores/bias")
    model.set_weights([trainer.get(f"small/{k}") for k in kinds])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert trainer.evaluate(x, y)["loss"] == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)


def test_a_frozen_graph_is_fine_tuned(run: Run, tmp_path: Path) -> None:
    """All weights, then those alone whose names match; the others stay constants."""
    x = np.random.default_rng(0).uniform(size=(64, 8, 8, 1)).astype(np.float32)
    y = np.random.default_rng(0).integers(0, 10, 64)
    np.savez(tmp_path / "data.npz", images=x, labels=y)
    for extra, most in (((), None), (("--trainable", "dense"), 4)):
        done = run(
            "compile", MODEL, "--train", "sgd:learning_rate=0.05", "--loss", "sparse_categorical_crossentropy",
            "--batch", "32", *extra, "-o", "tuned.so",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        trainer = nw.load(tmp_path / "tuned.so").trainer()
        assert len(trainer.trainable) == most if most else len(trainer.trainable) > 4
        want = nw.compile(MODEL)(x)
        assert np.abs(trainer.predict(x) - want).max() < 1e-5
        done = run("train", "tuned.so", "data.npz", "--epochs", "4", "--no-shuffle")
        losses = [float(line.split("loss ")[1].split()[0]) for line in done.stdout.splitlines()]
        assert len(losses) == 4 and losses[-1] < losses[0], done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--loss", "mse"), "expected --train beside --loss"),
        (("--train", "adam", "--batch", "8"), "expected --loss beside --train"),
        (("--train", "adam", "--loss", "mse"), "expected --batch N beside --train"),
        (("--train", "adamant", "--loss", "mse", "--batch", "8"), "the optimizer 'adamant': "),
        (("--train", "adam:rate=1", "--loss", "mse", "--batch", "8"), "the optimizer 'adam:rate=1': "),
        (
            ("--train", "adam:rate", "--loss", "mse", "--batch", "8"),
            "expected the optimizer as NAME:KEY=VALUE",
        ),
        (("--train", "adam", "--loss", "nothing", "--batch", "8"), "the loss 'nothing': "),
        (
            ("--train", "adam", "--loss", "mse", "--batch", "8", "--trainable", "("),
            "expected a regular expression",
        ),
        (
            ("--train", "adam", "--loss", "mse", "--batch", "8", "--trainable", "nowhere"),
            "received 'nowhere'; weights: ",
        ),
    ],
)
def test_wrong_options(run: Run, flags: tuple[str, ...], message: str) -> None:
    done = run("compile", MODEL, *flags, "-o", "x.so")
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert done.stderr.startswith("netwright compile: ") and len(done.stderr.splitlines()) == 1


def test_wrong_data(run: Run, small: Path, tmp_path: Path) -> None:
    x, y = samples(20)
    np.savez(tmp_path / "few.npz", x=x[:3], y=y[:3])
    np.savez(tmp_path / "wide.npz", x=np.zeros((20, 5), np.float32), y=y)
    np.savez(tmp_path / "floats.npz", x=x, y=y.astype(np.float32))
    np.savez(tmp_path / "names.npz", a=x, b=y)
    np.save(tmp_path / "single.npy", x)
    for name, message in (
        ("few.npz", "expected at least 16 samples"),
        ("wide.npz", "'x' has shape [20, 5], expected [samples, 4]"),
        ("floats.npz", "'target' is float32, expected int32"),
        ("names.npz", "expected arrays named x, target, or x and y, received a, b"),
        ("single.npy", "expected a .npz file"),
        ("missing.npz", "cannot read arrays"),
    ):
        done = run("train", "small.so", name)
        assert done.returncode == 1 and message in done.stderr, done.stderr
    np.savez(tmp_path / "train.npz", x=x, y=y)
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    done = run("train", "small.so", "train.npz", "--restore", "bad.safetensors")
    assert done.returncode == 1 and "expected a safetensors file" in done.stderr


def test_a_library_for_inference_does_not_train(run: Run, digits: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros(3), y=np.zeros(3))
    library = next(digits.glob("*.so"))
    done = run("train", library, "d.npz")
    assert done.returncode == 1 and "compile it with --train" in done.stderr
