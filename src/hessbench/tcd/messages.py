"""Syntax errors in our words: where, what was found, what could have come instead, what to try."""

from __future__ import annotations

import re
from typing import Any

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from hessbench.tcd.errors import Pos, TcdSyntaxError, did_you_mean
from hessbench.tcd.grammar import SPECIAL_NAMES, SPELLING


def place(text: str, offset: int) -> Pos:
    """Line and column of an offset."""
    return Pos(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def translate(error: UnexpectedInput, text: str) -> TcdSyntaxError:
    """Lark's exception as one of ours."""
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        pos, got = place(text, len(text.rstrip())), "the end of the program"
    else:
        pos = Pos(error.line, error.column)
        start = error.pos_in_stream or 0
        got = f"`{_word(text, start)}`"
    names = error.accepts if isinstance(error, UnexpectedToken) else getattr(error, "allowed", None)
    return TcdSyntaxError(
        f"cannot go on with {got} here", pos, expected=_expected(names), suggestion=_hint(error, text)
    )


def _word(text: str, start: int) -> str:
    match = re.compile(r"&?[A-Za-z0-9_]+|->|=>|\S").match(text, start)
    return match.group() if match else ""


def _expected(names: Any) -> str:
    known = sorted({SPELLING[n] for n in names or () if n in SPELLING})
    return ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")


def _hint(error: UnexpectedInput, text: str) -> str:
    word = _word(text, error.pos_in_stream or 0) if not _at_end(error) else ""
    if word.startswith("&"):
        close = did_you_mean(word[1:], SPECIAL_NAMES)
        return close.replace("`", "`&", 1) or "special functions are " + ", ".join(f"`&{n}`" for n in SPECIAL_NAMES)
    accepts = set(error.accepts or ()) if isinstance(error, UnexpectedToken) else set()
    if "EQUAL" in accepts and "COMMA" in accepts:
        return "arguments are given by slot name: `f(x[:]=e)`"
    if isinstance(error, UnexpectedCharacters) and word in ("∂", "\\"):
        return "a derivative is an index: `f[:, d x[:]]`"
    return ""


def _at_end(error: UnexpectedInput) -> bool:
    return isinstance(error, UnexpectedToken) and error.token.type == "$END"
