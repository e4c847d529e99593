"""A graph of IR, say of a frozen TensorFlow model, as a model whose constants may be trained."""

from __future__ import annotations

import re
from typing import Any

from ...compiler.ir.core import Block, Op, Value
from ...compiler.ir.dims import Dim, Sym
from ...compiler.ir.types import TensorType
from ...compiler.ops.activation import Rsqrt, Sqrt
from ...compiler.ops.base import tensor
from ...compiler.ops.builtin import functions
from ...compiler.ops.constant import Constant
from ...compiler.ops.elementwise import Add, Cast
from ...compiler.ops.norm import BatchNorm
from ...compiler.ops.shape import Reshape
from ...compiler.ops.variable import ReadVariable
from ...compiler.ops.variable import Variable as VariableOp
from ...runtime.errors import OptionError, UnsupportedError
from ..eager import nodes
from ..eager.structure import leaves
from ..eager.tensor import Tensor
from ..eager.variable import Variable
from ..keras.models.model import Model

#: constants of fewer elements are numbers of the computation (an epsilon, a shape), not weights
_FEWEST = 2


class ImportedGraph(Model):
    """The first function of a graph-level module. Float constants of two or more elements whose name matches the
    expression `trainable` are variables, but for the statistics of batch normalisations: a gradient would make
    variances negative.

    Raises OptionError when the expression is none, or matches nothing.
    """

    def __init__(self, module: Op, trainable: str = ".*", name: str = "model") -> None:
        super().__init__(name=name)
        self._func = functions(module)[0]
        self._weights: dict[Op, Variable] = {}
        self._symbols: dict[str, Variable] = {}
        try:
            wanted = re.compile(trainable)
        except re.error as e:
            raise OptionError(
                f"expected a regular expression for the names of weights, received {trainable!r}: {e}"
            ) from None
        names: list[str] = []
        for op in self._func.walk():
            if isinstance(op, Constant) and _is_weight(op) and not _is_statistic(op.result):
                names.append(_name(op))
                if wanted.search(names[-1]):
                    self._weights[op] = self._variable(names[-1], op.value.array)
        for op in module.body.ops:
            if isinstance(op, VariableOp):
                self._symbols[op.sym_name] = self._variable(op.sym_name, op.value.array)
        if not self._weights and not self._symbols:
            known = ", ".join(names[:10]) or "none"
            raise OptionError(
                f"expected an expression that matches names of weights, received {trainable!r}; weights: {known}"
            )
        self.built = True

    def _variable(self, name: str, value: Any) -> Variable:
        taken = {v.path for v in (*self._weights.values(), *self._symbols.values())}
        unique = (
            name
            if name not in taken
            else next(f"{name}_{k}" for k in range(1, len(taken) + 2) if f"{name}_{k}" not in taken)
        )
        made = Variable(value, name=unique)
        made.path = unique
        return made

    @property
    def input_specs(self) -> list[tuple[str, TensorType]]:
        """Names and types of the inputs."""
        rows = zip(self._func.body.args, self._func.arg_attrs, strict=True)
        return [(str(a.get("graph.name", v.hint)), tensor(v)) for v, a in rows]

    @property
    def output_names(self) -> list[str]:
        return [str(a.get("graph.name", f"output_{i}")) for i, a in enumerate(self._func.res_attrs)]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        values: dict[Value, nodes.Ref] = {}
        sizes: dict[str, Dim] = {}
        for arg, given in zip(self._func.body.args, leaves(inputs), strict=True):
            values[arg] = given.ref
            for d, have in zip(tensor(arg).shape, given.type.shape, strict=True):
                if isinstance(d, Sym):
                    sizes.setdefault(str(d), have)
        self._block(self._func.body, values, sizes)
        results = [Tensor(*values[v]) for v in self._func.body.terminator.operands]
        return results[0] if len(results) == 1 else results

    def _block(self, block: Block, values: dict[Value, nodes.Ref], sizes: dict[str, Dim]) -> None:
        for op in block.ops:
            if op.has("terminator"):
                return
            with nodes.named(op.location):
                if isinstance(op, Constant):
                    variable = self._weights.get(op)
                    made: nodes.Node = (
                        variable.value.node if variable is not None else nodes.leaf(op.value.array)
                    )
                elif isinstance(op, ReadVariable):
                    made = self._symbols[op.variable.name].value.node
                elif op.regions or not op.has("pure"):
                    raise UnsupportedError(
                        f"{op.name} ({op.location}): a graph with it cannot be trained: only loop-free graphs can",
                        [op.name.partition(".")[2]],
                    )
                else:
                    attributes = {
                        k: nodes.sized(v, sizes) for k, v in op.attributes.items() if k != "requires"
                    }
                    made = nodes.apply(type(op), [values[v] for v in op.operands], **attributes)
            values.update((r, (made, i)) for i, r in enumerate(op.results))


def _is_weight(op: Constant) -> bool:
    return op.value.dtype.is_float and op.value.array.size >= _FEWEST


def _is_statistic(v: Value) -> bool:
    """Whether a constant is a mean or a variance: of a batch normalisation, or what a root is taken of after a small
    number is added."""
    for user, place in v.uses:
        if isinstance(user, BatchNorm) and user.spec.operand_names[place] in ("mean", "variance"):
            return True
        if isinstance(user, (Reshape, Cast)) and _is_statistic(user.result):
            return True
        if isinstance(user, Add) and any(isinstance(u, (Rsqrt, Sqrt)) for u in user.result.users):
            return True
    return False


def _name(op: Constant) -> str:
    """The name of a weight: that of its node, without what TensorFlow puts behind it when it freezes, also where the
    name of a factor follows."""
    name = op.value.name or str(op.location)
    return re.sub(r"(/ReadVariableOp|/read|/Cast)+(/resource)?(:\d+)?(?=$|/(\d+x\d+|left|right)$)", "", name)
