"""`netwright compile` with NETWRIGHT_CACHE."""

from pathlib import Path

from .conftest import INPUT, MODEL, Run


def test_from_the_cache(run: Run, tmp_path: Path) -> None:
    kept = str(tmp_path / "cache")
    first = run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=kept)
    assert first.returncode == 0 and ", compiled in " in first.stdout and not first.stderr
    want = (tmp_path / "m.so").read_bytes()
    for more in ([], ["--header", "m.h"], ["--verify", INPUT], ["--target", "native"]):
        (tmp_path / "m.so").unlink()
        again = run("compile", MODEL, "-o", "m.so", *more, NETWRIGHT_CACHE=kept)
        if "--verify" in more:  # which reads the model and knows it by that
            assert ": max |difference| / max |reference| = " in again.stdout
        else:
            assert ", from the cache in " in again.stdout
        assert again.returncode == 0 and not again.stderr
        assert (tmp_path / "m.so").read_bytes() == want
    assert (tmp_path / "m.h").is_file()
    for more in (["--remarks"], ["--dump-ir", "dumps"], ["--print-ir-after-change"]):
        assert ", compiled in " in run("compile", MODEL, "-o", "m.so", *more, NETWRIGHT_CACHE=kept).stdout


def test_a_hit_imports_no_compiler(run: Run, tmp_path: Path) -> None:
    """Which would take longer than the copy."""
    kept = str(tmp_path / "cache")
    run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=kept)
    done = run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=kept, PYTHONPROFILEIMPORTTIME="1")
    assert ", from the cache in " in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "netwright.compiler.cache" in imported
    for heavy in ("llvmlite.binding", "networkx", "google.protobuf", "netwright.compiler.driver",
                  "netwright.compiler.kernels", "netwright.compiler.ops"):  # fmt: skip
        assert heavy not in imported


def test_what_is_wrong_with_a_cache_is_said(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "cache"
    run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=str(kept))
    (library,) = (kept / "libraries").iterdir()
    library.chmod(0o755)
    library.write_bytes(b"\x7fELF")
    done = run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=str(kept))
    assert done.returncode == 0 and ", compiled in " in done.stdout
    assert done.stderr == (
        f"netwright compile: NETWRIGHT_CACHE: {str(library)!r} is damaged, the model is compiled again\n"
    )
    (tmp_path / "file").write_text("")
    done = run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=str(tmp_path / "file"))
    assert done.returncode == 0 and "cannot write to" in done.stderr and done.stderr.count("\n") == 1
    done = run("compile", MODEL, "-o", "m.so", NETWRIGHT_CACHE=str(kept), NETWRIGHT_CACHE_SIZE="big")
    assert done.returncode == 1
    assert done.stderr == (
        "netwright compile: NETWRIGHT_CACHE_SIZE: expected a size such as 500M or 2G, received 'big'\n"
    )
