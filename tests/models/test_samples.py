"""The programs in samples/ do what they say."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import netwright
import numpy as np
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A sample's module by name."""
    monkeypatch.syspath_prepend(str(SAMPLES))

    def find(name: str) -> Any:
        images = name.startswith(("digits", "decompose", "autoencoder"))
        if images and os.environ.get("NETWRIGHT_REQUIRE_ORACLE") != "1":
            pytest.importorskip("sklearn")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return find


def test_line_fit(sample: Any) -> None:
    w, b = sample("line_fit").main()
    assert abs(w - 3) < 0.1 and abs(b - 2) < 0.1


def test_asymmetric_loss(sample: Any) -> None:
    a, b = sample("asymmetric_loss").main()
    assert abs(a - 1.0193) < 1e-3 and abs(b - 1.0428) < 1e-3


def test_xor(sample: Any) -> None:
    assert sample("xor").main() == [0, 1, 1, 0]


def test_regression(sample: Any) -> None:
    assert sample("regression").main() < 0.02


def test_digits_dense(sample: Any) -> None:
    assert sample("digits_dense").main() >= 0.98


def test_digits_lenet(sample: Any) -> None:
    assert sample("digits_lenet").main() >= 0.98


def test_decompose_digits(sample: Any) -> None:
    """With half of the FLOPs as good as before, after a few epochs; with a quarter nearly so."""
    before, found = sample("decompose_digits").main()
    assert before > 97
    assert found[0.5][-1] >= before - 0.3 and found[0.25][-1] >= before - 1.5
    assert found[0.25][0] < found[0.25][-1]


def test_flowers(sample: Any) -> None:
    assert sample("flowers").main(epochs=12) >= 0.9


def test_autoencoder(sample: Any) -> None:
    assert sample("autoencoder").main() < 0.2


def test_sine_lstm(sample: Any) -> None:
    assert sample("sine_lstm").main() <= 0.004


def _run(*command: Any, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(netwright.__file__).parent.parent)}
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, cwd=cwd, timeout=600, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_c_program_trains_lenet(sample: Any, tmp_path: Path) -> None:
    """From the library and its header alone; it resumes bit by bit, and Python takes the same steps."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    digits = sample("digits_data")
    _run(
        sys.executable, "-m", "netwright", "compile", f"{SAMPLES / 'digits_lenet.py'}:build", "--train",
        "adam:learning_rate=1e-3", "--loss", "sparse_categorical_crossentropy:from_logits=true", "--metric", "accuracy",
        "--batch", "32", "--header", "lenet.h", "-o", "liblenet.so", cwd=tmp_path,
    )  # fmt: skip
    _run(sys.executable, SAMPLES / "c" / "digits_file.py", "digits.bin", cwd=tmp_path)
    flags = ("-Wall", "-Wextra", "-Werror", "-I.")
    _run(
        "cc",
        *flags,
        SAMPLES / "c" / "train_lenet.c",
        "./liblenet.so",
        "-Wl,-rpath,.",
        "-o",
        "train_lenet",
        cwd=tmp_path,
    )
    out = _run("./train_lenet", "digits.bin", 60, cwd=tmp_path)
    assert (tmp_path / "straight.safetensors").read_bytes() == (tmp_path / "resumed.safetensors").read_bytes()

    import netwright as nw

    trainer = nw.load(tmp_path / "liblenet.so").trainer()
    (x, y), _ = digits.load()
    for i in range(60):
        rows = slice(i % (len(x) // 32) * 32, i % (len(x) // 32) * 32 + 32)
        logs = trainer.train_step(x[rows], y[rows])
    assert f"final loss {logs['loss']:.9g}, resumed {logs['loss']:.9g}" in out
    trainer.save(tmp_path / "python.safetensors")
    assert (tmp_path / "python.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()
    losses = trainer.evaluate(x[:320], y[:320])
    assert losses["loss"] < 1 and losses["accuracy"] > 0.8 and np.isfinite(losses["loss"])
