"""Values, ops, blocks and regions. Ops of a block form a linked list; every value knows its uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ...runtime.errors import VerifyError
from .attributes import Attribute, SymbolRef
from .location import UNKNOWN, Location
from .types import Type

if TYPE_CHECKING:
    from .opdef import OpSpec

OpT = TypeVar("OpT", bound="Op")


class Value:
    """A result of an op or an argument of a block. `uses` holds (op, operand number), in order of use."""

    __slots__ = ("hint", "index", "owner", "type", "uses")

    def __init__(self, type: Type, owner: Op | Block, index: int, hint: str = "") -> None:
        self.type = type
        self.owner = owner
        self.index = index
        self.hint = hint
        self.uses: dict[tuple[Op, int], None] = {}

    @property
    def definer(self) -> Op | None:
        """The op that computes it; None for a block argument."""
        return self.owner if isinstance(self.owner, Op) else None

    @property
    def users(self) -> list[Op]:
        """The ops that use it, each once, in order of use."""
        return list(dict.fromkeys(op for op, _ in self.uses))

    def replace_with(self, other: Value) -> None:
        """All uses of this value become uses of `other`."""
        if other is self:
            return
        for op, i in list(self.uses):
            op.set_operand(i, other)
        if not other.hint:
            other.hint = self.hint


class Op:
    """An operation: operands, results, attributes, regions, and where it comes from.

    Subclasses declare themselves (see `opdef`). Without `result_types` the results follow from `infer`.
    """

    name: ClassVar[str] = ""
    spec: ClassVar[OpSpec]
    traits: ClassVar[frozenset[str]] = frozenset()
    #: attributes that MLIR knows as the op's own; its generic form has them in `<{…}>`
    properties: ClassVar[tuple[str, ...]] = ()

    __slots__ = ("attributes", "block", "location", "next", "operands", "prev", "regions", "results")

    def __init__(
        self,
        *operands: Value,
        result_types: Iterable[Type] | None = None,
        regions: Iterable[Region] = (),
        location: Location = UNKNOWN,
        **attributes: Attribute,
    ) -> None:
        #: changed by `set_operand` and `set_operands` alone, which keep the values' uses
        self.operands: tuple[Value, ...] = operands
        self.results: tuple[Value, ...] = ()
        self.attributes: dict[str, Attribute] = self.spec.complete(attributes)
        self.regions: list[Region] = []
        self.location = location
        self.block: Block | None = None
        self.prev: Op | None = None
        self.next: Op | None = None
        for i, v in enumerate(operands):
            v.uses[(self, i)] = None
        for r in regions:
            self.add_region(r)
        if result_types is None:
            try:
                self.spec.check(self)
                result_types = self.infer()
            except Exception:
                self.set_operands(())  # an op that never came to be uses nothing
                raise
        self.results = tuple([Value(t, self, i) for i, t in enumerate(result_types)])

    def infer(self) -> tuple[Type, ...]:
        """The result types that follow from operands and attributes."""
        raise VerifyError(f"{self.name} does not infer its result types: give result_types")

    @classmethod
    def block_arg_types(
        cls, operands: list[Value], attributes: Mapping[str, Attribute], region: int
    ) -> tuple[Type, ...] | None:
        """The types of the arguments of a region's block, where they follow from the op; the parser asks."""
        return None

    def generic_properties(self) -> dict[str, Attribute]:
        """Properties that MLIR's generic form demands and that follow from the op; the parser drops them."""
        return {}

    def verify(self) -> None:
        """Checks what the declaration cannot say; raises VerifyError."""

    def verify_symbols(self, symbols: Mapping[str, Op]) -> None:
        """Checks the op against the symbols of the module that it refers to; raises VerifyError."""

    @property
    def result(self) -> Value:
        """The only result."""
        (r,) = self.results
        return r

    def set_operand(self, i: int, value: Value) -> None:
        operands = list(self.operands)
        del operands[i].uses[(self, i)]
        operands[i] = value
        self.operands = tuple(operands)
        value.uses[(self, i)] = None

    def set_operands(self, values: Iterable[Value]) -> None:
        for i, v in enumerate(self.operands):
            del v.uses[(self, i)]
        self.operands = tuple(values)
        for i, v in enumerate(self.operands):
            v.uses[(self, i)] = None

    def add_region(self, region: Region) -> Region:
        region.parent = self
        self.regions.append(region)
        return region

    def symbol_uses(self) -> list[str]:
        """The symbols its attributes refer to."""
        return [v.name for v in self.attributes.values() if isinstance(v, SymbolRef)]

    def has(self, trait: str) -> bool:
        return trait in self.traits

    @property
    def parent_op(self) -> Op | None:
        """The op whose region holds this one."""
        return self.block.region.parent if self.block and self.block.region else None

    def detach(self) -> None:
        """Takes the op out of its block, keeping it whole."""
        if self.block is not None:
            self.block.remove(self)

    def erase(self) -> None:
        """Takes the op out and drops its operands; its results must be unused."""
        for r in self.results:
            if r.uses:
                user = next(iter(r.uses))[0]
                raise VerifyError(f"{self.name} ({self.location}) is erased while {user.name} still uses it")
        self.detach()
        for op in self.walk():
            op.set_operands(())
            op.block = None

    def replace_with(self, *values: Value) -> None:
        """Results become `values`, then the op goes."""
        for r, v in zip(self.results, values, strict=True):
            r.replace_with(v)
        self.erase()

    def walk(self) -> Iterator[Op]:
        """This op and all in its regions, outer first; the op just yielded may be erased meanwhile."""
        yield self
        for region in self.regions:
            for block in region.blocks:
                for op in block.ops:
                    if op.regions:
                        yield from op.walk()
                    else:
                        yield op

    def clone(self, mapping: dict[Value, Value]) -> Op:
        """A copy with operands looked up in `mapping`, which gains the results."""
        new = object.__new__(type(self))
        new.operands = ()
        new.attributes = dict(self.attributes)
        new.regions = []
        new.location, new.block, new.prev, new.next = self.location, None, None, None
        new.set_operands([mapping.get(v, v) for v in self.operands])
        new.results = tuple([Value(r.type, new, r.index, r.hint) for r in self.results])
        mapping.update(zip(self.results, new.results, strict=True))
        for region in self.regions:
            new.add_region(region.clone(mapping))
        return new

    @property
    def body(self) -> Block:
        """The only block of the only region."""
        return self.regions[0].block

    def __repr__(self) -> str:
        return f"<{self.name} at {self.location}>"


class Block:
    """A list of ops with arguments; the last op is a terminator."""

    __slots__ = ("args", "first", "last", "region")

    def __init__(self, arg_types: Iterable[Type] = (), hints: Iterable[str] = ()) -> None:
        self.region: Region | None = None
        self.first: Op | None = None
        self.last: Op | None = None
        names = list(hints)
        self.args: list[Value] = [
            Value(t, self, i, names[i] if i < len(names) else "") for i, t in enumerate(arg_types)
        ]

    @property
    def ops(self) -> Iterator[Op]:
        """The ops in order; the one just yielded may be erased, later ones inserted."""
        op = self.first
        while op is not None:
            following = op.next
            yield op
            op = following if op.block is not self else op.next

    @property
    def terminator(self) -> Op:
        if self.last is None:
            raise VerifyError("a block has no terminator")
        return self.last

    def add_arg(self, type: Type, hint: str = "") -> Value:
        v = Value(type, self, len(self.args), hint)
        self.args.append(v)
        return v

    def dissolve(self) -> None:
        """Takes all ops apart, which refer to each other in cycles: their memory is free at once, without a search for
        such garbage. Nothing of the block can be used afterwards."""
        for v in self.args:
            v.uses.clear()
        self.args = []
        op, self.first, self.last = self.first, None, None
        while op is not None:
            following = op.next
            op.operands = op.results = ()
            op.block = op.prev = op.next = None
            for region in op.regions:
                for block in region.blocks:
                    block.dissolve()
                    block.region = None
            op.regions = []
            op = following

    def insert(self, op: OpT, before: Op | None = None) -> OpT:
        """Puts a detached op in front of `before`, or at the end."""
        if op.block is not None:
            raise VerifyError(f"{op.name} is already in a block")
        op.block = self
        op.next = before
        op.prev = before.prev if before is not None else self.last
        if op.prev is not None:
            op.prev.next = op
        else:
            self.first = op
        if before is not None:
            before.prev = op
        else:
            self.last = op
        return op

    def remove(self, op: Op) -> None:
        if op.prev is not None:
            op.prev.next = op.next
        else:
            self.first = op.next
        if op.next is not None:
            op.next.prev = op.prev
        else:
            self.last = op.prev
        op.block = None


class Region:
    """A list of blocks owned by an op. netwright's own regions hold one block."""

    __slots__ = ("blocks", "parent")

    def __init__(self, *blocks: Block) -> None:
        self.parent: Op | None = None
        self.blocks: list[Block] = []
        for b in blocks:
            b.region = self
            self.blocks.append(b)

    @property
    def block(self) -> Block:
        if len(self.blocks) != 1:
            raise VerifyError(f"expected a region of one block, found {len(self.blocks)}")
        return self.blocks[0]

    def clone(self, mapping: dict[Value, Value]) -> Region:
        new = Region()
        for b in self.blocks:
            nb = Block((a.type for a in b.args), (a.hint for a in b.args))
            mapping.update(zip(b.args, nb.args, strict=True))
            nb.region = new
            new.blocks.append(nb)
            for op in b.ops:
                nb.insert(op.clone(mapping))
        return new


class Builder:
    """Creates ops at a point: at the end of a block, or in front of an op."""

    def __init__(self, block: Block, before: Op | None = None, location: Location = UNKNOWN) -> None:
        self.block = block
        self.before = before
        self.location = location

    @staticmethod
    def at(op: Op) -> Builder:
        """In front of `op`, with its location."""
        if op.block is None:
            raise VerifyError(f"{op.name} is in no block")
        return Builder(op.block, op, op.location)

    def insert(self, op: OpT) -> OpT:
        return self.block.insert(op, self.before)

    def create(self, cls: type[OpT], *operands: Value, **keywords: Any) -> OpT:
        """A new op; `keywords` are attributes, and what `Op` takes."""
        if "location" not in keywords:
            keywords["location"] = self.location
        return self.insert(cls(*operands, **keywords))

    def __call__(self, cls: type[Op], *operands: Value, **keywords: Any) -> Value:
        """The only result of a new op."""
        if "location" not in keywords:
            keywords["location"] = self.location
        (result,) = self.insert(cls(*operands, **keywords)).results
        return result
