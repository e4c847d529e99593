"""Checkpoints that TensorFlow writes, read to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.frontends.tensorflow.checkpoint import Checkpoint, latest_prefix
from netwright.runtime.errors import UnsupportedError

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")


def save(tf: Any, prefix: Path, tensors: dict[str, Any], slices: dict[str, str] | None = None) -> None:
    specs = [(slices or {}).get(name, "") for name in tensors]
    tf.raw_ops.SaveV2(
        prefix=str(prefix), tensor_names=list(tensors), shape_and_slices=specs, tensors=list(tensors.values())
    )


def test_many_tensors_of_all_types(tensorflow: Any, tmp_path: Path) -> None:
    """More than one block of the index, with keys that share beginnings."""
    rng = np.random.default_rng(0)
    types = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]
    tensors = {}
    for i in range(3000):
        shape = rng.integers(0, 4, rng.integers(0, 4)).tolist()
        tensors[f"scope_{i % 7}/layer/{i}" + "é" * (i % 3)] = np.array(
            rng.integers(0, 2, shape), types[i % len(types)]
        )
    save(tensorflow, tmp_path / "many", tensors)
    found = Checkpoint(tmp_path / "many")
    assert set(found.entries) == set(tensors)
    for name, array in tensors.items():
        got = found.array(name)
        assert got.dtype == array.dtype and got.shape == array.shape
        np.testing.assert_array_equal(got, array)


def test_values_are_mapped(tensorflow: Any, tmp_path: Path) -> None:
    array = np.random.default_rng(1).normal(size=(1000, 300)).astype("f4")
    save(tensorflow, tmp_path / "one", {"w": array, "text": np.array(["a", "b"])})
    found = Checkpoint(tmp_path / "one")
    got = found.array("w")
    np.testing.assert_array_equal(got, array)
    assert not got.flags.owndata and not got.flags.writeable
    np.testing.assert_array_equal(found.array("w", "1000 300 5,7:-"), array[5:12])
    with pytest.raises(
        UnsupportedError, match="tensor 'text': expected a variable of numbers, found one of type"
    ):
        found.array("text")


def test_slices_in_several_shards(tensorflow: Any, tmp_path: Path) -> None:
    whole = np.random.default_rng(2).normal(size=(300, 4, 130)).astype("f4")
    cuts = [(0, 70), (70, 130), (200, 100)]
    name = "scope/w\xff"
    for i, (start, length) in enumerate(cuts):
        part = whole[start : start + length]
        save(tensorflow, tmp_path / f"part{i}", {name: part}, {name: f"300 4 130 {start},{length}:-:0,130"})
    tensorflow.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(tmp_path / f"part{i}") for i in range(3)],
        destination_prefix=str(tmp_path / "merged"),
        delete_old_dirs=False,
    )
    found = Checkpoint(tmp_path / "merged")
    assert found.count == 3 and len(found.entries[name].slices) == 3
    np.testing.assert_array_equal(found.array(name), whole)
    for start, length in [*cuts, (0, 300), (60, 20), (199, 2)]:
        got = found.array(name, f"300 4 130 {start},{length}:1,2:-")
        np.testing.assert_array_equal(got, whole[start : start + length, 1:3])


def test_the_latest_of_a_folder(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    v = tf.Variable(1.0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(tmp_path / "kept"), max_to_keep=3)
    for _ in range(2):
        manager.save()
    (tmp_path / "kept").rename(tmp_path / "moved")
    for path in (tmp_path / "moved", tmp_path / "moved" / "checkpoint", tmp_path / "moved" / "ckpt-2"):
        assert latest_prefix(path) == str(tmp_path / "moved" / "ckpt-2")
    for end in ("index", "data-00000-of-00001"):
        assert latest_prefix(tmp_path / "moved" / f"ckpt-1.{end}") == str(tmp_path / "moved" / "ckpt-1")
    assert Checkpoint(latest_prefix(tmp_path / "moved")).array("v/.ATTRIBUTES/VARIABLE_VALUE") == 1
