"""Who may import whom: the house's one direction, read from the sources."""

import ast
from pathlib import Path

import netwright

ROOT = Path(netwright.__file__).resolve().parent
#: folder -> folders it may import from, itself aside
ALLOWED = {
    "runtime": set(),
    "compiler/ir": {"runtime"},
    "compiler/target.py": {"runtime"},
    "compiler/options.py": {"runtime"},
    "compiler/ops": {"runtime", "compiler/ir"},
    "compiler/cost": {"runtime", "compiler/ir", "compiler/ops", "compiler/target.py"},
    "compiler/passes": {"runtime", "compiler/ir", "compiler/ops", "compiler/cost", "compiler/target.py"},
    "compiler/autodiff": {"runtime", "compiler/ir", "compiler/ops"},
    "compiler/kernels": {"runtime", "compiler/ir", "compiler/ops", "compiler/cost", "compiler/passes",
                         "compiler/target.py"},
    "compiler/codegen": {"runtime", "compiler/ir", "compiler/ops", "compiler/cost", "compiler/kernels",
                         "compiler/target.py"},
    "compiler/explain": {"runtime", "compiler/ir", "compiler/ops", "compiler/cost", "compiler/passes",
                         "compiler/kernels", "compiler/target.py", "compiler/options.py"},
}  # fmt: skip


def _area(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2]) if parts[0] == "compiler" else parts[0]


def _imports(path: Path) -> list[Path | str]:
    """Modules of the package as paths, others by name."""
    out: list[Path | str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parent
            for _ in range(node.level - 1):
                base = base.parent
            names = [node.module.replace(".", "/")] if node.module else [a.name for a in node.names]
            out += [base / n for n in names]
        elif isinstance(node, ast.ImportFrom):
            out.append(str(node.module))
        elif isinstance(node, ast.Import):
            out += [a.name for a in node.names]
    return out


def _sources() -> list[Path]:
    return [p for top in ("runtime", "compiler", "frontends") for p in sorted((ROOT / top).rglob("*.py"))]


def test_imports_go_one_way() -> None:
    wrong = []
    for path in _sources():
        area = _area(path)
        for target in _imports(path):
            if isinstance(target, str):
                continue
            there = _area(target if target.exists() else target.with_suffix(".py"))
            if area in ALLOWED and there != area and there not in ALLOWED[area]:
                wrong.append(f"{path.relative_to(ROOT)} imports {there}")
            if area == "compiler" and there == "frontends":
                wrong.append(f"{path.relative_to(ROOT)} imports {there}")
    assert not wrong, wrong


def test_the_runtime_imports_numpy_alone() -> None:
    allowed = {"numpy", "numpy.typing"}
    standard = set(__import__("sys").stdlib_module_names)
    for path in (ROOT / "runtime").glob("*.py"):
        for name in _imports(path):
            if isinstance(name, str):
                assert name in allowed or name.split(".")[0] in standard, f"{path.name} imports {name}"


def test_nobody_imports_the_package_by_name() -> None:
    for path in _sources():
        for name in _imports(path):
            assert not (isinstance(name, str) and name.split(".")[0] == "netwright"), path


def test_files_are_small() -> None:
    long = {str(p.relative_to(ROOT)): n for p in _sources() if (n := len(p.read_text().splitlines())) > 400}
    assert not long, long
