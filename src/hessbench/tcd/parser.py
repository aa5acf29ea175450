"""From text to syntax tree: Lark's LALR(1) parser with callbacks that build our nodes, and errors in our words."""

from __future__ import annotations

import re
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from hessbench.tcd.errors import Pos, TcdError, TcdSyntaxError
from hessbench.tcd.grammar import GRAMMAR
from hessbench.tcd.messages import place, translate
from hessbench.tcd.syntax import (
    FUNCTION_RANK,
    At,
    Bare,
    Binding,
    Call,
    Definition,
    Diff,
    Einsum,
    EsFactor,
    Expr,
    Factor,
    Index,
    Lambda,
    Name,
    NewAxis,
    Node,
    Number,
    Product,
    Program,
    Range,
    Signature,
    Slot,
    Special,
    Sum,
    Term,
    children,
)

MAX_DEPTH = 120
"""Brackets, and nodes of the tree, may nest this deep: far more than a program needs, far less than Python's stack."""

_BRACKETS = re.compile(r"#[^\n]*|[(\[{]|[)\]}]")


def parse(text: str) -> Program:
    """The program's syntax tree; raises `TcdSyntaxError` with the place of the first mistake."""
    _check_brackets(text)
    try:
        statements: Any = _PARSER.parse(text)
    except UnexpectedInput as error:
        raise translate(error, text).locate(text) from None
    except VisitError as error:
        if isinstance(error.orig_exc, TcdError):
            raise error.orig_exc.locate(text) from None
        raise
    except TcdError as error:
        raise error.locate(text) from None
    program = Program(tuple(statements), source=text)
    _check_depth(program)
    return program


def parse_errors(text: str, limit: int = 20) -> tuple[Program | None, list[TcdSyntaxError]]:
    """The program, or every syntax error: after each, reading goes on at the next line that begins a statement."""
    errors: list[TcdSyntaxError] = []
    program, rest = None, text
    while len(errors) < limit:
        try:
            program = parse(rest)
            break
        except TcdSyntaxError as error:
            error.locate(text)
            errors.append(error)
            rest = _skip_to_statement(rest, error.pos.line)
            if not rest.strip():
                break
    return (None, errors) if errors else (program, [])


def _skip_to_statement(text: str, line: int) -> str:
    """Text with everything up to the next line after `line` that starts with a name or `^` made blank."""
    lines = text.split("\n")
    for row in range(line, len(lines)):
        if re.match(r"[A-Za-z^λ]", lines[row]):
            return "\n" * row + "\n".join(lines[row:])
    return ""


def _check_brackets(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match.group()[0] == "#":
            continue
        depth += 1 if match.group() in "([{" else -1
        if depth > MAX_DEPTH:
            message = f"brackets nest deeper than {MAX_DEPTH}"
            raise TcdSyntaxError(message, place(text, match.start()), code="depth").locate(text)


def _check_depth(program: Program) -> None:
    stack: list[tuple[Node, int]] = [(program, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            message = f"expressions nest deeper than {MAX_DEPTH}"
            raise TcdSyntaxError(message, node.pos, code="depth").locate(program.source)
        stack.extend((child, depth + 1) for child in children(node))


def _pos(token: Token) -> Pos:
    return Pos(token.line or 1, token.column or 1)


def _as_slot(target: Expr) -> Slot:
    """The slot that a definition's or a signature's left-hand side states; anything else is an error."""
    if isinstance(target, Name):
        return Slot(target.id, FUNCTION_RANK if target.suffix else None, pos=target.pos)
    if isinstance(target, Index) and isinstance(target.base, Name) and all(i == Range() for i in target.items):
        return Slot(target.base.id, len(target.items), pos=target.pos)
    raise TcdSyntaxError(
        "only a slot can stand before `=`", target.pos, expected="`x`, `x[]`, `x[:]`, `x[:, :]`, ... or `f{}`"
    )


@v_args(inline=True)
class _Builder(Transformer):
    """One method per grammar rule; positions are those of the first token."""

    def start(self, *statements: Any) -> list:
        return list(statements)

    def only(self, node: Node) -> Node:
        return node

    def definition(self, target: Expr, expr: Expr) -> Definition:
        slot = _as_slot(target)
        return Definition(Binding(slot, expr, pos=slot.pos), pos=slot.pos)

    def bare(self, expr: Expr) -> Bare:
        return Bare(expr, pos=expr.pos)

    def signature(self, target: Expr | None, mark: Token, args: tuple | None, result: Any) -> Signature:
        slot = _as_slot(target) if target is not None else None
        return Signature(slot, args or (), result, pos=slot.pos if slot else _pos(mark))

    def tensor_result(self, bracket: Token, ranges: int | None) -> Slot:
        return Slot("", ranges or 0, pos=_pos(bracket))

    def function_result(self, brace: Token) -> Slot:
        return Slot("", FUNCTION_RANK, pos=_pos(brace))

    def function(self, mark: Token, args: tuple | None, body: Expr) -> Lambda:
        return Lambda(args or (), body, pos=_pos(mark))

    def sum(self, *parts: Any) -> Sum:
        return self.signed_sum("+", *parts)

    def signed_sum(self, *parts: Any) -> Sum:
        terms = tuple(Term(str(s), e, pos=e.pos) for s, e in zip(parts[::2], parts[1::2], strict=True))
        return Sum(terms, pos=_pos(parts[0]) if isinstance(parts[0], Token) else terms[0].pos)

    def product(self, *parts: Any) -> Product:
        factors: list[Factor] = []
        op = "*"
        for part in parts:
            if isinstance(part, Token):
                op = str(part)
            else:
                factors.append(Factor(op, part, pos=part.pos))
                op = " "
        return Product(tuple(factors), pos=parts[0].pos)

    def integer_product(self, *parts: Any) -> Product:
        product = self.product(*parts)
        return Product(
            tuple(Factor("//", f.expr, pos=f.pos) if f.op == "/" else f for f in product.factors), pos=product.pos
        )

    def index(self, base: Expr, items: tuple | None) -> Index:
        return Index(base, items or (), pos=base.pos)

    def call(self, callee: Expr, args: tuple | None) -> Call:
        for arg in args or ():
            if arg.expr is None:
                name = arg.slot.name
                raise TcdSyntaxError(
                    "an argument without a value",
                    arg.pos,
                    expected="`slot = expression`",
                    suggestion=f"`{name}[:]=...`",
                )
        return Call(callee, args or (), pos=callee.pos)

    def name(self, token: Token) -> Name:
        return Name(str(token), pos=_pos(token))

    def braced_name(self, token: Token, _: Token) -> Name:
        return Name(str(token), "{}", pos=_pos(token))

    def number(self, token: Token) -> Number:
        if len(token) > 400:
            raise TcdSyntaxError("a number of more than 400 characters", _pos(token))
        return Number(str(token), pos=_pos(token))

    def integer(self, token: Token) -> Number:
        if not token.isdecimal() or len(token) > 15:
            raise TcdSyntaxError(f"`{token[:40]}` is no integer", _pos(token), expected="an integer below 1e15")
        return Number(str(token), pos=_pos(token))

    def special(self, op: Token, *args: Expr) -> Special:
        return Special(str(op)[1:], args, pos=_pos(op))

    def einsum(self, op: Token, *parts: Any) -> Einsum:
        return Einsum(tuple(parts[:-1]), parts[-1] or (), pos=_pos(op))

    def es_factor(self, expr: Expr, names: tuple | None = None) -> EsFactor:
        return EsFactor(expr, names or (), pos=expr.pos)

    def names(self, *tokens: Token) -> tuple[str, ...]:
        return tuple(str(t) for t in tokens)

    def bindings(self, *args: Binding) -> tuple[Binding, ...]:
        return tuple(args)

    def binding(self, slot: Slot, expr: Expr | None) -> Binding:
        return Binding(slot, expr, pos=slot.pos)

    def bare_slot(self, token: Token) -> Slot:
        return Slot(str(token), None, pos=_pos(token))

    def tensor_slot(self, token: Token, _: Token, ranges: int | None) -> Slot:
        return Slot(str(token), ranges or 0, pos=_pos(token))

    def function_slot(self, token: Token, _: Token) -> Slot:
        return Slot(str(token), FUNCTION_RANK, pos=_pos(token))

    def ranges(self, *colons: Token) -> int:
        return len(colons)

    def items(self, *items: Node) -> tuple[Node, ...]:
        return tuple(items)

    def at(self, index: Expr) -> At:
        return At(index, pos=index.pos)

    def range(self, start: Expr | None, colon: Token, stop: Expr | None, step: Expr | None = None) -> Range:
        return Range(start, stop, step, pos=start.pos if start is not None else _pos(colon))

    def new_axis(self, token: Token) -> NewAxis:
        return NewAxis(pos=_pos(token))

    def diff(self, token: Token, slot: Slot) -> Diff:
        return Diff(slot, pos=_pos(token))


_PARSER = Lark(GRAMMAR, parser="lalr", transformer=_Builder(), maybe_placeholders=True)


def parse_slot(text: str) -> Slot:
    """A slot from its writing, such as `"y[:]"`; raises `TcdSyntaxError`."""
    program = parse(f"{text}=0")
    statement = program.statements[0]
    if not isinstance(statement, Definition):
        raise TcdSyntaxError(f"`{text}` is no slot", statement.pos).locate(text)
    return statement.binding.slot
