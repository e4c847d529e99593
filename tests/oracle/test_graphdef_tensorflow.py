"""The GraphDef reader against TensorFlow: the same fields, the same values, in one process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from netwright.frontends import sniff
from netwright.frontends.tensorflow import proto
from netwright.frontends.tensorflow.graphdef import Graph, read_graph
from netwright.frontends.tensorflow.tensors import OtherType, data_type

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
    "string": "string_val",
    **dict.fromkeys(("int32", "int16", "int8", "uint16", "uint8"), "int_val"),
    **dict.fromkeys(("qint32", "qint16", "qint8", "quint16", "quint8"), "int_val"),
}


def random_values(dtype: str, count: int) -> np.ndarray:
    """Any bits of this type, denormals and a NaN among them; as numpy holds it, bfloat16 as uint16."""
    rng = np.random.default_rng(count)
    if dtype == "string":
        return np.array([rng.bytes(rng.integers(5)) + b"x" for _ in range(count)], object)
    if dtype == "bool":
        return rng.integers(0, 2, count).astype(bool)
    plain = "uint16" if dtype == "bfloat16" else dtype.removeprefix("q")
    values = np.frombuffer(bytearray(rng.bytes(count * np.dtype(plain).itemsize)), plain)
    if values.dtype.kind in "fc":  # Python's floats keep one NaN of many
        parts = values.view(f"f{values.itemsize // (2 if values.dtype.kind == 'c' else 1)}")
        parts[np.isnan(parts)] = np.nan
    return values


def listed(dtype: str, values: np.ndarray) -> list:
    """The values as TensorProto's list field takes them."""
    if dtype in ("float16", "bfloat16"):
        return values.view("u2").tolist()
    if dtype.startswith("complex"):
        return values.view(f"f{values.itemsize // 2}").tolist()
    return values.tolist()


def name_of(tf, number: int) -> str:
    """A data type's name; quantised types are the integers that they hold."""
    name = tf.dtypes.as_dtype(number).name
    return name.removeprefix("q") if name.startswith(("qint", "quint")) else name


def ours(tf, tensor) -> np.ndarray:
    """What the reader makes of TensorFlow's TensorProto."""
    graph = tf.compat.v1.GraphDef()
    node = graph.node.add(name="w", op="Const")
    node.attr["value"].tensor.CopyFrom(tensor)
    found = read_graph(graph.SerializeToString()).nodes[0].attrs["value"]
    assert str(found.dtype) == name_of(tf, tensor.dtype)
    return found.array()


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    if found.dtype == object:
        assert found.tolist() == wanted.tolist()
        return
    assert found.itemsize == wanted.itemsize
    assert np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(wanted).tobytes()


def test_the_schema_is_tensorflows(tensorflow):
    from tensorflow.core.framework import function_pb2, graph_pb2, types_pb2
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.training import checkpoint_state_pb2

    nested = {
        "ListValue": "AttrValue.ListValue",
        "Dim": "TensorShapeProto.Dim",
        "ArgAttrs": "FunctionDef.ArgAttrs",
    }
    nested |= {"ArgDef": "OpDef.ArgDef", "AttrDef": "OpDef.AttrDef"}
    nested |= {"MetaInfoDef": "MetaGraphDef.MetaInfoDef", "NodeList": "CollectionDef.NodeList"}
    pool = graph_pb2.DESCRIPTOR.pool
    for file in (function_pb2, saved_model_pb2, checkpoint_state_pb2):
        assert file.DESCRIPTOR.pool is pool
    for name in proto.SCHEMA:
        mine = getattr(proto.messages(), name).DESCRIPTOR
        theirs = pool.FindMessageTypeByName(f"tensorflow.{nested.get(name, name)}")
        for field in mine.fields:
            other = theirs.fields_by_name[field.name]
            assert (field.number, field.type) == (other.number, other.type), f"{name}.{field.name}"
            assert (field.is_repeated, field.is_packed) == (other.is_repeated, other.is_packed)
            assert bool(field.containing_oneof) == bool(other.containing_oneof)
            if field.message_type and field.message_type.GetOptions().map_entry:
                assert field.message_type.fields[0].type == other.message_type.fields[0].type
    numbers = {f"DT_{name}": number for number, name in enumerate(proto.DATA_TYPES)}
    numbers |= {f"{name}_REF": number + 100 for name, number in numbers.items() if number}
    assert dict(types_pb2.DataType.items()) == numbers
    for number in range(1, len(proto.DATA_TYPES)):
        assert str(data_type(number)) == name_of(tensorflow, number)


@pytest.mark.parametrize("dtype", FIELDS)
@pytest.mark.parametrize("count", [0, 1, 2, 6, 5000])
def test_constants_as_tensorflow_writes_them(tensorflow, dtype, count):
    tf = tensorflow
    values = random_values(dtype, count)
    typed = values.view(tf.bfloat16.as_numpy_dtype) if dtype == "bfloat16" else values
    shape = (2, count // 2) if count % 2 == 0 else (count,)
    if "q" not in dtype:
        made = tf.make_tensor_proto(typed.reshape(shape), dtype=tf.dtypes.as_dtype(dtype))
        same(ours(tf, made), values.reshape(shape))
    # tf.io.serialize_tensor writes tensor_content; it takes quantized values as the integers they are.
    plain = dtype.removeprefix("q")
    kernel = tf.io.parse_tensor(list_proto(tf, plain, shape, values).SerializeToString(), plain)
    content = tf.make_tensor_proto(0.0)
    content.ParseFromString(tf.io.serialize_tensor(kernel).numpy())
    content.dtype = tf.dtypes.as_dtype(dtype).as_datatype_enum
    assert content.tensor_content or not count or dtype == "string"
    same(ours(tf, content), values.reshape(shape))


def list_proto(tf, dtype: str, shape: tuple[int, ...], values: np.ndarray):
    """A TensorProto with the values in their list field."""
    message = tf.make_tensor_proto(0.0)
    message.Clear()
    message.dtype = tf.dtypes.as_dtype(dtype).as_datatype_enum
    for size in shape:
        message.tensor_shape.dim.add(size=size)
    getattr(message, FIELDS[dtype]).extend(listed(dtype, values))
    return message


@pytest.mark.parametrize("dtype", FIELDS)
@pytest.mark.parametrize("given", [0, 1, 2, 3, 24])
def test_listed_values_repeat_as_in_tensorflow(tensorflow, dtype, given):
    tf = tensorflow
    message = list_proto(tf, dtype, (2, 3, 4), random_values(dtype, given))
    wanted = tf.io.parse_tensor(message.SerializeToString(), dtype).numpy()
    same(ours(tf, message), wanted)
    if given == 1:
        message.tensor_shape.Clear()
        wanted = tf.io.parse_tensor(message.SerializeToString(), dtype).numpy()
        same(ours(tf, message), np.array(wanted, object if dtype == "string" else None))


def test_packed_strings(tensorflow):
    message = list_proto(tensorflow, "string", (3,), np.array([], object))
    message.tensor_content = b"\x02\x00\xac\x02" + b"ab" + b"c" * 300
    wanted = tensorflow.io.parse_tensor(message.SerializeToString(), "string").numpy()
    assert wanted.tolist() == [b"ab", b"", b"c" * 300]
    same(ours(tensorflow, message), wanted)


def frozen(tf):
    """A graph with functions, control flow and constants of several types, as TensorFlow freezes it."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    weights = tf.Variable(tf.random.normal([64, 64]))

    @tf.function
    def branchy(x):
        for _ in tf.range(3):
            x = tf.cond(tf.reduce_sum(x) > 0, lambda x=x: x @ weights, lambda x=x: tf.nn.relu(x))
        return {"y": x, "z": tf.cast(x, tf.bfloat16)}

    concrete = branchy.get_concrete_function(tf.TensorSpec([None, 64], tf.float32, name="x"))
    return convert_variables_to_constants_v2(concrete, lower_control_flow=False).graph.as_graph_def()


def check_graph(tf, graph: Graph, wanted) -> None:
    check_nodes(tf, graph.nodes, wanted.node)
    assert graph.versions.producer == wanted.versions.producer
    assert list(graph.functions) == [function.signature.name for function in wanted.library.function]
    for function in wanted.library.function:
        found = graph.functions[function.signature.name]
        check_nodes(tf, found.nodes, function.node_def)
        assert found.ret == dict(function.ret) and found.control_ret == dict(function.control_ret)
        assert [a.name for a in found.inputs] == [a.name for a in function.signature.input_arg]
        assert [a.name for a in found.outputs] == [a.name for a in function.signature.output_arg]


def check_nodes(tf, nodes, wanted) -> None:
    assert [(n.name, n.op, n.inputs, n.device) for n in nodes] == [
        (n.name, n.op, tuple(n.input), n.device) for n in wanted
    ]
    for node, other in zip(nodes, wanted, strict=True):
        assert list(node.attrs) == sorted(other.attr)
        for key, value in node.attrs.items():
            which = other.attr[key].WhichOneof("value")
            theirs = getattr(other.attr[key], which)
            if which == "tensor":
                same(value.array(), tf.make_ndarray(theirs))
            elif which == "type":
                assert value == OtherType("invalid") if theirs == 0 else str(value) == name_of(tf, theirs)
            elif which == "shape":
                dims = tf.TensorShape(theirs)
                assert value == (None if dims.rank is None else tuple(dims.as_list()))
            elif which == "s":
                assert value == theirs.decode() or value == theirs
            elif which == "func":
                assert value.name == theirs.name
            elif which in "ifb":
                assert value == theirs


def test_a_frozen_graph(tensorflow, tmp_path):
    wanted = frozen(tensorflow)
    assert len(wanted.library.function) > 2
    check_graph(tensorflow, read_graph(wanted.SerializeToString()), wanted)
    for name, as_text, kind in [("g.pb", False, sniff.Kind.GRAPH), ("g.pbtxt", True, sniff.Kind.GRAPH_TEXT)]:
        path = tensorflow.io.write_graph(wanted, str(tmp_path), name, as_text=as_text)
        assert sniff.sniff(path) is kind
        check_graph(tensorflow, read_graph(path), wanted)


def run(code: str, folder: os.PathLike[str]) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


COEXIST = """
from netwright.frontends.tensorflow import graphdef, proto
{first}
{second}
mine, theirs = proto.messages().GraphDef(), tf.compat.v1.GraphDef()
assert type(mine) is not type(theirs)
mine.node.add(name="a", op="Const").attr["value"].tensor.float_val.append(2)
mine.node[0].attr["value"].tensor.dtype = 1
theirs.ParseFromString(mine.SerializeToString())
assert tf.make_ndarray(theirs.node[0].attr["value"].tensor) == 2
assert graphdef.read_graph(theirs.SerializeToString()).nodes[0].attrs["value"].array() == 2
"""


@pytest.mark.parametrize("ours_first", [True, False])
def test_both_live_in_one_process(tensorflow, ours_first, tmp_path):
    lines = ["proto.messages()", "import tensorflow as tf"]
    first, second = lines if ours_first else lines[::-1]
    run(COEXIST.format(first=first, second=second), tmp_path)


def test_kinds_of_files_beside_a_saved_model(tensorflow, tmp_path):
    tf = tensorflow
    module = tf.Module()
    module.weights = tf.Variable(tf.ones([64, 128]))
    module.call = tf.function(
        lambda x: x @ module.weights, input_signature=[tf.TensorSpec([None, 64], tf.float32)]
    )
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.call)
    assert sniff.sniff(tmp_path / "saved") is sniff.Kind.SAVED_MODEL
    assert sniff.sniff(tmp_path / "saved" / "saved_model.pb") is sniff.Kind.SAVED_MODEL
    assert sniff.sniff(tmp_path / "saved" / "variables") is sniff.Kind.CHECKPOINT
    assert sniff.sniff(tmp_path / "saved" / "variables" / "variables.index") is sniff.Kind.CHECKPOINT
    with tf.Graph().as_default():
        tf.compat.v1.placeholder(tf.float32, name="x")
        tf.compat.v1.train.export_meta_graph(str(tmp_path / "model.meta"))
        tf.compat.v1.train.export_meta_graph(str(tmp_path / "text.meta"), as_text=True)
    assert sniff.sniff(tmp_path / "model.meta") is sniff.Kind.META_GRAPH
    assert sniff.sniff(tmp_path / "text.meta") is sniff.Kind.META_GRAPH
