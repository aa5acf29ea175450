"""Where in a user's file an exception was raised: file, line, the expression and its values."""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any

import numpy as np

OWN = Path(__file__).resolve().parents[1]  # the files of this package are nobody's mistake
PLAIN = bool | int | float | str | bytes | np.generic | type(None) | ModuleType | type


@dataclass(frozen=True)
class Place:
    """Where in a user's file an exception was raised: the innermost frame there, and the expression of it."""

    frame: FrameType
    line: int
    nodes: tuple[ast.AST, ...]  # from the file down to the expression that raised

    @property
    def where(self) -> str:
        """File and line."""
        return self.at(self.line)

    def at(self, line: int) -> str:
        """The file, and another line."""
        return f"{Path(self.frame.f_code.co_filename).name}, line {line}"

    @property
    def node(self) -> ast.AST:
        """The expression or statement that raised."""
        return self.nodes[-1]

    def value(self, node: ast.AST) -> Any:
        """What a name of the code, or an attribute of one, stands for there; `None` if it is neither."""
        if isinstance(node, ast.Attribute):
            return getattr(self.value(node.value), node.attr, None)
        if not isinstance(node, ast.Name):
            return None
        for names in (self.frame.f_locals, self.frame.f_globals, self.frame.f_builtins):
            if node.id in names:
                return names[node.id]
        return None

    def foreign(self, node: ast.AST) -> bool:
        """Whether the code has a value that is no number of Python and no array of NumPy's numbers."""
        return any(_foreign(self.value(n)) for n in ast.walk(node) if isinstance(n, ast.Name))


def found(error: BaseException, functions: Mapping[str, Any]) -> Place | None:
    """The innermost place of `error` in the files of the user's functions."""
    files = {code.co_filename for f in functions.values() if (code := code_of(f)) and not is_own(code.co_filename)}
    inner: TracebackType | None = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            inner = trace
        trace = trace.tb_next
    if inner is None:
        return None
    code, at = inner.tb_frame.f_code, inner.tb_lasti
    span = list(code.co_positions())[at // 2]
    return Place(inner.tb_frame, inner.tb_lineno, tuple(_down_to(code.co_filename, span, inner.tb_lineno)))


def code_of(function: Any) -> CodeType | None:
    """The code of a function, of what a `functools.partial` calls, or of an object that is called like one."""
    function = inspect.unwrap(getattr(function, "func", function))
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception behind those that caused it."""
    out: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in out:
        out.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    yield from reversed(out)


def _foreign(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype == object
    if isinstance(value, list | tuple):
        return any(map(_foreign, value))
    return not (isinstance(value, PLAIN | Mapping) or callable(value))


def is_own(file: str) -> bool:
    return OWN in Path(file).resolve().parents


def _tree(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):  # edited meanwhile
        return None


def _down_to(file: str, span: tuple[int | None, ...], line: int) -> Iterator[ast.AST]:
    """The nodes of a file that hold the code of `span`, from the outermost one."""
    tree = _tree(file)
    start, end, left, right = span
    yield tree or ast.Module([], [])
    if tree is None or start is None or end is None or left is None or right is None:
        return

    def holds(node: ast.AST) -> bool:
        if not isinstance(node, ast.stmt | ast.expr | ast.keyword) or node.end_lineno is None:
            return False
        begins, ends = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset or 0)
        return begins <= (start, left) and (end, right) <= ends

    node: ast.AST | None = tree
    while node is not None:
        node = next((child for child in ast.iter_child_nodes(node) if holds(child)), None)
        if node is not None:
            yield node


def definition(code: CodeType | None) -> ast.AST | None:
    """The definition of a function, from its file."""
    tree = None if code is None else _tree(code.co_filename)
    kinds = ast.FunctionDef | ast.Lambda
    nodes: list[Any] = [] if tree is None else [n for n in ast.walk(tree) if isinstance(n, kinds)]

    def first(node: Any) -> int:
        return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])

    return next((n for n in nodes if code is not None and first(n) == code.co_firstlineno), None)
