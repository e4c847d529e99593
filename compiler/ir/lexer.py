"""IR text to tokens with positions, and errors with line, column and a caret."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...runtime.errors import ParseError

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n]+|//[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<value>%[\w$.-]+(?:\#\d+)?)
    |(?P<symbol>@(?:[A-Za-z_][\w$.]*|"(?:[^"\\\n]|\\.)*"))
    |(?P<block>\^[\w$.]+)
    |(?P<hash>\#[A-Za-z_][\w.]*)
    |(?P<hex>0x[0-9A-Fa-f]+(?![\w]))
    |(?P<float>-?\d+\.\d*(?:[eE][+-]?\d+)?)
    |(?P<int>-?\d+(?![\w]))
    |(?P<arrow>->)
    |(?P<word>[A-Za-z_][\w$.]*)
    |(?P<punct>\{-\#|\#-\}|[(){}<>\[\],:=?*])
    |(?P<dims>\d+(?=x))
    """,
    re.VERBOSE | re.ASCII,
)

_SHOWN = 160  # characters before and after the place of an error
_MOST_MESSAGE = 600
_NUMBERS = ("int", "float", "dims")
_MOST_DIGITS = 400  # more than any finite number has


class Token(NamedTuple):
    kind: str
    text: str
    start: int


class Lexer:
    """Tokens one at a time with one token of look-ahead; also raw text, which types need."""

    def __init__(self, text: str, filename: str = "<text>") -> None:
        self.text = text
        self.filename = filename
        self.pos = 0
        self.token = self._next()

    def _next(self) -> Token:
        while self.pos < len(self.text):
            m = _TOKEN.match(self.text, self.pos)
            if m is None:
                raise self.error(f"unexpected character {self.text[self.pos]!r}", self.pos)
            start, self.pos = self.pos, m.end()
            if m.lastgroup in _NUMBERS and self.pos - start > _MOST_DIGITS:
                raise self.error(
                    f"expected a number of at most {_MOST_DIGITS} digits, found a longer one", start
                )
            if m.lastgroup != "skip":
                return Token(str(m.lastgroup), m.group(), start)
        return Token("end", "", len(self.text))

    def error(self, message: str, at: int | None = None) -> ParseError:
        """The error, with the place of the current token or of offset `at`."""
        at = self.token.start if at is None else at
        line = self.text.count("\n", 0, at) + 1
        begin = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        column = at - begin + 1
        # Of a long line, what stands around the place.
        left = max(begin, at - _SHOWN)
        shown = self.text[left : min(end if end >= 0 else len(self.text), at + _SHOWN)]
        caret = " " * (at - left) + "^"
        message = message if len(message) <= _MOST_MESSAGE else message[: _MOST_MESSAGE - 1] + "…"
        return ParseError(f"{self.filename}:{line}:{column}: {message}\n{shown}\n{caret}")

    @property
    def found(self) -> str:
        """How an error names the current token."""
        return repr(self.token.text) if self.token.kind != "end" else "the end of the text"

    def take(self) -> Token:
        t = self.token
        self.token = self._next()
        return t

    def at(self, text: str) -> bool:
        return self.token.text == text and self.token.kind != "string"

    def accept(self, text: str) -> bool:
        if self.at(text):
            self.take()
            return True
        return False

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise self.error(f"expected {text!r}, found {self.found}")
        return self.take()

    def expect_kind(self, kind: str, what: str) -> Token:
        if self.token.kind != kind:
            raise self.error(f"expected {what}, found {self.found}")
        return self.take()

    def raw_until_balanced(self) -> str:
        """The text of `<…>` from the current `<`, brackets balanced, `->` and strings skipped."""
        start = self.token.start
        depth, i = 0, start
        while i < len(self.text):
            c = self.text[i]
            if c == '"':
                i = self._string_end(i)
            elif c == "-" and self.text.startswith("->", i):
                i += 1
            elif c == "<":
                depth += 1
            elif c == ">":
                depth -= 1
                if depth == 0:
                    self.pos = i + 1
                    self.token = self._next()
                    return self.text[start : i + 1]
            i += 1
        raise self.error("'<' is never closed", start)

    def _string_end(self, i: int) -> int:
        j = i + 1
        while j < len(self.text) and self.text[j] != '"':
            j += 2 if self.text[j] == "\\" else 1
        return j
