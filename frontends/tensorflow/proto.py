"""The protobuf messages of a TensorFlow graph, described by us and built at run time.

Field names and numbers are facts of the wire format. The descriptors live in a pool and a package of
their own, so that real TensorFlow, which registers the same messages in the default pool, can be
imported into the same process before or after; and nothing is generated, so that no version of
protobuf's code generator is tied to the installed runtime. Fields the compiler has no use for (debug
info, full types, resource handles) are left out: protobuf carries them along as unknown fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

PACKAGE = "netwright.tf"

# TensorFlow's DataType in the order of its numbers; number + 100 is the reference type, `DT_FLOAT_REF`.
# fmt: off
DATA_TYPES: tuple[str, ...] = (
    "INVALID", "FLOAT", "DOUBLE", "INT32", "UINT8", "INT16", "INT8", "STRING", "COMPLEX64", "INT64", "BOOL",
    "QINT8", "QUINT8", "QINT32", "BFLOAT16", "QINT16", "QUINT16", "UINT16", "COMPLEX128", "HALF",
    "RESOURCE", "VARIANT", "UINT32", "UINT64", "FLOAT8_E5M2", "FLOAT8_E4M3FN", "FLOAT8_E4M3FNUZ",
    "FLOAT8_E4M3B11FNUZ", "FLOAT8_E5M2FNUZ", "INT4", "UINT4", "INT2", "UINT2", "FLOAT4_E2M1FN",
)
# fmt: on
REFERENCE = 100

# One message a row; `name:type=number`, a star for repeated, `<T>` for map<string, T>, `<n,T>` for
# map<uint32, T>, `|` before the members of the one oneof there is. Messages that TensorFlow nests
# (AttrValue.ListValue) stand beside the others: neither the wire nor the text format shows the difference.
SCHEMA: dict[str, str] = {
    "GraphDef": "node:NodeDef*=1 library:FunctionDefLibrary=2 version:int32=3 versions:VersionDef=4",
    "VersionDef": "producer:int32=1 min_consumer:int32=2 bad_consumers:int32*=3",
    "NodeDef": "name:string=1 op:string=2 input:string*=3 device:string=4 attr:<AttrValue>=5",
    "NameAttrList": "name:string=1 attr:<AttrValue>=2",
    "AttrValue": """|s:bytes=2 |i:int64=3 |f:float=4 |b:bool=5 |type:DataType=6 |shape:TensorShapeProto=7
        |tensor:TensorProto=8 |list:ListValue=1 |func:NameAttrList=10 |placeholder:string=9""",
    "ListValue": """s:bytes*=2 i:int64*=3 f:float*=4 b:bool*=5 type:DataType*=6 shape:TensorShapeProto*=7
        tensor:TensorProto*=8 func:NameAttrList*=9""",
    "TensorShapeProto": "dim:Dim*=2 unknown_rank:bool=3",
    "Dim": "size:int64=1 name:string=2",
    "TensorProto": """dtype:DataType=1 tensor_shape:TensorShapeProto=2 version_number:int32=3
        tensor_content:bytes=4 float_val:float*=5 double_val:double*=6 int_val:int32*=7 string_val:bytes*=8
        scomplex_val:float*=9 int64_val:int64*=10 bool_val:bool*=11 dcomplex_val:double*=12
        half_val:int32*=13 uint32_val:uint32*=16 uint64_val:uint64*=17 float8_val:bytes=18""",
    "FunctionDefLibrary": "function:FunctionDef*=1",
    "FunctionDef": """signature:OpDef=1 attr:<AttrValue>=5 arg_attr:<n,ArgAttrs>=7 node_def:NodeDef*=3
        ret:<string>=4 control_ret:<string>=6""",
    "ArgAttrs": "attr:<AttrValue>=1",
    "OpDef": """name:string=1 input_arg:ArgDef*=2 output_arg:ArgDef*=3 control_output:string*=20
        attr:AttrDef*=4 is_stateful:bool=17""",
    "ArgDef": """name:string=1 description:string=2 type:DataType=3 type_attr:string=4 number_attr:string=5
        type_list_attr:string=6 is_ref:bool=16""",
    "AttrDef": """name:string=1 type:string=2 default_value:AttrValue=3 description:string=4
        has_minimum:bool=5 minimum:int64=6 allowed_values:AttrValue=7""",
    "SavedModel": "saved_model_schema_version:int64=1 meta_graphs:MetaGraphDef*=2",
    "MetaGraphDef": """meta_info_def:MetaInfoDef=1 graph_def:GraphDef=2 saver_def:SaverDef=3
        collection_def:<CollectionDef>=4 signature_def:<SignatureDef>=5""",
    "MetaInfoDef": "meta_graph_version:string=1 tags:string*=4 tensorflow_version:string=5",
    "SaverDef": "filename_tensor_name:string=1 save_tensor_name:string=2 restore_op_name:string=3",
    "CollectionDef": "|node_list:NodeList=1",
    "NodeList": "value:string*=1",
    "SignatureDef": "inputs:<TensorInfo>=1 outputs:<TensorInfo>=2 method_name:string=3",
    "CheckpointState": "model_checkpoint_path:string=1 all_model_checkpoint_paths:string*=2",
    "TensorInfo": "|name:string=1 dtype:DataType=2 tensor_shape:TensorShapeProto=3",
}

_FIELD = re.compile(r"(\|?)(\w+):(?:(\w+)(\*?)|<(n,)?(\w+)>)=(\d+)")
_SCALARS = ("double", "float", "int64", "uint64", "int32", "bool", "string", "bytes", "uint32")


@dataclass(frozen=True, slots=True)
class FieldOf:
    """A field of a message: `kind` is a scalar type, "DataType" or a message; a map's is its entry's."""

    number: int
    kind: str
    repeated: bool
    in_oneof: bool


@cache
def fields_of(message: str) -> dict[str, FieldOf]:
    """The fields by name of a message of SCHEMA, or of a map's entry, which is called `<T>` or `<n,T>`."""
    if message.startswith("<"):
        key, _, value = message.strip("<>").rpartition(",")
        return {
            "key": FieldOf(1, "uint32" if key else "string", False, False),
            "value": FieldOf(2, value, False, False),
        }
    found: dict[str, FieldOf] = {}
    for text in SCHEMA[message].split():
        oneof, name, kind, star, by_number, value, number = _parts(text, message)
        entry = f"<{by_number or ''}{value}>"
        found[name] = FieldOf(int(number), kind or entry, bool(star or value), bool(oneof))
    return found


@cache
def messages() -> SimpleNamespace:
    """The message classes by name (`messages().GraphDef`), built at the first call."""
    from google.protobuf import descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    classes = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in SCHEMA
    }
    return SimpleNamespace(**classes)


def _file() -> Any:
    """SCHEMA as protobuf's own description of a .proto file."""
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name="netwright/tf/graph.proto", package=PACKAGE)
    file.syntax = "proto3"
    enum = file.enum_type.add(name="DataType")
    for number, name in enumerate(DATA_TYPES):
        enum.value.add(name=f"DT_{name}", number=number)
    for number, name in enumerate(DATA_TYPES[1:], 1):
        enum.value.add(name=f"DT_{name}_REF", number=number + REFERENCE)
    for name, row in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field in row.split():
            _add_field(message, field)
    return file


def _add_field(message: Any, text: str) -> None:
    """One `name:type=number` of SCHEMA, added to its message."""
    oneof, name, kind, star, by_number, value, number = _parts(text, message.name)
    field = message.field.add(name=name, number=int(number), label=3 if star or value else 1)
    if value:
        entry = message.nested_type.add(name=_entry_name(name))
        entry.options.map_entry = True
        _set_type(entry.field.add(name="key", number=1, label=1), "uint32" if by_number else "string")
        _set_type(entry.field.add(name="value", number=2, label=1), value)
        field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{message.name}.{entry.name}"
        return
    _set_type(field, kind)
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name="value")
        field.oneof_index = 0


def _parts(text: str, message: str) -> tuple[str, ...]:
    found = _FIELD.fullmatch(text)
    if found is None:
        raise ValueError(f"SCHEMA: {message}: {text!r} is not of the form name:type=number")
    return found.groups()


def _entry_name(name: str) -> str:
    """What protobuf demands a map's entry message be called: `arg_attr` has `ArgAttrEntry`."""
    return "".join(part.capitalize() for part in name.split("_")) + "Entry"


def _set_type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
        return
    field.type = field.TYPE_ENUM if kind == "DataType" else field.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{kind}"
