"""What kernels of linear algebra share: matrices as rows of vectors, whose tails are masked, and triangular
systems. A stack of matrices is a buffer [matrices, rows, columns]; a matrix is a unit of the parallel range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...runtime.spec import DType
from ..ir.core import Value
from ..ir.dims import product
from ..ops.expression import Num
from ..target import Target
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .scalar import ScalarBuilder

#: the relative distance of neighbouring floats
EPSILON = {"f32": 2.0**-23, "f64": 2.0**-52}


class MatrixBuilder(ScalarBuilder):
    """A ScalarBuilder whose buffers are stacks of matrices of one dtype."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        super().__init__(kernel)
        self.width = target.lanes
        self.dtype: DType = kernel.params["dtype"]
        self.epsilon = EPSILON[self.dtype.name]

    def stack(self, buffer: Value, rank: int = 2) -> Value:
        """A dense buffer as a stack of matrices, or of vectors for `rank` 1, or of numbers for 0."""
        shape = mem.memref(buffer).shape
        cut = len(shape) - rank
        return self.dense(buffer, (product(shape[:cut]), *shape[cut:]))

    def number_of(self, value: float) -> Num:
        return self.c(value, self.dtype)

    def at(self, buffer: Value, *where: Index) -> Num:
        """An element of a buffer of the kernel's dtype."""
        return self.get(buffer, self.dtype, *where)

    def backwards(self, i: Index, count: Index) -> Index:
        """count - 1 - i."""
        return self.sub(self.sub(count, 1), i)

    # Rows. All loops over columns run to the end of the row: that is where masks are.

    @contextmanager
    def columns(self, first: Index, count: Index) -> Iterator[Value]:
        """Vectors of columns from `first` to the end."""
        with self.loop(first, count, self.width) as c:
            yield c.iv

    def row(self, buffer: Value, *where: Index) -> Num:
        """A vector of a row; zeros behind its end."""
        v = self.read(buffer, where, (self.width,), (len(where) - 1,), False)
        return Num(self.scalars, v, self.dtype)

    def put_row(self, x: Num, buffer: Value, *where: Index) -> None:
        self.write(x.v, buffer, where, (len(where) - 1,), False)

    def spread(self, x: Num) -> Num:
        """A number in all lanes."""
        return Num(self.scalars, self.splat(x.v, (self.width,)), x.dtype)

    def total(self, x: Num) -> Num:
        """The sum of all lanes."""
        return Num(self.scalars, self(mem.Reduction, x.v, kind="add"), x.dtype)

    def dot(
        self, x: Value, x_at: Sequence[Index], y: Value, y_at: Sequence[Index], first: Index, count: Index
    ) -> Num:
        """Σ x[x_at, j]·y[y_at, j] over columns from `first` on."""
        zero = self.spread(self.number_of(0))

        def step(c: Value, sum: Num) -> list[Num]:
            return [sum + self.row(x, *x_at, c) * self.row(y, *y_at, c)]

        return self.total(self.repeat(first, count, [zero], step, self.width)[0])

    def copy_rows(self, source: Value, target: Value, unit: Index, rows: Index, columns: Index) -> None:
        """One matrix of a stack into that of another."""
        with self.loop(0, rows) as i, self.columns(0, columns) as c:
            self.put_row(self.row(source, unit, i.iv, c), target, unit, i.iv, c)

    def copy_transposed(self, source: Value, target: Value, unit: Index, rows: Index, columns: Index) -> None:
        """target[i, j] = source[j, i] for the target's rows and columns."""
        with self.loop(0, rows) as i, self.loop(0, columns) as j:
            self.put(self.at(source, unit, j.iv, i.iv), target, unit, i.iv, j.iv)

    def fill_unit(self, target: Value, unit: Index, rows: Index, columns: Index) -> None:
        """Ones on the diagonal, zeros elsewhere."""
        zero, one = self.number_of(0), self.number_of(1)
        with self.loop(0, rows) as i:
            with self.columns(0, columns) as c:
                self.put_row(self.spread(zero), target, unit, i.iv, c)
            with self.when(self.compare("slt", i.iv, columns)):
                self.put(one, target, unit, i.iv, i.iv)

    def exchange(self, buffer: Value, unit: Index, i: Index, j: Index, columns: Index) -> None:
        """Two rows."""
        with self.columns(0, columns) as c:
            a, b = self.row(buffer, unit, i, c), self.row(buffer, unit, j, c)
            self.put_row(b, buffer, unit, i, c)
            self.put_row(a, buffer, unit, j, c)

    def rotate(self, buffer: Value, unit: Index, i: Index, j: Index, c: Num, s: Num, columns: Index) -> None:
        """Rows i and j become c·i - s·j and s·i + c·j."""
        cs, ss = self.spread(c), self.spread(s)
        with self.columns(0, columns) as k:
            a, b = self.row(buffer, unit, i, k), self.row(buffer, unit, j, k)
            self.put_row(cs * a - ss * b, buffer, unit, i, k)
            self.put_row(ss * a + cs * b, buffer, unit, j, k)

    def substitute(
        self, a: Value, y: Value, unit: Index, size: Index, columns: Index, lower: bool, one: bool = False
    ) -> None:
        """Solves a triangular system in place; with `one` the diagonal is ones, whatever is stored there."""
        with self.columns(0, columns) as c, self.loop(0, size) as step:
            i = step.iv if lower else self.backwards(step.iv, size)
            span: tuple[Index, Index] = (0, i) if lower else (self.add(i, 1), size)

            def minus(j: Value, sum: Num, i: Index = i, c: Index = c) -> list[Num]:
                return [sum - self.spread(self.at(a, unit, i, j)) * self.row(y, unit, j, c)]

            (x,) = self.repeat(*span, [self.row(y, unit, i, c)], minus)
            x = x if one else x / self.spread(self.at(a, unit, i, i))
            self.put_row(x, y, unit, i, c)


def sign_of(x: Num) -> Num:
    """-1 below zero, else 1."""
    return (x < 0).where(x.like(-1), 1.0)
