"""Checkpoints: what is read, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.frontends.tensorflow.checkpoint import Checkpoint, latest_prefix
from netwright.frontends.tensorflow.slices import index_key, parse_slice
from netwright.runtime.errors import FormatError, UnsupportedError

from ..checkpoint_files import entry, header, table, write_checkpoint
from ..mutate import unparse

W = np.arange(24, dtype="f4").reshape(6, 4)
TENSORS: dict[str, Any] = {
    "w": W,
    "layer/é": np.array([True, False]),
    "half": np.array([1.5, -2], "f2"),
    "none": np.zeros((3, 0, 2), "i8"),
    "one": np.float64(3),
}


@pytest.mark.parametrize("compress", [False, True])
def test_tensors(tmp_path: Path, compress: bool) -> None:
    write_checkpoint(tmp_path / "c", TENSORS, compress)
    found = Checkpoint(tmp_path / "c")
    assert list(found.entries) == sorted(TENSORS, key=str.encode)
    assert str(found.entries["w"]) == "float32[6, 4]"
    for name, array in TENSORS.items():
        got = found.array(name)
        assert got.dtype == np.asarray(array).dtype and not got.flags.writeable
        np.testing.assert_array_equal(got, array)
    np.testing.assert_array_equal(found.array("w", "6 4 1,2:0,3"), W[1:3, :3])
    np.testing.assert_array_equal(found.array("w", "6 4 -:-"), W)


def test_files_may_lie_elsewhere(tmp_path: Path) -> None:
    """A shard may be a link out of the folder: that is how stores of large files keep them."""
    (tmp_path / "store").mkdir()
    write_checkpoint(tmp_path / "c", TENSORS)
    for end in ("index", "data-00000-of-00001"):
        (tmp_path / f"c.{end}").rename(tmp_path / "store" / end)
        (tmp_path / f"c.{end}").symlink_to(tmp_path / "store" / end)
    np.testing.assert_array_equal(Checkpoint(tmp_path / "c").array("w"), W)


def message(*fields: tuple[int, int, Any]) -> bytes:
    return unparse(fields)


def index(tmp_path: Path, *rows: tuple[bytes, bytes], first: bytes | None = None) -> Checkpoint:
    """A checkpoint with these entries, and W in its shard."""
    (tmp_path / "c.index").write_bytes(table([[(b"", header() if first is None else first), *rows]]))
    (tmp_path / "c.data-00000-of-00001").write_bytes(W.tobytes())
    return Checkpoint(tmp_path / "c")


SHAPE = message((2, 2, message((1, 0, 6))), (2, 2, message((1, 0, 4))))
GOOD = [(1, 0, 1), (2, 2, SHAPE), (5, 0, 96)]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (GOOD, "its values do not match their checksum: the file is damaged"),
        (
            [(1, 0, 1), (2, 2, SHAPE), (5, 0, 95)],
            r"expected 96 bytes of values for float32\[6, 4\], found 95",
        ),
        ([*GOOD, (4, 0, 8)], "expected a shard of 104 bytes or more, found 96: it may be cut off"),
        ([*GOOD, (4, 0, 2**64 - 1)], "expected a shard of 18446744073709551711 bytes or more, found 96"),
        ([*GOOD, (3, 0, 5)], "expected it in one of 1 shards, found number 5"),
        ([*GOOD, (3, 0, 2**63)], "expected it in one of 1 shards"),
    ],
)
def test_entries_that_do_not_fit_their_shard(tmp_path: Path, fields: Any, text: str) -> None:
    with pytest.raises(FormatError, match=f"c: tensor 'w': {text}"):
        index(tmp_path, (b"w", message(*fields))).array("w")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (message((1, 0, 99)), "expected one of TensorFlow's data types, found number 99"),
        (message((1, 2, b"x")), "expected an entry as a varint, found a length and bytes"),
        (message((6, 0, 1)), "expected an entry as 4 bytes, found a varint"),
        (message((2, 2, message((3, 0, 1)))), "found one of unknown rank"),
        (message((2, 2, message((2, 2, message((1, 0, 2**64 - 1)))))), "expected known sizes"),
        (message((2, 2, message(*[(2, 2, b"")] * 65))), "expected a constant of rank 64 at most"),
        (
            message((7, 2, message((1, 2, message((1, 0, 2**64 - 5)))))),
            "expected a slice from 0 up, found start -5",
        ),
        (b"\x0a\xff", "found the end"),
    ],
)
def test_entries_that_are_none(tmp_path: Path, value: bytes, text: str) -> None:
    with pytest.raises(FormatError, match=rf"c\.index: tensor b'w': .*{text}.*; write the checkpoint again"):
        index(tmp_path, (b"w", value))


def test_huge_shapes_cost_nothing(tmp_path: Path) -> None:
    sizes = message(*[(2, 2, message((1, 0, 2**40)))] * 20)
    found = index(tmp_path, (b"w", message((1, 0, 1), (2, 2, sizes), (5, 0, 2**60))))
    with pytest.raises(FormatError, match=r"expected \d{200,} bytes of values"):
        found.array("w")


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (header(0), "expected 1 to 100000 shards, found 0"),
        (header(2**40), "expected 1 to 100000 shards"),
        (header(endianness=1), "expected values in little-endian order, found big-endian ones"),
        (message((1, 2, b"")), "expected the header as a varint"),
    ],
)
def test_headers(tmp_path: Path, first: bytes, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        index(tmp_path, first=first)
    (tmp_path / "c.index").write_bytes(table([[(b"w", entry(W, 0))]]))
    with pytest.raises(FormatError, match="expected an index with a header, found none"):
        Checkpoint(tmp_path / "c")


def test_types_that_hold_no_numbers(tmp_path: Path) -> None:
    found = index(tmp_path, (b"s", message((1, 0, 7), (5, 0, 10))))
    with pytest.raises(
        UnsupportedError, match="tensor 's': expected a variable of numbers, found one of type string"
    ):
        found.array("s")
    with pytest.raises(FormatError, match="tensor 't': expected it in the checkpoint, found no such name"):
        found.array("t")


# Slices.


def sliced(tmp_path: Path, *cuts: tuple[int, int]) -> Checkpoint:
    """W in pieces along its first axis."""
    pieces = [message((1, 2, message((1, 0, a), (2, 0, n))), (1, 2, b"")) for a, n in cuts]
    rows = [(b"w", message((1, 0, 1), (2, 2, SHAPE), *((7, 2, p) for p in pieces)))]
    for a, n in dict.fromkeys(cuts):
        rows.append((index_key(b"w", ((a, n), (0, -1))), entry(W[a : a + n], a * 16)))
    return index(tmp_path, *sorted(rows))


def test_slices_are_put_together(tmp_path: Path) -> None:
    found = sliced(tmp_path, (0, 1), (1, 3), (4, 2))
    np.testing.assert_array_equal(found.array("w"), W)
    piece = found.array("w", "6 4 1,3:-")
    np.testing.assert_array_equal(piece, W[1:4])
    assert not piece.flags.owndata
    np.testing.assert_array_equal(found.array("w", "6 4 2,3:1,2"), W[2:5, 1:3])


@pytest.mark.parametrize(
    ("cuts", "text"),
    [
        ([(0, 1), (2, 4)], "expected slices that cover it, found gaps between them"),
        ([(0, 2), (0, 2), (0, 2)], "expected slices that cover it"),
        ([(0, 7)], r"expected a slice within \[6, 4\]"),
    ],
)
def test_slices_that_do_not_fit(tmp_path: Path, cuts: Any, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        sliced(tmp_path, *cuts).array("w")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("6 4 0,2", "expected a slice of rank 2, found '6 4 0,2'"),
        ("6 4", "expected a slice such as '6 4 0,2:-', found '6 4'"),
        ("6 4 0,2:x", "expected a slice such as"),
        ("9" * 50 + " 0,1", "expected a slice such as"),
        ("6 5 -:-", r"expected shape \[6, 5\], found float32\[6, 4\]"),
        ("6 4 5,2:-", r"expected a slice within \[6, 4\]"),
    ],
)
def test_slices_asked_for(tmp_path: Path, text: str, message: str) -> None:
    write_checkpoint(tmp_path / "c", TENSORS)
    with pytest.raises(FormatError, match=message):
        Checkpoint(tmp_path / "c").array("w", text)
    assert parse_slice("") is None and parse_slice("6 4 0,2:-") == ((6, 4), ((0, 2), (0, -1)))


def test_keys_of_slices_sort_as_numbers_do() -> None:
    numbers = [0, 1, 63, 64, 127, 8191, 8192, 2**20, 2**34, 2**48, 2**55, 2**62 - 1]
    keys = [index_key(b"w", ((a, -1),)) for a in numbers]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    assert index_key(b"w", ((0, 70), (0, -1))) == b"\0w\0\1\1\2\x80\xc0\x46\x80\x7f"
    assert index_key(b"a\0b\xff", ()) == b"\0a\0\xffb\xff\0\0\1\0"


# Paths.


def test_what_a_user_may_mean(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", TENSORS)
    for name in ("", "c", "c.index", "c.data-00000-of-00001"):
        assert latest_prefix(tmp_path / name) == str(tmp_path / "c")
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "/gone/c"\nall_model_checkpoint_paths: "/gone/c"\n'
    )
    assert latest_prefix(tmp_path) == latest_prefix(tmp_path / "checkpoint") == str(tmp_path / "c")
    write_checkpoint(tmp_path / "d", TENSORS)
    assert latest_prefix(tmp_path) == str(tmp_path / "c")
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(FormatError, match="expected one checkpoint, found 2: name one of them"):
        latest_prefix(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "x: 1", 'model_checkpoint_path: "a\\000b"', "model_checkpoint_path", "\0"]
)
def test_checkpoint_files_that_name_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "checkpoint").write_text(text)
    with pytest.raises(FormatError):
        latest_prefix(tmp_path)
