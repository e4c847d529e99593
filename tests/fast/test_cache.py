"""The folder of kept libraries: what is found, what is not, what goes; no library is needed for that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import netwright
import numpy as np
import pytest
from netwright.compiler import (
    cache_key,
    ops,  # noqa: F401 - importing registers the ops of the texts
)
from netwright.compiler.cache import Cache, parse_size
from netwright.compiler.cache_key import file_digest, library_key, module_digest
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.options import CompileOptions, option_fields
from netwright.compiler.target import TARGETS
from netwright.runtime.errors import OptionError

KEYS = ["0" * 63 + str(i) for i in range(10)]
DATA = bytes(range(256)) * 40


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "deep" / "cache", 1 << 20)


def _file(folder: Path, data: bytes, name: str = "library.so") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def _kept(cache: Cache) -> list[Path]:
    return sorted((cache.folder / "libraries").iterdir())


def test_what_is_kept_is_found(cache: Cache, tmp_path: Path) -> None:
    library = _file(tmp_path, DATA)
    out = tmp_path / "out.so"
    assert not cache.fetch(KEYS[0], out) and cache.locate(KEYS[0]) is None and not out.exists()
    cache.store(KEYS[0], library)
    cache.store(KEYS[1], library)  # the same contents are kept once
    assert cache.fetch(KEYS[0], out) and out.read_bytes() == DATA
    (kept,) = _kept(cache)
    assert cache.locate(KEYS[1]) == str(kept) and kept.stat().st_mode & 0o222 == 0
    assert not cache.fetch(KEYS[2], out)
    # The copy is the user's own: who writes into it changes nothing here.
    assert out.stat().st_ino != kept.stat().st_ino and os.access(out, os.W_OK)
    out.write_bytes(b"mine")
    assert kept.read_bytes() == DATA
    assert not cache.notes


def test_the_old_output_stays_whole_for_those_who_mapped_it(cache: Cache, tmp_path: Path) -> None:
    cache.store(KEYS[0], _file(tmp_path, DATA))
    out = tmp_path / "out.so"
    out.write_bytes(b"old")
    with out.open("rb") as old:
        assert cache.fetch(KEYS[0], out)
        assert old.read() == b"old"
    assert out.read_bytes() == DATA


@pytest.mark.parametrize("damage", [DATA[:-1], DATA + b"x", b"", DATA[:50] + b"?" + DATA[51:]])
@pytest.mark.parametrize("in_place", [True, False])
def test_a_damaged_library_is_never_used(cache: Cache, tmp_path: Path, damage: bytes, in_place: bool) -> None:
    library, out = _file(tmp_path, DATA), tmp_path / "out.so"
    cache.store(KEYS[0], library)
    (kept,) = _kept(cache)
    kept.chmod(0o755)
    kept.write_bytes(damage)
    assert cache.locate(KEYS[0]) is None if in_place else not cache.fetch(KEYS[0], out)
    assert not kept.exists() and not out.exists() and not list(tmp_path.glob(".nw*"))
    assert cache.notes == [f"NETWRIGHT_CACHE: {str(kept)!r} is damaged, the model is compiled again"]
    cache.store(KEYS[0], library)
    assert cache.fetch(KEYS[0], out) and out.read_bytes() == DATA


@pytest.mark.parametrize("text", ["", "x", f"{KEYS[1]}\n{'0' * 64}\n", f"{KEYS[0]}\n../../x\n", "\xff\n\n"])
def test_a_damaged_key_finds_nothing(cache: Cache, tmp_path: Path, text: str) -> None:
    cache.store(KEYS[0], _file(tmp_path, DATA))
    (cache.folder / "keys" / KEYS[0]).write_bytes(text.encode("latin-1"))
    assert not cache.fetch(KEYS[0], tmp_path / "out.so")
    assert not cache.notes


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 3 * len(DATA))
    for i in range(3):
        cache.store(KEYS[i], _file(tmp_path, bytes([i]) + DATA[1:]))
    for path, used in zip(sorted((cache.folder / "keys").iterdir()), (100, 200, 300), strict=True):
        digest = path.read_text().split("\n")[1]
        os.utime(cache.folder / "libraries" / f"{digest}.so", (used, used))
    assert cache.locate(KEYS[0])  # which makes it the newest
    cache.store(KEYS[3], _file(tmp_path, b"3" + DATA[1:]))
    assert [cache.locate(k) is not None for k in KEYS[:4]] == [True, False, True, True]
    assert len(list((cache.folder / "keys").iterdir())) == len(_kept(cache)) == 3
    leftover = cache.folder / "libraries" / ".nw-0.tmp"
    leftover.write_bytes(b"x")
    os.utime(leftover, (100, 100))
    cache.store(KEYS[4], _file(tmp_path, b"4"))
    assert not leftover.exists() and not cache.notes


def test_a_library_above_the_limit_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 100)
    cache.store(KEYS[0], _file(tmp_path, DATA))
    (note,) = cache.notes
    assert note.startswith("NETWRIGHT_CACHE_SIZE: the library of 10240 bytes is not kept")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    library = _file(tmp_path, DATA)
    for folder in (tmp_path / "library.so", tmp_path / "library.so" / "below", Path("/proc/nothing")):
        cache = Cache(folder, 1 << 20)
        assert not cache.fetch(KEYS[0], tmp_path / "out.so")
        cache.store(KEYS[0], library)
        (note,) = cache.notes
        assert note.startswith(f"NETWRIGHT_CACHE: cannot write to {str(folder)!r}, the library is not kept: ")


def test_a_folder_that_others_write_to_is_not_used(cache: Cache, tmp_path: Path) -> None:
    library = _file(tmp_path, DATA)
    cache.store(KEYS[0], library)
    (cache.folder / "libraries").chmod(0o777)
    assert cache.locate(KEYS[0]) is None
    (note,) = cache.notes
    assert "is not used, other users could put libraries there: take away their right to write" in note


def test_an_output_that_cannot_be_written(cache: Cache, tmp_path: Path) -> None:
    cache.store(KEYS[0], _file(tmp_path, DATA))
    with pytest.raises(OptionError, match=r"cannot write '.*none/out\.so': No such file or directory"):
        cache.fetch(KEYS[0], tmp_path / "none" / "out.so")


def test_processes_share_a_folder(cache: Cache, tmp_path: Path) -> None:
    """Some store and some take, with a limit that makes libraries go all the time."""
    program = f"""
import sys
from netwright.compiler.cache import Cache
cache, me = Cache({str(cache.folder)!r}, 3 * 10240), int(sys.argv[1])
for i in range(60):
    key, data = "%064d" % (i % 7), bytes([i % 7]) * 10240
    path = {str(tmp_path)!r} + f"/{{me}}.so"
    if cache.fetch(key, path):
        assert open(path, "rb").read() == data
    else:
        open(path, "wb").write(data)
        cache.store(key, path)
assert not cache.notes, cache.notes
"""
    env = {**os.environ, "PYTHONPATH": str(Path(netwright.__file__).parent.parent)}
    command = [sys.executable, "-c", program]
    running = [subprocess.Popen([*command, str(i)], env=env) for i in range(3)]
    assert [p.wait() for p in running] == [0, 0, 0]
    assert sum(p.stat().st_size for p in _kept(cache)) <= 3 * 10240


@pytest.mark.parametrize(
    ("text", "size"), [("2G", 2 << 30), ("500M", 500 << 20), ("1.5k", 1536), ("7", 7), (" 1 GiB", 1 << 30)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_wrong_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETWRIGHT_CACHE", raising=False)
    assert Cache.from_environment() is None
    monkeypatch.setenv("NETWRIGHT_CACHE", "somewhere")
    for text in ("much", "-1G", "2X"):
        monkeypatch.setenv("NETWRIGHT_CACHE_SIZE", text)
        with pytest.raises(OptionError, match=f"NETWRIGHT_CACHE_SIZE: expected .* 2G, received '{text}'"):
            Cache.from_environment()
    monkeypatch.setenv("NETWRIGHT_CACHE_SIZE", "")
    found = Cache.from_environment()
    assert found is not None and found.limit == 5 << 30 and found.folder == Path.cwd() / "somewhere"


def test_the_cache_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETWRIGHT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    found = Cache.of_user()
    assert found is not None and found.limit == 500 << 20
    assert str(found.folder) == "/home/somebody/.cache/netwright"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    found = Cache.of_user()
    assert found is not None and str(found.folder) == "/home/somebody/.cache/netwright"
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("NETWRIGHT_CACHE_SIZE", "7M")
    found = Cache.of_user()
    assert found is not None and str(found.folder) == "/caches/netwright" and found.limit == 7 << 20
    monkeypatch.setenv("NETWRIGHT_CACHE", "/mine")
    found = Cache.of_user()
    assert found is not None and str(found.folder) == "/mine"
    monkeypatch.setenv("NETWRIGHT_CACHE", "")
    assert Cache.of_user() is None


def test_keys_hold_what_the_library_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    options, target = CompileOptions(), TARGETS["x86-64"]

    def key(o: CompileOptions = options, **more: object) -> str:
        facts = {"source": "s", "target": target, "name": "m", "soname": "m.so", **more}
        return library_key(options=o, **facts)  # type: ignore[arg-type]

    keys = [key(), key(source="t"), key(target=TARGETS["x86-64-v3"]), key(name="n"), key(soname="n.so")]
    keys += [key(CompileOptions(**changed)) for changed in (
        {"precise": True}, {"pipeline": "graph(cse)"}, {"batch": 2}, {"inputs": ("x",)}, {"outputs": ("y",)},
        {"signature": "s"}, {"skip_pass": ("cse",)},
    )]  # fmt: skip
    monkeypatch.setattr(cache_key, "versions", lambda: {"netwright": "another"})
    keys.append(key())
    assert len(set(keys)) == len(keys)
    monkeypatch.undo()
    assert key() == keys[0] == key(CompileOptions(threads=3, header="m.h", verify_ir=False, target="x86-64"))


def test_sources_that_change_under_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it imported may be older than what it reads now: it finds nothing that others kept."""
    began = cache_key._process_start()
    assert 0 < time.time() - began < 24 * 3600
    fresh, again = (cache_key.versions.__wrapped__()["netwright"] for _ in range(2))
    monkeypatch.setattr(cache_key, "_process_start", lambda: 0.0)
    edited = {cache_key.versions.__wrapped__()["netwright"] for _ in range(2)}
    assert len(edited) == 2 and fresh not in edited and len(again) == 64


def test_what_cannot_come_from_a_cache() -> None:
    assert CompileOptions(header="m.h", precise=True, threads=2).cacheable
    for changed in ({"dump_ir": "d"}, {"print_ir_after_all": True}, {"print_ir_after_change": True},
                    {"linker": "ld"}, {"stop_after": "cse"}):  # fmt: skip
        assert not CompileOptions(**changed).cacheable  # type: ignore[arg-type]
    assert {f.metadata.get("cache") for f in option_fields()} == {None, "same", "never"}


TEXT = """module {{
  func.func @main(%x: tensor<?x20xf32> {{graph.dims = ["n", 20], graph.name = "{name}"}}) -> (tensor<20xf32>) {{
    %c = graph.constant() {{value = dense<{value}> : tensor<20xf32>}} : tensor<20xf32> loc("{at}")
    func.return(%c)
  }}
}}
"""


def test_modules_are_told_apart_by_all_that_shows() -> None:
    def digest(name: str = "x", value: str = "1.0", at: str = "here") -> str:
        return module_digest(parse_module(TEXT.format(name=name, value=value, at=at)))

    digests = [digest(), digest(name="y"), digest(value="2.0"), digest(value="-1.0"), digest(at="there")]
    assert len(set(digests)) == 5 and digest() == digests[0]


def test_large_files_are_hashed_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_key, "_BLOCK", 1000)
    monkeypatch.setattr(cache_key, "_STEP", 300)
    data = np.random.default_rng(0).bytes(10_001)
    seen = set()
    for changed in (None, 0, 999, 1000, 5000, 10_000):
        altered = bytearray(data)
        if changed is not None:
            altered[changed] ^= 1
        path = _file(tmp_path, bytes(altered))
        with open(path, "rb") as file:
            seen.add(file_digest(file.fileno()))
            assert file_digest(file.fileno()) in seen
    assert len(seen) == 6
