"""Symbolic dimensions: integers, and polynomials over named symbols with floor division.

A dimension of a type is an `int` or a `Sym`. A `Sym` is kept in one canonical form, so that two equal
polynomials are equal objects and `==` is the proof. Text: `n`, `2*n + 1`, `n*floordiv(h + 1, 2)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import TypeAlias, Union

from ...runtime.errors import ParseError

#: the attribute of an argument or result with the text of its sizes, which types show as `?`
DIMS = "graph.dims"


class Atom:
    """A factor that cannot be taken apart: a symbol, or `floordiv`, `max`, `min`, `bcast` of two dimensions."""

    __slots__ = ("args", "name")

    def __init__(self, name: str, args: tuple[Dim, ...] = ()) -> None:
        self.name = name
        self.args = args

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})" if self.args else self.name

    def evaluate(self, env: Mapping[str, Dim]) -> Dim:
        if not self.args:
            return env.get(self.name, Sym.symbol(self.name))
        return FUNCTIONS[self.name](*(substitute(a, env) for a in self.args))

    def symbols(self) -> set[str]:
        if not self.args:
            return {self.name}
        return set[str]().union(*(symbols_of(a) for a in self.args))


Monomial: TypeAlias = tuple[str, ...]  # the texts of its factors, sorted; the text names the atom


class Sym:
    """A polynomial with integer coefficients over atoms: immutable, canonical, never a plain number."""

    __slots__ = ("_text", "atoms", "terms")

    def __init__(self, terms: Mapping[Monomial, int], atoms: Mapping[str, Atom]) -> None:
        self.terms = dict(sorted(terms.items(), key=lambda kv: (-len(kv[0]), kv[0])))
        used = {f for m in self.terms for f in m}
        self.atoms = {k: a for k, a in atoms.items() if k in used}
        self._text = " + ".join(_term_text(m, c) for m, c in self.terms.items()).replace("+ -", "- ")

    @staticmethod
    def symbol(name: str) -> Sym:
        """The symbol `name` itself."""
        return Sym({(name,): 1}, {name: Atom(name)})

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sym) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for m, c in _terms(other).items():
            terms[m] = terms.get(m, 0) + c
        return _make(terms, {**self.atoms, **_atoms(other)})

    def __mul__(self, other: Dim) -> Dim:
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in _terms(other).items():
                m = tuple(sorted(m1 + m2))
                terms[m] = terms.get(m, 0) + c1 * c2
        return _make(terms, {**self.atoms, **_atoms(other)})

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: int) -> Dim:
        return self * -1 + other

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other)

    def __rfloordiv__(self, other: int) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return self - floordiv(self, other) * other

    def __rmod__(self, other: int) -> Dim:
        return other - floordiv(other, self) * self


Dim: TypeAlias = Union[int, Sym]  # after `Sym`: attribute declarations check values against the class


def _term_text(m: Monomial, c: int) -> str:
    if not m:
        return str(c)
    return "*".join(([str(c)] if c not in (1, -1) else []) + list(m)) if c != -1 else "-1*" + "*".join(m)


def _terms(d: Dim) -> Mapping[Monomial, int]:
    return d.terms if isinstance(d, Sym) else {(): int(d)}


def _atoms(d: Dim) -> Mapping[str, Atom]:
    return d.atoms if isinstance(d, Sym) else {}


def _make(terms: Mapping[Monomial, int], atoms: Mapping[str, Atom]) -> Dim:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Sym(kept, atoms)


def _divide_monomial(m: Monomial, by: Monomial) -> Monomial | None:
    rest = list(m)
    for f in by:
        if f not in rest:
            return None
        rest.remove(f)
    return tuple(rest)


def _call(name: str, *args: Dim) -> Sym:
    atom = Atom(name, args)
    return Sym({(str(atom),): 1}, {str(atom): atom})


def floordiv(a: Dim, b: Dim) -> Dim:
    """floor(a / b) for b > 0; whole multiples of b are taken out, the rest stays as one atom."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if b == 1 or a == 0:
        return a
    tb = _terms(b)
    if len(tb) != 1:
        return 1 if a == b else _call("floordiv", a, b)
    ((mb, cb),) = tb.items()
    exact: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for m, c in _terms(a).items():
        q = _divide_monomial(m, mb)
        quotient, remainder = divmod(c, cb) if q is not None else (0, c)
        if q is not None and quotient:
            exact[q] = quotient
        if remainder:
            rest[m] = remainder
    atoms = {**_atoms(a), **_atoms(b)}
    whole, left = _make(exact, atoms), _make(rest, atoms)
    if isinstance(left, int) and isinstance(b, int):
        return whole + left // b
    return whole + (_call("floordiv", left, b) if left != 0 else 0)


def ceildiv(a: Dim, b: Dim) -> Dim:
    """ceil(a / b) for b > 0."""
    return floordiv(a + b - 1, b)


def dim_max(a: Dim, b: Dim) -> Dim:
    """The larger one; symbolic unless the difference is a number."""
    d = a - b
    if isinstance(d, int):
        return a if d >= 0 else b
    return _call("max", *sorted((a, b), key=str))


def dim_min(a: Dim, b: Dim) -> Dim:
    """The smaller one; symbolic unless the difference is a number."""
    d = a - b
    if isinstance(d, int):
        return b if d >= 0 else a
    return _call("min", *sorted((a, b), key=str))


def dim_bcast(a: Dim, b: Dim) -> Dim:
    """The size that sizes `a` and `b` broadcast to, given that they are equal or one of them is 1: the one that is
    not 1. Of several nested ones each counts once, in alphabetical order."""
    if a == b or b == 1:
        return a
    if a == 1 or isinstance(b, int):
        return b
    if isinstance(a, int):
        return a
    parts = sorted({str(d): d for d in (*_broadcast_parts(a), *_broadcast_parts(b))}.items())
    return reduce(lambda x, y: x if x == y else _call("bcast", x, y), (d for _, d in parts))


def _broadcast_parts(d: Dim) -> list[Dim]:
    """What `d` is the broadcast of; itself when it is none."""
    if isinstance(d, Sym) and len(d.terms) == 1 and len(d.atoms) == 1:
        ((factors, c),) = d.terms.items()
        (atom,) = d.atoms.values()
        if c == 1 and len(factors) == 1 and atom.name == "bcast" and atom.args:
            return [p for x in atom.args for p in _broadcast_parts(x)]
    return [d]


FUNCTIONS = {"floordiv": floordiv, "max": dim_max, "min": dim_min, "bcast": dim_bcast}


def product(dims: Iterable[Dim]) -> Dim:
    """The product; 1 for none."""
    return reduce(lambda a, b: a * b, dims, 1)


def is_surely_positive_or_zero(d: Dim) -> bool:
    """Whether `d` is at least 0 whatever its symbols, which are sizes; False when it cannot be told."""
    if not isinstance(d, Sym):
        return d >= 0
    return all(c >= 0 for c in d.terms.values()) and all(_atom_is_positive(a) for a in d.atoms.values())


def _atom_is_positive(a: Atom) -> bool:
    return all(is_surely_positive_or_zero(x) for x in a.args) or (
        a.name == "max" and any(is_surely_positive_or_zero(x) for x in a.args)
    )


def symbols_of(d: Dim) -> set[str]:
    """The names of the symbols in `d`."""
    return set[str]().union(*(a.symbols() for a in _atoms(d).values()))


def substitute(d: Dim, env: Mapping[str, Dim]) -> Dim:
    """`d` with symbols replaced; symbols not in `env` stay."""
    if not isinstance(d, Sym):
        return d
    values = {k: a.evaluate(env) for k, a in d.atoms.items()}
    total: Dim = 0
    for m, c in d.terms.items():
        total = total + product(values[f] for f in m) * c
    return total


def evaluate_dim(d: Dim, env: Mapping[str, int]) -> int:
    """The value of `d`; KeyError when a symbol has none."""
    v = substitute(d, env)
    if isinstance(v, Sym):
        raise KeyError(sorted(symbols_of(v))[0])
    return v


_MOST_TEXT, _MOST_NESTED, _MOST_TERMS = 4000, 50, 2000
_TOKEN = re.compile(r"\s*(\d+|[A-Za-z_][\w.]*|\S)")


class _DimParser:
    def __init__(self, text: str) -> None:
        if len(text) > _MOST_TEXT or re.search(r"\d{20}", text):
            raise ParseError(f"expected a dimension, found too long a formula: {text[:60]!r}…")
        self.text = text
        self.depth = 0
        self.tokens = _TOKEN.findall(text)
        self.pos = 0

    def peek(self) -> str:
        return self.tokens[self.pos] if self.pos < len(self.tokens) else ""

    def take(self, want: str = "") -> str:
        got = self.peek()
        if not got or (want and got != want):
            raise ParseError(
                f"expected {want or 'a term'} in dimension {self.text!r}, found {got or 'its end'}"
            )
        self.pos += 1
        return got

    def factor(self) -> Dim:
        self.depth += 1
        if self.depth > _MOST_NESTED:
            raise ParseError(f"expected a dimension, found brackets nested too deep: {self.text[:60]!r}…")
        try:
            return self._factor()
        finally:
            self.depth -= 1

    def _factor(self) -> Dim:
        t = self.take()
        if t == "-":
            return self.factor() * -1
        if t.isdigit():
            return int(t)
        if t == "(":
            inner = self.total()
            self.take(")")
            return inner
        if t in FUNCTIONS and self.peek() == "(":
            self.take("(")
            a = self.total()
            self.take(",")
            b = self.total()
            self.take(")")
            return FUNCTIONS[t](a, b)
        if not (t[0].isalpha() or t[0] == "_"):
            raise ParseError(f"unexpected {t!r} in dimension {self.text!r}")
        return Sym.symbol(t)

    def term(self) -> Dim:
        v = self.factor()
        while self.peek() == "*":
            self.take()
            w = self.factor()
            if len(_terms(v)) * len(_terms(w)) > _MOST_TERMS:
                raise ParseError(f"expected a dimension, found too large a polynomial: {self.text[:60]!r}…")
            v = v * w
        return v

    def total(self) -> Dim:
        v = self.term()
        while self.peek() in ("+", "-"):
            v = v + self.term() if self.take() == "+" else v - self.term()
        return v


def parse_dim(text: str) -> Dim:
    """Reads what `str` of a dimension wrote."""
    p = _DimParser(text)
    result = p.total()
    if p.peek():
        raise ParseError(f"unexpected {p.peek()!r} after dimension {text!r}")
    return result
