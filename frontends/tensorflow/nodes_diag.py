"""Diagonals and bands of matrices."""

from __future__ import annotations

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, dim_max
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import require_equal, tensor
from ...compiler.ops.diagonal import ALIGNMENTS, MatrixDiagPart, MatrixSetDiag
from ...compiler.ops.shape import BroadcastTo
from ...runtime.spec import i64
from .context import Context
from .nodes_series import count_up
from .registry import Malformed, converts


def _band(c: Context, k: Value | None) -> tuple[int, int]:
    """The lowest and the highest diagonal."""
    found = (0,) if k is None else c.numbers(k, "k")
    if len(found) not in (1, 2) or found[0] > found[-1]:
        raise Malformed(f"expected k as one diagonal or a lower and an upper one, found {list(found)}")
    return found[0], found[-1]


def _align(c: Context, default: str) -> str:
    align = c.text("align", default)
    if align not in ALIGNMENTS:
        raise Malformed(f"expected align as one of {', '.join(ALIGNMENTS)}, found {align!r}")
    return align


def _scalar(c: Context, v: Value | None, of: Value) -> Value:
    return c.scalar(0, tensor(of).dtype) if v is None else c.reshape(v, ())


def _part(c: Context, x: Value, k: Value | None, padding: Value | None, align: str) -> Value:
    return c.make(MatrixDiagPart, x, _scalar(c, padding, x), k=_band(c, k), align=align)


@converts("MatrixDiagPart", "BatchMatrixDiagPart")
def matrix_diag_part(c: Context, x: Value) -> Value:
    """The main diagonal."""
    return _part(c, x, None, None, "LEFT_LEFT")


@converts("MatrixDiagPartV2")
def matrix_diag_part_v2(c: Context, x: Value, k: Value, padding: Value) -> Value:
    """Constant k."""
    return _part(c, x, k, padding, "LEFT_LEFT")


@converts("MatrixDiagPartV3")
def matrix_diag_part_v3(c: Context, x: Value, k: Value, padding: Value) -> Value:
    """Constant k; every alignment."""
    return _part(c, x, k, padding, _align(c, "RIGHT_LEFT"))


@converts("MatrixSetDiag", "BatchMatrixSetDiag")
def matrix_set_diag(c: Context, x: Value, diagonal: Value) -> Value:
    """The main diagonal."""
    return c.make(MatrixSetDiag, x, diagonal, k=(0, 0), align="LEFT_LEFT")


@converts("MatrixSetDiagV2")
def matrix_set_diag_v2(c: Context, x: Value, diagonal: Value, k: Value) -> Value:
    """Constant k."""
    return _set(c, x, diagonal, _band(c, k), "LEFT_LEFT")


@converts("MatrixSetDiagV3")
def matrix_set_diag_v3(c: Context, x: Value, diagonal: Value, k: Value) -> Value:
    """Constant k; every alignment."""
    return _set(c, x, diagonal, _band(c, k), _align(c, "RIGHT_LEFT"))


def _set(c: Context, x: Value, diagonal: Value, k: tuple[int, int], align: str) -> Value:
    return c.make(MatrixSetDiag, x, diagonal, k=k, align=align)


@converts("MatrixDiag", "BatchMatrixDiag")
def matrix_diag(c: Context, diagonal: Value) -> Value:
    """On the main diagonal."""
    return _matrices(c, diagonal, (0, 0), (-1, -1), None, "LEFT_LEFT")


@converts("MatrixDiagV2")
def matrix_diag_v2(
    c: Context, diagonal: Value, k: Value, rows: Value, columns: Value, padding: Value
) -> Value:
    """Constant k; sizes constant or computed from sizes."""
    return _matrices(c, diagonal, _band(c, k), _sizes(c, rows, columns), padding, "LEFT_LEFT")


@converts("MatrixDiagV3")
def matrix_diag_v3(
    c: Context, diagonal: Value, k: Value, rows: Value, columns: Value, padding: Value
) -> Value:
    """Constant k; sizes constant or computed from sizes; every alignment."""
    return _matrices(c, diagonal, _band(c, k), _sizes(c, rows, columns), padding, _align(c, "RIGHT_LEFT"))


def _sizes(c: Context, rows: Value, columns: Value) -> tuple[Dim, Dim]:
    found = [*c.sizes(rows, "num_rows"), *c.sizes(columns, "num_cols")]
    if len(found) != 2:
        raise Malformed(f"expected one number of rows and one of columns, found {len(found)}")
    return found[0], found[1]


def _matrices(
    c: Context, diagonal: Value, k: tuple[int, int], sizes: tuple[Dim, Dim], padding: Value | None, align: str
) -> Value:
    """Matrices of a padding value with a band."""
    of, count = tensor(diagonal), k[1] - k[0] + 1
    axes = 1 if count == 1 else 2
    if of.rank < axes or (axes == 2 and of.shape[-2] != count):
        raise Malformed(f"expected {count} diagonals for k = {list(k)}, found {of}")
    length, batch = of.shape[-1], of.shape[:-axes]
    least: tuple[Dim, Dim] = (length - min(k[1], 0), length + max(k[0], 0))
    if sizes == (-1, -1):
        rows = columns = dim_max(*least)
    else:
        rows, columns = (low if given == -1 else given for given, low in zip(sizes, least, strict=True))
        _check(rows, columns, least)
    base = c.make(BroadcastTo, _scalar(c, padding, diagonal), shape=(*batch, rows, columns))
    return _set(c, base, diagonal, k, align)


def _check(rows: Dim, columns: Dim, least: tuple[Dim, Dim]) -> None:
    over = [rows - least[0], columns - least[1]]
    if any(isinstance(d, int) and d < 0 for d in over) or all(isinstance(d, int) and d > 0 for d in over):
        raise Malformed(
            f"expected {least[0]} rows or {least[1]} columns and no fewer, found {rows} and {columns}"
        )


@converts("MatrixBandPart", "BatchMatrixBandPart")
def matrix_band_part(c: Context, x: Value, lower: Value, upper: Value) -> Value:
    """Of widths that are constant or computed at run time; one below 0 keeps all."""
    of = tensor(x)
    if of.rank < 2 or tensor(lower).size != 1 or tensor(upper).size != 1:
        raise Malformed(f"expected matrices and two numbers, found {of}, {tensor(lower)} and {tensor(upper)}")
    rows = c.reshape(count_up(c, of.shape[-2], i64), (of.shape[-2], 1))
    columns = count_up(c, of.shape[-1], i64)
    inside: list[Value] = []
    for width, ahead in ((lower, (rows, columns)), (upper, (columns, rows))):
        wide = c.reshape(width if tensor(width).dtype == i64 else c.make(e.Cast, width, dtype=i64), ())
        within = c.make(e.LessEqual, c.make(e.Sub, *ahead), wide)
        inside.append(c.make(e.LogicalOr, within, c.make(e.Less, wide, c.scalar(0, i64))))
    return c.make(e.Select, c.make(e.LogicalAnd, *inside), x, c.scalar(0, of.dtype))


@converts("Diag")
def diag(c: Context, diagonal: Value) -> Value:
    """Of any rank: the result has twice as many axes."""
    shape = tensor(diagonal).shape
    flat = c.reshape(diagonal, (c.count(shape),))
    return c.reshape(_matrices(c, flat, (0, 0), (-1, -1), None, "LEFT_LEFT"), (*shape, *shape))


@converts("DiagPart")
def diag_part(c: Context, x: Value) -> Value:
    """Of a tensor whose first half of axes is like its second."""
    shape = tensor(x).shape
    half = len(shape) // 2
    first, second = shape[:half], shape[half:]
    if len(first) != len(second) or not half:
        raise Malformed(f"expected an even number of axes, found {tensor(x)}")
    if any(isinstance(a - b, int) and a != b for a, b in zip(first, second, strict=True)):
        raise Malformed(f"expected the same sizes twice, found {tensor(x)}")
    size = c.count(first)
    y = c.reshape(_part(c, c.reshape(x, (size, size)), None, None, "LEFT_LEFT"), first)
    for a, b in zip(first, second, strict=True):
        if y.definer is not None:
            require_equal(y.definer, a, b)
    return y
