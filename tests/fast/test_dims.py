"""Symbolic dimensions: one canonical form, arithmetic as with numbers, text that reads back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netwright.compiler.ir.dims import (
    Dim,
    Sym,
    ceildiv,
    dim_max,
    dim_min,
    evaluate_dim,
    floordiv,
    parse_dim,
    product,
    substitute,
    symbols_of,
)
from netwright.runtime.errors import ParseError

NAMES = ("n", "m", "h")
Env = Mapping[str, int]
#: a dimension together with what it means in numbers
Pair = tuple[Dim, Callable[[Env], int]]


def number(value: int) -> Pair:
    return value, lambda env: value


def symbol(name: str) -> Pair:
    return Sym.symbol(name), lambda env: env[name]


def combine(parts: tuple[Pair, Pair, str]) -> Pair:
    (a, f), (b, g), op = parts
    table: dict[str, Pair] = {
        "+": (a + b, lambda env: f(env) + g(env)),
        "-": (a - b, lambda env: f(env) - g(env)),
        "*": (a * b, lambda env: f(env) * g(env)),
        "max": (dim_max(a, b), lambda env: max(f(env), g(env))),
        "min": (dim_min(a, b), lambda env: min(f(env), g(env))),
    }
    return table[op]


def divide(parts: tuple[Pair, int | str, str]) -> Pair:
    (a, f), by, op = parts
    b: Dim = by if isinstance(by, int) else Sym.symbol(by)

    def g(env: Env) -> int:
        return by if isinstance(by, int) else env[by]

    table: dict[str, Pair] = {
        "floordiv": (floordiv(a, b), lambda env: f(env) // g(env)),
        "ceildiv": (ceildiv(a, b), lambda env: -(-f(env) // g(env))),
        "mod": (a % b, lambda env: f(env) % g(env)),
    }
    return table[op]


leaves = st.one_of(st.integers(-4, 9).map(number), st.sampled_from(NAMES).map(symbol))
polynomials = st.recursive(
    leaves, lambda x: st.tuples(x, x, st.sampled_from(["+", "-", "*"])).map(combine), max_leaves=8
)
pairs = st.recursive(
    leaves,
    lambda x: st.one_of(
        st.tuples(x, x, st.sampled_from(["+", "-", "*", "max", "min"])).map(combine),
        st.tuples(x, st.sampled_from([1, 2, 3, "n"]), st.sampled_from(["floordiv", "ceildiv", "mod"])).map(
            divide
        ),
    ),
    max_leaves=8,
)
environments = st.fixed_dictionaries({n: st.integers(1, 20) for n in NAMES})


@given(pairs, environments)
def test_arithmetic_is_that_of_numbers(pair: Pair, env: dict[str, int]) -> None:
    d, f = pair
    assert evaluate_dim(d, env) == f(env)


@given(pairs)
def test_text_reads_back(pair: Pair) -> None:
    d, _ = pair
    assert parse_dim(str(d)) == d
    assert str(parse_dim(str(d))) == str(d)


@given(pairs, environments)
def test_partial_substitution(pair: Pair, env: dict[str, int]) -> None:
    d, f = pair
    some = substitute(d, {"n": env["n"]})
    assert "n" not in symbols_of(some)
    assert evaluate_dim(some, env) == f(env)
    assert substitute(d, {}) == d


@given(polynomials, polynomials, polynomials)
def test_equal_polynomials_are_equal(x: Pair, y: Pair, z: Pair) -> None:
    a, b, c = x[0], y[0], z[0]
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == 0
    assert isinstance(a - a, int)
    assert hash(a + b) == hash(b + a)


@given(polynomials, polynomials, st.integers(1, 5))
def test_whole_multiples_leave_a_floor_division(x: Pair, y: Pair, by: int) -> None:
    a, b = x[0], y[0]
    assert floordiv(a + b * by, by) == floordiv(a, by) + b
    assert floordiv(a * by, by) == a
    assert (a * by) % by == 0


def test_shapes_as_convolutions_make_them() -> None:
    h = Sym.symbol("h")
    assert str(ceildiv(h, 2)) == "floordiv(h + 1, 2)"
    assert floordiv(h - 3, 2) + 1 == ceildiv(h, 2) - 1
    assert str(floordiv(3 * h + 5, 2)) == "floordiv(h + 1, 2) + h + 2"
    assert product([h, 2, h]) == parse_dim("2*h*h")
    assert product([]) == 1
    assert floordiv(h * 6, h * 2) == 3
    assert floordiv(h + 1, h + 1) == 1


def test_maximum_is_symbolic_only_when_it_must_be() -> None:
    n, m = Sym.symbol("n"), Sym.symbol("m")
    assert dim_max(n + 1, n) == n + 1
    assert dim_min(n + 1, n) == n
    assert dim_max(n, m) == dim_max(m, n)
    assert str(dim_max(n, m)) == "max(m, n)"


def test_a_symbol_is_no_number() -> None:
    n = Sym.symbol("n")
    assert n != 1
    assert n + 1 != n
    assert symbols_of(parse_dim("floordiv(n + m, 2)*k")) == {"n", "m", "k"}
    assert symbols_of(7) == set()
    with pytest.raises(KeyError, match="m"):
        evaluate_dim(n + Sym.symbol("m"), {"n": 1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a term in dimension '', found its end"),
        ("n +", "found its end"),
        ("n m", "unexpected 'm' after dimension 'n m'"),
        ("floordiv(n 2)", "expected , in dimension"),
        ("n * / 2", "unexpected '/'"),
        ("(n", "expected \\)"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_dim(text)
