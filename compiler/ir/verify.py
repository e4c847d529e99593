"""The law of the IR, checked from the ops' declarations: run after every pass."""

from __future__ import annotations

from ...runtime.errors import UNFORESEEN, Error, VerifyError
from .core import Block, Op, Value


def verify(module: Op) -> None:
    """Raises VerifyError at the first op that breaks the law.

    Checked: operands and attributes as declared, use lists, definitions before uses, terminators,
    result types as inferred, symbols that exist, and each op's own `verify`.
    """
    _Verifier(module).region_op(module, set())


class _Verifier:
    def __init__(self, module: Op) -> None:
        self.symbols: dict[str, Op] = {}
        if module.regions:
            for op in module.regions[0].block.ops:
                name = op.attributes.get("sym_name")
                if name is None:
                    continue
                if name in self.symbols:
                    raise VerifyError(f"symbol @{name} is defined twice")
                self.symbols[name] = op

    def region_op(self, op: Op, visible: set[Value]) -> None:
        for region in op.regions:
            if region.parent is not op:
                raise VerifyError(f"{op.name} ({op.location}): a region does not know its op")
            for block in region.blocks:
                self.block(block, set() if op.has("isolated") else visible)
            if len(region.blocks) != 1:
                raise VerifyError(f"{op.name} ({op.location}): expected one block in a region")

    def block(self, block: Block, visible: set[Value]) -> None:
        """Checks the ops of a block; what it defines is visible until its end."""
        defined: list[Value] = list(block.args)
        visible.update(defined)
        last: Op | None = None
        for op in block.ops:
            if op.block is not block:
                raise VerifyError(f"{op.name} ({op.location}) does not know its block")
            if last is not None and last.has("terminator"):
                raise VerifyError(f"{last.name} ({last.location}) is a terminator but not the last op")
            self.op(op, visible)
            visible.update(op.results)
            defined += op.results
            last = op
        visible.difference_update(defined)
        parent = block.region.parent if block.region else None
        if parent is not None and parent.name != "builtin.module" and not (last and last.has("terminator")):
            raise VerifyError(f"the block of {parent.name} ({parent.location}) does not end in a terminator")

    def op(self, op: Op, visible: set[Value]) -> None:
        for i, v in enumerate(op.operands):
            if (op, i) not in v.uses:
                raise VerifyError(f"{op.name} ({op.location}): operand {i} does not list this use")
            if v not in visible:
                raise VerifyError(f"{op.name} ({op.location}): operand {i} is not defined before its use")
        for r in op.results:
            for user, i in r.uses:
                if i >= len(user.operands) or user.operands[i] is not r or user.block is None:
                    raise VerifyError(f"{op.name} ({op.location}): stale use by {user.name}")
        op.spec.check(op)
        self.region_op(op, visible)
        self.types(op)
        for ref in op.symbol_uses():
            if ref not in self.symbols:
                raise VerifyError(f"{op.name} ({op.location}): symbol @{ref} is not defined")
        try:
            op.verify_symbols(self.symbols)
            op.verify()
        except Error:
            raise
        except UNFORESEEN as e:
            raise VerifyError(f"{op.name} ({op.location}): {type(e).__name__}: {e}") from e

    def types(self, op: Op) -> None:
        if type(op).infer is Op.infer:
            return
        try:
            want = op.infer()
        except VerifyError:
            raise
        except (Error, *UNFORESEEN) as e:
            raise VerifyError(str(e)) from e
        got = tuple(r.type for r in op.results)
        if got != want:
            raise VerifyError(
                f"{op.name} ({op.location}): result types are ({', '.join(map(str, got))}), "
                f"inference gives ({', '.join(map(str, want))})"
            )
