"""Models from Python files: `model.py:build` is what the function `build` of the file returns.

The file runs as a program of the user's; nothing in it is restricted.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from ..runtime.errors import Error, InputError


def model_of(name: str) -> Any:
    """What the function of `FILE.py:FUNCTION` returns; without a function `build`, or a variable `model`.

    Raises InputError where there is no such function, and where running the file fails.
    """
    match = re.fullmatch(r"(?P<file>.*\.py)(?::(?P<name>\w+))?", name, re.DOTALL)
    file = Path(match["file"] if match else name)
    module = _run(file)
    if match and match["name"]:
        wanted = [match["name"]]
    else:
        wanted = ["build", "model"]
    for n in wanted:
        if hasattr(module, n):
            return _called(getattr(module, n), f"{file}:{n}")
    functions = [
        n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__
    ]
    there = ", ".join(functions) or "none"
    raise InputError(
        f"{file}: expected a function {wanted[0]!r} that returns the model, found {there}: name one, as model.py:build"
    )


def _run(file: Path) -> Any:
    name = f"_netwright_source_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{file}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Error:
        raise
    except Exception as e:
        raise InputError(f"{file}: running it raised {type(e).__name__}: {e}") from e
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
        sys.modules.pop(name, None)
    return module


def _called(thing: Any, where: str) -> Any:
    if isinstance(thing, type) or not callable(thing) or hasattr(thing, "get_config"):
        return thing
    try:
        return thing()
    except Error:
        raise
    except Exception as e:
        raise InputError(f"{where}() raised {type(e).__name__}: {e}") from e
