"""The loops level is MLIR: MLIR's own tools lower it to LLVM, and the result agrees with ours."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from netwright.compiler.driver import run_passes
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.dims import evaluate_dim
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.types import MemRefType
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.builtin import functions
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.shape import Transpose
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target

from ..helpers import close, constant, graph, n, random_inputs, tensor

pytestmark = pytest.mark.skipif(
    shutil.which("mlir-opt-19") is None and not os.environ.get("CI"), reason="needs mlir-opt-19"
)

LOWERING = [
    "--convert-vector-to-scf=full-unroll", "--convert-vector-to-scf", "--lower-affine", "--convert-scf-to-cf",
    "--expand-strided-metadata", "--convert-vector-to-llvm", "--finalize-memref-to-llvm", "--convert-math-to-llvm",
    "--convert-arith-to-llvm", "--convert-func-to-llvm", "--convert-cf-to-llvm", "--convert-index-to-llvm",
    "--reconcile-unrealized-casts",
]  # fmt: skip


def _tool(command: list[str], text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout


def _through_mlir(kernel: Op) -> Any:
    """The kernel as a Python callable on ctypes numbers, lowered by MLIR alone."""
    text = print_op(kernel, generic=True)
    lowered = _tool(["mlir-opt-19", "--allow-unregistered-dialect", *LOWERING], text)
    module = llvm.parse_assembly(_tool(["mlir-translate-19", "--mlir-to-llvmir"], lowered))
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine, engine.get_function_address(kernel.attributes["sym_name"])


def _descriptor(array: Any) -> list[Any]:
    pointer = ctypes.c_void_p(array.ctypes.data)
    numbers = [0, *array.shape, *(s // array.itemsize for s in array.strides)]
    return [pointer, pointer, *(ctypes.c_int64(v) for v in numbers)]


def _call(address: int, args: list[Any]) -> None:
    ctypes.CFUNCTYPE(None, *(type(a) for a in args))(address)(*args)


def _kernels(module: Op) -> tuple[dict[str, Op], list[dict[str, Any]]]:
    """Kernels by name, and the packed constants, after all passes."""
    # MLIR compiles for this machine, whatever the shape of the vectors; the number of units depends on it.
    run_passes(module, CompileOptions(), resolve_target("x86-64-v4"))
    found = {f.sym_name: f for f in functions(module) if not any(a.get("kern.role") for a in f.arg_attrs)}
    return found, module.attributes["kern.constants"]


def _conv(b: Any, x: Any) -> Any:
    rng = np.random.default_rng(0)
    y = b(Conv2D, x, constant(b, rng.normal(size=(3, 3, 4, 20)).astype(np.float32)))
    return b(Relu, b(Add, y, constant(b, rng.normal(size=20).astype(np.float32))))


def _few_channels(b: Any, x: Any) -> Any:
    rng = np.random.default_rng(0)
    y = b(Conv2D, x, constant(b, rng.normal(size=(3, 3, 9, 1)).astype(np.float32)))
    return b(Relu, b(Add, y, constant(b, rng.normal(size=1).astype(np.float32))))


def _pointwise(b: Any, x: Any, y: Any) -> Any:
    return b(Mul, b(Add, x, y), b(Relu, x))


def _transpose(b: Any, x: Any) -> Any:
    return b(Transpose, x, permutation=(0, 2, 1))


#: a graph, the types of its inputs, and the units of its kernel for n = 2
NETS: dict[str, Any] = {
    "conv2d": (_conv, [tensor(n, 9, 8, 4)], 2 * 4),  # image x blocks of two rows
    "conv_dot": (_few_channels, [tensor(n, 5, 20, 9)], 2 * 3),  # rows
    "pointwise": (_pointwise, [tensor(n, 37), tensor(37)], 2),  # rows
    "transpose": (_transpose, [tensor(n, 21, 37)], 2),  # images
}


@pytest.mark.parametrize("name", NETS)
def test_kernel_through_mlir(name: str, tmp_path: Path) -> None:
    net, types, units = NETS[name]
    module = graph(net, types)
    reference = module.clone({})
    inputs = random_inputs(reference, {"n": 2})
    (want,) = Interpreter(reference).run(inputs)
    kernels, constants = _kernels(module)
    (kernel,) = (k for k in kernels.values() if k.attributes["sym_name"].startswith(name))
    arrays = {tuple(c["value"].array.shape): np.ascontiguousarray(c["value"].array) for c in constants}
    arrays.update({a.shape: a for a in inputs})
    arrays.update({a.swapaxes(1, 2).shape: a.swapaxes(1, 2) for a in inputs if name == "transpose"})
    out = np.zeros(want.shape, want.dtype)
    buffers = []
    for arg in kernel.body.args:
        if isinstance(arg.type, MemRefType):
            shape = tuple(evaluate_dim(d, {"s0": 2}) for d in arg.type.shape)
            last = arg.hint.startswith("out")
            buffers += _descriptor(out if last else arrays[shape])
    engine, address = _through_mlir(kernel)
    _call(address, [*buffers, *(ctypes.c_int64(v) for v in (2, 0, units))])
    close(out, want)
    del engine
