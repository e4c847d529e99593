"""`netwright.keras` and `netwright.ops`: public names of packages that lie elsewhere, the same modules by both."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import netwright as nw
import pytest

VIEW = Path(nw.__file__).parent


def test_modules_are_the_same_by_both_names():
    import netwright.keras.layers.dense
    from netwright.frontends.eager import ops
    from netwright.frontends.keras import losses
    from netwright.frontends.keras.layers.dense import Dense

    assert nw.keras is importlib.import_module("netwright.frontends.keras")
    assert importlib.import_module("netwright.keras.losses") is losses is nw.keras.losses
    assert netwright.keras.layers.dense.Dense is Dense is nw.keras.layers.Dense
    assert importlib.import_module("netwright.ops") is ops is nw.ops is nw.keras.ops
    assert importlib.import_module("netwright.keras.ops") is ops
    assert importlib.import_module("netwright.keras.ops.linalg") is importlib.import_module(
        "netwright.ops.linalg"
    )


def test_modules_keep_their_own_specification():
    module = importlib.import_module("netwright.keras.regularizers")
    assert module.__name__ == "netwright.frontends.keras.regularizers" == module.__spec__.name


@pytest.mark.parametrize(
    "first",
    [
        "import netwright.keras.losses; m = netwright.keras.losses",
        "from netwright.keras import losses as m",
        "from netwright import keras; m = keras.losses",
        "import netwright.frontends.keras.losses as m",
    ],
)
def test_any_order_of_imports_gives_one_module(first):
    code = (
        f"{first}\nimport netwright.keras.losses as a, netwright.frontends.keras.losses as b\n"
        "from netwright.keras.losses import MeanSquaredError\n"
        "assert a is b is m and MeanSquaredError is m.MeanSquaredError\n"
        "import sys; assert sum(n.endswith('keras.losses.base') for n in sys.modules) == 1"
    )
    env = {"PATH": os.defpath, "PYTHONPATH": str(VIEW.parent)}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=env)


def test_naming_the_package_imports_none_of_its_parts():
    code = (
        "import sys; from netwright import keras; "
        "print([m for m in sys.modules if m.startswith('netwright.frontends.keras.')])"
    )
    env = {"PATH": os.defpath, "PYTHONPATH": str(VIEW.parent)}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=env, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_what_is_not_there_is_a_missing_module():
    with pytest.raises(ModuleNotFoundError, match=r"netwright\.keras\.nope"):
        importlib.import_module("netwright.keras.nope")
    with pytest.raises(AttributeError, match="nope"):
        _ = nw.keras.nope


@pytest.mark.parametrize("name", ["datasets", "applications"])
def test_what_would_download_is_refused_by_name(name):
    with pytest.raises(ImportError, match=f"there is no keras.{name}"):
        importlib.import_module(f"netwright.keras.{name}")
    with pytest.raises(AttributeError, match="downloaded"):
        getattr(nw.keras, name)


def test_what_keras_has_and_is_not_built_is_refused_by_name():
    with pytest.raises(AttributeError, match=r"there is no keras\.quantizers: it is not built here"):
        _ = nw.keras.quantizers
    with pytest.raises(AttributeError, match=r"there is no keras\.utils\.get_file: nothing is downloaded"):
        _ = nw.keras.utils.get_file


@pytest.mark.parametrize("name", nw.keras.__all__)
def test_every_public_name_of_keras_is_there(name):
    assert getattr(nw.keras, name) is not None
    assert name in dir(nw.keras)


@pytest.mark.parametrize("name", nw.keras.utils.__all__)
def test_every_public_name_of_utils_is_there(name):
    assert getattr(nw.keras.utils, name) is not None


def test_the_backend():
    backend = nw.keras.backend
    assert backend.backend() == "netwright" and backend.image_data_format() == "channels_last"
    assert backend.floatx() == "float32" and backend.epsilon() == 1e-7
    assert backend.standardize_dtype(None) == "float32" and backend.is_float_dtype("float16")
    assert backend.is_int_dtype("int8") and not backend.is_int_dtype("bool")
    assert backend.is_keras_tensor(nw.keras.Input((3,))) and not backend.is_keras_tensor(nw.ops.ones(3))
    with pytest.raises(ValueError, match="channels_last"):
        backend.set_image_data_format("channels_first")
    backend.clear_session()
    assert nw.keras.layers.Dense(2).name == "dense"
