"""The package as a user meets it: what importing costs, what it offers, what a wheel holds."""

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import netwright as nw
import pytest

VIEW = Path(nw.__file__).parent
ROOT = VIEW.resolve()


def _python(code: str, folder: Path) -> str:
    env = {"PATH": os.defpath, "PYTHONPATH": str(VIEW.parent)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=env, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_else(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import netwright; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names); "
        "print(sorted(new), [m for m in sys.modules if m.startswith('netwright.')])"
    )
    assert _python(code, tmp_path) == "['netwright'] []"


def test_loading_a_library_needs_numpy_alone(tmp_path: Path) -> None:
    code = (
        "import sys, netwright; netwright.load; "
        "print([m for m in ('llvmlite', 'google.protobuf', 'networkx', 'netwright.compiler') if m in sys.modules])"
    )
    assert _python(code, tmp_path) == "[]"


def test_compiling_imports_llvm_and_protobuf_only_when_used(tmp_path: Path) -> None:
    code = (
        "import sys, netwright; netwright.compile; "
        "print([m for m in ('llvmlite', 'google.protobuf', 'networkx') if m in sys.modules])"
    )
    assert _python(code, tmp_path) == "[]"


@pytest.mark.parametrize("name", nw.__all__)
def test_public_names_resolve(name: str) -> None:
    assert getattr(nw, name) is not None
    assert name in dir(nw)


def test_every_public_name_is_listed() -> None:
    assert sorted([*nw._PUBLIC, "__version__"]) == nw.__all__

    for name in nw.__all__:
        if name.endswith("Error"):
            assert issubclass(getattr(nw, name), nw.Error)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'netwright' has no attribute 'nope'"):
        _ = nw.nope  # type: ignore[attr-defined]
    assert not hasattr(nw, "np")


def test_the_version_stands_once_in_each_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    from netwright.compiler.driver import VERSION

    assert project["version"] == nw.__version__ == VERSION


def test_types_are_shipped() -> None:
    assert (ROOT / "py.typed").exists()


def test_module_as_a_command(tmp_path: Path) -> None:
    env = {"PATH": os.defpath, "PYTHONPATH": str(VIEW.parent)}
    command = [sys.executable, "-m", "netwright", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.stdout == f"netwright {nw.__version__}\n" and done.returncode == 0


def _packages() -> set[str]:
    """Folders of the house with Python files in them."""
    tops = ("runtime", "compiler", "frontends")
    found = {p.parent.relative_to(ROOT).as_posix() for top in tops for p in (ROOT / top).rglob("*.py")}
    return found | {""}


def test_every_package_is_listed() -> None:
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    wanted = {"netwright" + ("." + f.replace("/", ".") if f else "") for f in _packages()}
    assert set(setup["packages"]) == wanted
    assert {
        k.removeprefix("netwright").lstrip(".").replace(".", "/"): v for k, v in setup["package-dir"].items()
    } == {f: f or "." for f in _packages()}


HAVE_SETUPTOOLS = all(importlib.util.find_spec(n) is not None for n in ("setuptools", "wheel"))


@pytest.mark.skipif(
    not HAVE_SETUPTOOLS and not os.environ.get("CI"), reason="building a wheel needs setuptools and wheel"
)
def test_wheel(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    names = [f for f in (*_packages() - {""}, "") for f in (ROOT / f).glob("*.py")]
    names += [ROOT / n for n in ("pyproject.toml", "README.md", "LICENSE", "py.typed")]
    for path in names:  # a copy: setuptools leaves a folder `build` behind
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (source / "tests").mkdir()
    (source / "tests" / "test_nothing.py").write_text("")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    if HAVE_SETUPTOOLS:  # where they are missing, in CI, pip fetches them
        command += ["--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", tmp_path, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("netwright-*.whl")
    with zipfile.ZipFile(wheel) as z:
        inside = {n for n in z.namelist() if not n.split("/")[0].endswith(".dist-info")}
    wanted = {"netwright/" + p.relative_to(ROOT).as_posix() for p in names if p.suffix == ".py"}
    assert inside == wanted | {"netwright/py.typed"}


def test_one_version() -> None:
    import netwright
    from netwright.compiler.driver import VERSION

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == netwright.__version__ == VERSION
