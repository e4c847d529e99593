"""Files of Keras models: read as real Keras wrote them, written and read back, and refused where they are wrong."""

import io
import json
import zipfile
from pathlib import Path

import netwright as nw
import numpy as np
import pytest
from netwright import keras
from netwright.runtime.errors import FormatError, UnsupportedError

h5py = pytest.importorskip("h5py")
DATA = Path(__file__).resolve().parent.parent / "data" / "keras"
layers = keras.layers


@pytest.fixture(scope="module")
def expected():
    with np.load(DATA / "expected.npz") as file:
        return dict(file)


def close(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=2e-5, atol=2e-6)


def check_functional(model, expected):
    found = model([expected["image"], expected["words"]], training=False)
    close(found["out"], expected["out"])
    close(found["other"], expected["other"])


def test_a_functional_model_of_real_keras(expected):
    model = keras.models.load_model(DATA / "functional.keras")
    check_functional(model, expected)
    assert isinstance(model.optimizer, keras.optimizers.RMSprop) and int(model.optimizer.iterations) == 2
    assert [layer.name for layer in model.layers if layer.name == "inner"] == ["inner"]


def test_a_written_model_reads_back(expected, tmp_path):
    model = keras.models.load_model(DATA / "functional.keras")
    model.save(tmp_path / "again.keras")
    with zipfile.ZipFile(tmp_path / "again.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        mine = json.loads(archive.read("config.json"))
        names = paths(archive.read("model.weights.h5"))
    with zipfile.ZipFile(DATA / "functional.keras") as archive:
        theirs = json.loads(archive.read("config.json"))
        assert names == paths(archive.read("model.weights.h5"))
    assert [e["name"] for e in mine["config"]["layers"]] == [e["name"] for e in theirs["config"]["layers"]]
    assert mine["config"]["output_layers"] == theirs["config"]["output_layers"]
    again = keras.models.load_model(tmp_path / "again.keras")
    check_functional(again, expected)
    for a, b in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


def paths(data):
    """The arrays of a file by path, with their shapes."""
    found = {}
    with h5py.File(io.BytesIO(data)) as file:
        file.visititems(lambda n, o: found.update({n: o.shape}) if isinstance(o, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize("name", ["chain.keras", "chain.h5"])
def test_training_goes_on_where_it_was(expected, name):
    model = keras.models.load_model(DATA / name)
    close(model(expected["x"]), expected["chain"])
    model.train_on_batch(expected["x"], expected["y"])
    close(model.get_weights()[0], expected["trained"])


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_sequential_model_there_and_back(expected, tmp_path, ending):
    model = keras.models.load_model(DATA / f"chain{ending}")
    model.save(tmp_path / f"chain{ending}")
    again = keras.models.load_model(tmp_path / f"chain{ending}")
    close(again(expected["x"]), expected["chain"])
    again.train_on_batch(expected["x"], expected["y"])
    close(again.get_weights()[0], expected["trained"])
    assert keras.models.load_model(tmp_path / f"chain{ending}", compile=False).optimizer is None


def test_weights_alone(expected, tmp_path):
    whole = keras.models.load_model(DATA / "functional.keras", compile=False)
    blank = keras.models.clone_model(whole)
    blank.load_weights(DATA / "functional.weights.h5")
    check_functional(blank, expected)
    blank.save_weights(tmp_path / "w.weights.h5")
    other = keras.models.clone_model(whole)
    other.load_weights(tmp_path / "w.weights.h5")
    check_functional(other, expected)
    other = keras.models.clone_model(whole)
    other.load_weights(DATA / "functional.keras")
    check_functional(other, expected)


def test_json_and_cloning(expected):
    model = keras.models.load_model(DATA / "functional.keras")
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    check_functional(again, expected)
    replaced = keras.models.clone_model(
        keras.models.load_model(DATA / "chain.keras"),
        clone_function=lambda layer: (
            layers.ReLU(name="relu") if layer.name == "prelu" else type(layer).from_config(layer.get_config())
        ),
    )
    assert [layer.name for layer in replaced.layers] == [
        "separable",
        "relu",
        "max_pooling2d",
        "flatten",
        "out",
    ]


def small():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])


def test_weights_that_do_not_fit(tmp_path):
    small().save_weights(tmp_path / "w.weights.h5")
    other = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(5, name="b")])
    with pytest.raises(ValueError, match="1 objects could not be loaded: b"):
        other.load_weights(tmp_path / "w.weights.h5")
    with pytest.warns(UserWarning, match="could not be loaded"):
        other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)


def test_legacy_weights_by_name(tmp_path):
    model = small()
    model.save(tmp_path / "m.h5")
    other = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(9, name="c")])
    other.load_weights(tmp_path / "m.h5", by_name=True)
    assert np.array_equal(other.get_weights()[0], model.get_weights()[0])


def test_files_that_cannot_be_written(tmp_path):
    model = small()
    with pytest.raises(ValueError, match=r"expected \.keras"):
        model.save(tmp_path / "model.pb")
    with pytest.raises(ValueError, match=r"must end in `\.weights\.h5`"):
        model.save_weights(tmp_path / "model.h5")
    model.save(tmp_path / "m.keras")
    with pytest.raises(FileExistsError, match="there already"):
        model.save(tmp_path / "m.keras", overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["m.keras"]


class Doubled(layers.Layer):
    def call(self, x):
        return x * 2.0


def test_classes_of_the_users_own(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Doubled(name="twice"), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError, match=r"Doubled.*register_keras_serializable.*custom_objects") as e:
        keras.models.load_model(tmp_path / "m.keras")
    assert e.value.ops == ("Doubled",)
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Doubled": Doubled})
    x = np.ones((2, 4), np.float32)
    close(again(x), model(x).numpy())


def changed(tmp_path, change, source="chain.keras"):
    """The file with its configuration changed."""
    with zipfile.ZipFile(DATA / source) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    path = tmp_path / "changed.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def entry(config, name):
    return next(e for e in config["config"]["layers"] if e["config"]["name"] == name)


def test_marshalled_code_is_refused(tmp_path):
    def change(config):
        code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
        found = entry(config, "prelu")
        found["class_name"], found["config"] = "Lambda", {"name": "prelu", "function": code}

    with pytest.raises(UnsupportedError, match="marshalled Python code, which is never run") as e:
        keras.models.load_model(changed(tmp_path, change), safe_mode=False)
    assert e.value.ops == ("Lambda",)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("keras.saving", "load_model"),
        ("keras.initializers", "np"),
        ("subprocess", "Popen"),
    ],
)
def test_configurations_name_no_other_code(tmp_path, module, name):
    def change(config):
        found = entry(config, "prelu")
        found["module"], found["class_name"], found["registered_name"] = module, name, None

    with pytest.raises(UnsupportedError, match="expected a class or function that is known"):
        keras.models.load_model(changed(tmp_path, change))


def test_all_unknown_layers_are_named_at_once(tmp_path):
    def change(config):
        for e in config["config"]["layers"]:
            if e["config"]["name"] in ("conv", "norm", "four"):
                e["class_name"] = {"conv": "Convoluted", "norm": "Normed", "four": "Normed"}[
                    e["config"]["name"]
                ]

    with pytest.raises(
        UnsupportedError, match=r"Convoluted x 1 \(conv\)[^\n]*\n  Normed x 2 \((norm, four|four, norm)\)"
    ) as e:
        keras.models.load_model(changed(tmp_path, change, "functional.keras"))
    assert e.value.ops == ("Convoluted", "Normed")


def test_a_loop_in_a_configuration(tmp_path):
    def change(config):
        node = entry(config, "conv")["inbound_nodes"][0]
        node["args"][0]["config"]["keras_history"] = ["norm", 0, 0]

    with pytest.raises(FormatError, match="found a loop"):
        keras.models.load_model(changed(tmp_path, change, "functional.keras"))


def test_sizes_that_the_file_does_not_hold(tmp_path):
    def change(config):
        entry(config, "out")["config"]["units"] = 10**9

    with pytest.raises(FormatError, match="expected a shape that the file has the numbers for"):
        keras.models.load_model(changed(tmp_path, change))


def test_archives_that_unpack_to_far_more(tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b'{"a": "' + b"x" * (80 << 20) + b'"}')
        archive.writestr("model.weights.h5", b"\0" * 100)
    with pytest.raises(FormatError, match=r"config\.json: expected at most"):
        keras.models.load_model(path)


def test_arrays_larger_than_their_file(tmp_path):
    small().save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        file.create_dataset(
            "layers/dense/vars/0", (100_000, 100_000), "f4", chunks=(1000, 1000), compression="gzip"
        )
    with pytest.raises(FormatError, match="claims 40000000000 bytes, which the file cannot hold"):
        small().load_weights(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("link", ["soft", "external"])
def test_links_are_not_followed(tmp_path, link):
    small().save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        made = (
            h5py.SoftLink("/layers/dense_1/vars/0")
            if link == "soft"
            else h5py.ExternalLink("/etc/passwd", "/x")
        )
        file["layers/dense/vars/0"] = made
    with pytest.raises((FormatError, ValueError)):
        small().load_weights(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("data", [b"PK\3\4", b"\x89HDF\r\n\x1a\n" + b"\0" * 99, b"", b"nothing at all"])
def test_what_is_no_model(tmp_path, data):
    (tmp_path / "m.keras").write_bytes(data)
    with pytest.raises(FormatError):
        keras.models.load_model(tmp_path / "m.keras")


def test_no_file():
    with pytest.raises(ValueError, match=r"File not found: filepath=missing\.keras"):
        keras.models.load_model("missing.keras")
    with pytest.raises(ValueError, match="nothing is downloaded"):
        keras.models.load_model("hf://someone/model")


def test_compiling_a_file_and_an_object(expected):
    model = nw.compile(DATA / "functional.keras")
    assert [s.name for s in model.inputs] == ["image", "words"]
    assert model.inputs[0].shape == (None, 8, 8, 3)
    found = model.run({"image": expected["image"], "words": expected["words"]})
    close(found["out"], expected["out"])
    close(found["other"], expected["other"])
    chain = nw.compile(keras.models.load_model(DATA / "chain.h5"), outputs=["prelu", "out"], batch=4)
    assert [s.name for s in chain.outputs] == ["prelu", "out"]
    close(chain(expected["x"])["out"], expected["chain"])


def test_a_folded_convolution():
    from netwright.compiler.ops.builtin import functions
    from netwright.frontends.load import load_model

    module = load_model(DATA / "functional.keras")
    (main,) = functions(module)
    assert main.sym_name == "main"
    names = {op.name for op in main.body.ops}
    assert {"graph.conv2d", "graph.batch_norm", "graph.lstm"} <= names and "graph.read_variable" not in names
    conv = next(op for op in main.body.ops if op.name == "graph.conv2d")
    assert str(conv.location).endswith("/conv")


def keras_2(name, kind, nodes, **config):
    """A layer as Keras 2 wrote it."""
    if kind == "InputLayer":
        config = {"batch_input_shape": [None, 4], "sparse": False, "ragged": False}
    config = {"name": name, "dtype": "float32", "trainable": True, **config}
    if kind == "InputLayer":
        del config["trainable"]
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": nodes}


def functional_2(name, layers, output):
    first = layers[0]["name"]
    ends = {"input_layers": [[first, 0, 0]], "output_layers": [[output, 0, 0]]}
    return {"class_name": "Functional", "config": {"name": name, "layers": layers, **ends}}


def initial(name, **config):
    return {"class_name": name, "config": config}


DENSE = {
    "units": 3, "activation": "relu", "use_bias": True, "kernel_initializer": initial("GlorotUniform", seed=None),
    "bias_initializer": initial("Zeros"), "kernel_regularizer": initial("L2", l2=0.01), "bias_regularizer": None,
    "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None,
}  # fmt: skip
NORM = {
    "axis": [1], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
    "beta_initializer": initial("Zeros"), "gamma_initializer": initial("Ones"),
}  # fmt: skip
INNER = functional_2(
    "inner",
    [keras_2("i", "InputLayer", []), keras_2("d", "Dense", [[["i", 0, 0, {}]]], **DENSE)],
    "d",
)
KERAS_2 = functional_2(
    "model",
    [
        keras_2("x", "InputLayer", []),
        # nested models count their calls from 1
        {**INNER, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]], [["x", 0, 0, {}]]]},
        keras_2("add", "Add", [[["inner", 1, 0, {}], ["inner", 2, 0, {}]]]),
        keras_2("norm", "BatchNormalization", [[["add", 0, 0, {}]]], **NORM),
    ],
    "norm",
)


def test_a_configuration_of_keras_2(tmp_path):
    model = keras.models.model_from_json(json.dumps(KERAS_2))
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(w.shape).astype(np.float32) ** 2 for w in model.weights]
    model.set_weights(values)
    kernel, bias, gamma, beta, mean, variance = values
    x = rng.standard_normal((5, 4)).astype(np.float32)
    h = 2 * np.maximum(x @ kernel + bias, 0)
    close(model(x), (h - mean) / np.sqrt(variance + 1e-3) * gamma + beta)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["model_config"] = json.dumps(KERAS_2)
        file.attrs["keras_version"] = "2.15.0"
    with pytest.warns(UserWarning, match="no training configuration"):
        again = keras.models.load_model(tmp_path / "m.h5")
    close(again(x), model(x).numpy())


def test_models_in_models_have_each_its_own_place(tmp_path):
    inner = [keras.Sequential([layers.Dense(3), layers.Dense(3)], name=f"block{i}") for i in range(12)]
    model = keras.Sequential([keras.Input((3,)), keras.Sequential(inner, name="inner")], name="net")
    assert {w.path.rpartition("/")[0].count("/") for w in model.weights} == {3}
    assert model.weights[0].path.startswith("net/inner/block0/dense")
    model.save(tmp_path / "deep.keras")
    again = keras.models.load_model(tmp_path / "deep.keras")
    for a, b in zip(model.weights, again.weights, strict=True):
        assert np.array_equal(a.numpy(), b.numpy())
