"""SavedModels that TensorFlow and Keras write: loaded here and there, with the same results."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow.savedmodel import import_saved_model
from netwright.runtime.errors import FormatError, OptionError, UnsupportedError

from ..helpers import close

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")


def names(module: Any, what: str) -> list[str]:
    attributes = module.body.last.attributes["arg_attrs" if what == "inputs" else "res_attrs"]
    return [a["graph.name"] for a in attributes]


def check(
    tf: Any, folder: Path, arrays: dict[str, Any], signature: str = "serving_default", **options: Any
) -> Any:
    """The signature's results in the interpreter against TensorFlow's own loader."""
    chosen = None if signature == "serving_default" else signature
    module = import_saved_model(folder, signature=chosen, **options)
    function = tf.saved_model.load(str(folder)).signatures[signature]
    want = {k: v.numpy() for k, v in function(**{k: tf.constant(a) for k, a in arrays.items()}).items()}
    assert sorted(names(module, "inputs")) == sorted(arrays) and sorted(names(module, "outputs")) == sorted(
        want
    )
    got = run_module(module, [arrays[k] for k in names(module, "inputs")])
    for name, array in zip(names(module, "outputs"), got, strict=True):
        close(array, want[name])
    return module


def random(*shape: int, dtype: str = "f4") -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


def test_a_module_with_several_signatures(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    module = tf.Module()
    # Variables of one name: what they are called does not tell them apart.
    module.parts = [tf.Variable(random(4, n), name="w") for n in (3, 4, 5)]
    module.inner = tf.Module()
    module.inner.scale = tf.Variable(2.0, dtype=tf.float64)
    module.fixed = tf.constant(random(3))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], name="zeta"), tf.TensorSpec([3], name="alpha")])
    def first(zeta: Any, alpha: Any) -> Any:
        inner = tf.function(lambda x: x @ module.parts[0] + module.fixed)
        return {"z": inner(zeta) * alpha, "a": tf.cast(module.inner.scale, tf.float32) * alpha}

    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def second(x: Any) -> Any:
        return [x @ w for w in module.parts] * 4

    folder = tmp_path / "saved"
    tf.saved_model.save(module, str(folder), signatures={"serving_default": first, "second": second})
    found = check(tf, folder, {"zeta": random(2, 4), "alpha": random(3)})
    assert names(found, "inputs") == ["alpha", "zeta"] and names(found, "outputs") == ["a", "z"]
    found = check(tf, folder, {"x": random(5, 4)}, "second")
    assert names(found, "outputs") == [f"output_{i}" for i in range(12)]
    with pytest.raises(
        OptionError, match="there is no signature 'third'; signatures: 'second', 'serving_default'"
    ):
        import_saved_model(folder, signature="third")


def test_names_of_a_signature_and_of_the_graph(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    module = tf.Module()
    module.w = tf.Variable(random(4, 3))
    spec = [tf.TensorSpec(None, name="x"), tf.TensorSpec([None, 3], name="y")]
    call = tf.function(lambda x, y: {"p": x @ module.w, "q": y + 1.0}, input_signature=spec)
    folder = tmp_path / "saved"
    tf.saved_model.save(module, str(folder), signatures=call)
    with pytest.raises(
        UnsupportedError, match=r"its rank is not known: give its shape, like --input x:\?,224"
    ):
        import_saved_model(folder)
    check(tf, folder, {"x": random(2, 4), "y": random(3, 3)}, inputs={"x": (None, 4)})
    found = import_saved_model(folder, inputs=["y", "x:7,4"], outputs=["p"])
    assert names(found, "inputs") == ["y", "x"] and names(found, "outputs") == ["p"]
    # The function that the signature calls takes all inputs, whatever is wanted of it.
    found = import_saved_model(folder, inputs=["x:2,4"], outputs=["q"])
    assert names(found, "inputs") == ["x", "y"] and names(found, "outputs") == ["q"]
    tensors = ["serving_default_y:0", "serving_default_x:2,4"]
    found = import_saved_model(folder, inputs=tensors, outputs=["StatefulPartitionedCall:1"])
    assert names(found, "inputs") == ["serving_default_y", "serving_default_x"]
    assert names(found, "outputs") == ["StatefulPartitionedCall:1"]


def test_a_keras_network(tensorflow: Any, keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    image, word = keras.Input((12, 12, 3), name="image"), keras.Input((5,), dtype="int32", name="word")
    y = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Flatten()(layers.MaxPooling2D(3)(y))
    z = layers.Flatten()(layers.Embedding(10, 4)(word))
    y = layers.Dropout(0.5)(layers.Concatenate()([y, z]))
    model = keras.Model([image, word], [layers.Dense(6, activation="softmax", name="class")(y), z])
    for v in model.variables:
        v.assign(np.random.default_rng(1).uniform(0.1, 1, v.shape))
    model.export(tmp_path / "exported", verbose=False)
    function = tensorflow.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    keys = list(function.structured_input_signature[1])
    arrays = {
        k: random(3, 12, 12, 3) if s.dtype == "float32" else np.arange(15).reshape(3, 5).astype("i4") % 10
        for k, s in function.structured_input_signature[1].items()
    }
    assert len(keys) == 2
    check(tensorflow, tmp_path / "exported", arrays)


def old_graph(tf: Any, resource: bool, axis: int) -> tuple[Any, Any, Any]:
    """A graph of TensorFlow 1 with partitioned variables, initialized."""
    v1 = tf.compat.v1
    x = v1.placeholder(tf.float32, [None, 6], name="x")
    with v1.variable_scope("layer", use_resource=resource):
        w = v1.get_variable("w", [6, 5], partitioner=v1.fixed_size_partitioner(3, axis=axis))
        b = v1.get_variable("b", [5], initializer=v1.random_normal_initializer())
        table = v1.get_variable("table", [4, 5])
    session = v1.Session()
    y = tf.matmul(x, tf.convert_to_tensor(w)) + b
    index = v1.placeholder(tf.int32, [None], name="index")
    z = tf.gather(table, index)
    session.run(v1.global_variables_initializer())
    return session, {"x": x, "index": index}, {"y": y, "z": z}


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("resource", [False, True])
def test_partitioned_variables_of_tensorflow_1(
    tensorflow: Any, tmp_path: Path, resource: bool, axis: int, text: bool
) -> None:
    tf, v1 = tensorflow, tensorflow.compat.v1
    folder = tmp_path / "saved"
    with tf.Graph().as_default():
        session, inputs, outputs = old_graph(tf, resource, axis)
        signature = v1.saved_model.predict_signature_def(inputs, outputs)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save(as_text=text)
        arrays = {"x": random(2, 6), "index": np.array([3, 0], "i4")}
        want = session.run(outputs, {inputs[k]: a for k, a in arrays.items()})
    assert (folder / "saved_model.pbtxt").exists() == text
    module = import_saved_model(folder)
    assert names(module, "inputs") == ["x", "index"]
    got = run_module(module, [arrays["x"], arrays["index"]])
    for name, array in zip(names(module, "outputs"), got, strict=True):
        close(array, want[name])


def test_simple_save_tags_and_local_variables(tensorflow: Any, tmp_path: Path) -> None:
    tf, v1 = tensorflow, tensorflow.compat.v1
    folder = tmp_path / "saved"
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None], name="x")
        w = v1.get_variable("w", initializer=tf.constant(3.0))
        local = v1.get_local_variable("local", initializer=tf.constant([2.0]))
        random_one = v1.get_local_variable("random", shape=[1])
        session = v1.Session()
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        define = v1.saved_model.predict_signature_def
        signatures = {
            "serving_default": define({"x": x}, {"y": w * x + local}),
            "other": define({"x": x}, {"y": random_one * x}),
        }
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["train"], {})
        builder.add_meta_graph(["serve", "gpu"], signatures, main_op=v1.local_variables_initializer())
        builder.save()
    (got,) = run_module(import_saved_model(folder), [np.array([1, 2], "f4")])
    np.testing.assert_array_equal(got, [5, 8])
    with pytest.raises(
        UnsupportedError, match="the value of variable 'random' is computed when the model is loaded"
    ):
        import_saved_model(folder, signature="other")


def test_only_graphs_for_serving(tensorflow: Any, tmp_path: Path) -> None:
    tf, v1 = tensorflow, tensorflow.compat.v1
    folder = tmp_path / "saved"
    with tf.Graph().as_default():
        v1.get_variable("w", initializer=tf.constant(3.0))
        session = v1.Session()
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["train"], {})
        builder.add_meta_graph(["eval", "tpu"], {})
        builder.save()
    with pytest.raises(
        FormatError, match=r"tagged 'serve', found graphs tagged \['train'\], \['eval', 'tpu'\]"
    ):
        import_saved_model(folder)


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "uint16", "bool"]
)
def test_data_types(tensorflow: Any, tmp_path: Path, dtype: str) -> None:
    tf = tensorflow
    module = tf.Module()
    value = tf.cast(tf.constant(np.arange(6).reshape(2, 3)), dtype)
    module.v, module.none = tf.Variable(value), tf.Variable(tf.zeros([0, 3], dtype))
    spec = [tf.TensorSpec([2, 3], dtype, name="x")]
    call = tf.function(lambda x: tf.concat([x, module.v, module.none], 0), input_signature=spec)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=call)
    x = value.numpy()
    x = x.view(np.uint16) if dtype == "bfloat16" else x
    (got,) = run_module(import_saved_model(tmp_path / "saved"), [x])
    np.testing.assert_array_equal(got, np.concatenate([x, x]))


class Counter:
    """Builds a module that changes variables when it is called."""

    def __new__(cls, tf: Any) -> Any:
        module = tf.Module()
        module.calls, module.sum = tf.Variable(0), tf.Variable(random(3))
        module.step = tf.Variable(0.5)

        @tf.function(input_signature=[tf.TensorSpec([3], name="x")])
        def call(x: Any) -> Any:
            before = module.sum.read_value()
            module.calls.assign_add(1)
            module.sum.assign(before + x * module.step)
            if module.calls > 2:
                module.sum.assign_sub(x)
            return {"before": before, "after": module.sum.read_value(), "calls": module.calls.read_value()}

        module.call = call
        return module


def test_variables_that_are_assigned_stay_variables(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    module = Counter(tf)
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.call)
    model = nw.compile(tmp_path / "saved", threads=1)
    calls = [name for name, spec in model.variables.items() if spec.shape == ()]
    assert len(model.variables) == 2 and len(calls) == 1
    function = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    for i in range(4):
        x = random(3) + i
        want = {k: v.numpy() for k, v in function(x=tf.constant(x)).items()}
        got = model.run({"x": x})
        for k, v in want.items():
            close(got[k], v)
    assert model.get_variable(calls[0]) == 4


def test_other_ways_to_change_a_variable_are_refused(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    module = tf.Module()
    module.v = tf.Variable([1.0, 2.0])

    @tf.function(input_signature=[tf.TensorSpec([1])])
    def call(x: Any) -> Any:
        module.v.scatter_update(tf.IndexedSlices(x, tf.constant([0])))
        return module.v + 1.0

    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=call)
    with pytest.raises(UnsupportedError, match="this way to change a variable is not supported") as caught:
        import_saved_model(tmp_path / "saved")
    assert caught.value.ops == ("ResourceScatterUpdate",)


def test_tables_are_refused_only_where_they_are_needed(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    module = tf.Module()
    pairs = tf.lookup.KeyValueTensorInitializer(tf.constant([1, 2], tf.int64), tf.constant([3, 4], tf.int64))
    module.table, module.w = tf.lookup.StaticHashTable(pairs, 0), tf.Variable(2.0)
    spec = [tf.TensorSpec([None], tf.int64, name="x")]
    signatures = {
        "serving_default": tf.function(lambda x: tf.cast(x, tf.float32) * module.w, input_signature=spec),
        "lookup": tf.function(lambda x: module.table.lookup(x), input_signature=spec),
    }
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=signatures)
    check(tf, tmp_path / "saved", {"x": np.array([1, 5])})
    with pytest.raises(UnsupportedError) as caught:
        import_saved_model(tmp_path / "saved", signature="lookup")
    assert "HashTableV2" in caught.value.ops


def test_a_corrupted_value_is_refused_by_name(tensorflow: Any, tmp_path: Path) -> None:
    tf = tensorflow
    module = tf.Module()
    module.a, module.b = tf.Variable(random(4)), tf.Variable(random(4) + 1)
    spec = [tf.TensorSpec([4], name="x")]
    signatures = {
        "a": tf.function(lambda x: x * module.a, input_signature=spec),
        "b": tf.function(lambda x: x * module.b, input_signature=spec),
    }
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=signatures)
    shard = tmp_path / "saved" / "variables" / "variables.data-00000-of-00001"
    data = bytearray(shard.read_bytes())
    at = data.index(module.b.numpy().tobytes())
    data[at + 3] ^= 1
    shard.write_bytes(data)
    import_saved_model(tmp_path / "saved", signature="a")
    with pytest.raises(FormatError, match=r"tensor 'b/\.ATTRIBUTES/VARIABLE_VALUE': its values do not match"):
        import_saved_model(tmp_path / "saved", signature="b")
    shard.unlink()
    with pytest.raises(FormatError, match="expected a readable file, found: No such file"):
        import_saved_model(tmp_path / "saved", signature="b")
    shutil.rmtree(shard.parent)
    with pytest.raises(FormatError, match=r"variables\.index: expected a readable file"):
        import_saved_model(tmp_path / "saved", signature="b")
