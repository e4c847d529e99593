"""The documentation agrees with the code."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import netwright
import pytest

ROOT = Path(netwright.__file__).resolve().parent
DOCS = ROOT / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["ops.md", "passes.md", "support.md", "guide.md"])
def test_generated_pages_are_current(name: str) -> None:
    """When this fails: python docs/generate.py"""
    assert _generator().pages()[name] == (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    links = [t.partition("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in t]
    assert all((DOCS / t).exists() for t in links if t), links


def test_files_named_in_the_architecture_exist() -> None:
    text = "".join(
        (DOCS / n).read_text(encoding="utf-8") for n in ("architecture.md", "kernels.md", "debugging.md")
    )
    names = set(re.findall(r"`((?:compiler|runtime|frontends|tests|docs|samples)/[\w./-]*)`", text))
    missing = sorted(n for n in names if not (ROOT / n).exists())
    assert names and not missing, missing
