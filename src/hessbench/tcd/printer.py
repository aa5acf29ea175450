"""From syntax tree to text, such that parse(show(tree)) == tree; notes of bindings become comments."""

from __future__ import annotations

from hessbench.tcd.syntax import (
    FUNCTION_RANK,
    At,
    Bare,
    Binding,
    Call,
    Diff,
    Einsum,
    Expr,
    Index,
    Item,
    Lambda,
    Name,
    Number,
    Product,
    Program,
    Range,
    Signature,
    Slot,
    Special,
    Statement,
    Sum,
)

WIDTH = 110

# Binding strengths: what an expression may stand in without parentheses.
_ANY, _SUM, _PRODUCT, _POSTFIX = range(4)


def show(program: Program) -> str:
    """The program as text that ends in a newline; one statement per line, long functions one argument per line."""
    return "".join(_statement(s) + "\n" for s in program.statements)


def show_slot(slot: Slot) -> str:
    """`x`, `x[]`, `x[:]`, `M[:, :]`, `f{}`."""
    if slot.rank is None:
        return slot.name
    if slot.rank == FUNCTION_RANK:
        return slot.name + "{}"
    return f"{slot.name}[{', '.join([':'] * slot.rank)}]"


def show_expr(expr: Expr) -> str:
    """An expression on one line."""
    return _flat(expr, _ANY)


def _statement(statement: Statement) -> str:
    if isinstance(statement, Signature):
        return _signature(statement)
    if isinstance(statement, Bare):
        return "\n".join(_join(line) for line in _lines(statement.expr, "", ""))
    return "\n".join(_join(line) for line in _binding_lines(statement.binding, ""))


def _signature(signature: Signature) -> str:
    head = f"{show_slot(signature.slot)}: " if signature.slot else ""
    args = ", ".join(_flat_binding(a) for a in signature.args)
    result = signature.result
    tail = _signature(result) if isinstance(result, Signature) else show_slot(result)
    return f"{head}^({args}) => {tail}"


def _flat_binding(binding: Binding) -> str:
    slot = show_slot(binding.slot)
    return slot if binding.expr is None else f"{slot}={_flat(binding.expr, _ANY)}"


def _flat(expr: Expr, strength: int) -> str:
    """An expression on one line, in parentheses where it binds more weakly than its place demands."""
    own, text = _PRINTERS[type(expr)](expr)
    return f"({text})" if own < strength else text


def _number(node: Number) -> tuple[int, str]:
    return _POSTFIX, node.text


def _name(node: Name) -> tuple[int, str]:
    return _POSTFIX, node.id + node.suffix


def _sum(node: Sum) -> tuple[int, str]:
    first, *rest = node.terms
    head = "-" if first.sign == "-" else "+" if not rest else ""
    parts = [head + _flat(first.expr, _PRODUCT)]
    parts += [f" {t.sign} {_flat(t.expr, _PRODUCT)}" for t in rest]
    return _SUM, "".join(parts)


def _product(node: Product) -> tuple[int, str]:
    text = ""
    for i, factor in enumerate(node.factors):
        piece = _flat(factor.expr, _POSTFIX)
        # A name `d` before a juxtaposed factor would read as a derivative.
        follows = node.factors[i + 1].op if i + 1 < len(node.factors) else ""
        piece = "(d)" if piece == "d" and follows == " " else piece
        text += piece if i == 0 else f" {piece}" if factor.op == " " else f" {factor.op[0]} {piece}"
    return _PRODUCT, text


def _item(item: Item) -> str:
    if isinstance(item, At):
        return _flat(item.index, _SUM)
    if isinstance(item, Diff):
        return f"d {show_slot(item.slot)}"
    if isinstance(item, Range):
        start, stop, step = ("" if e is None else _flat(e, _SUM) for e in (item.start, item.stop, item.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "+"


def _index(node: Index) -> tuple[int, str]:
    return _POSTFIX, f"{_flat(node.base, _POSTFIX)}[{', '.join(_item(i) for i in node.items)}]"


def _call(node: Call) -> tuple[int, str]:
    return _POSTFIX, f"{_flat(node.callee, _POSTFIX)}({', '.join(_flat_binding(a) for a in node.args)})"


def _lambda(node: Lambda) -> tuple[int, str]:
    return _ANY, f"^({', '.join(_flat_binding(a) for a in node.args)}) -> {_flat(node.body, _ANY)}"


def _special(node: Special) -> tuple[int, str]:
    return _POSTFIX, f"&{node.op}({', '.join(_flat(a, _ANY) for a in node.args)})"


def _einsum(node: Einsum) -> tuple[int, str]:
    factors = (_flat(f.expr, _ANY) + (f" @ {', '.join(f.indices)}" if f.indices else "") for f in node.factors)
    result = f" {', '.join(node.result)}" if node.result else ""
    return _POSTFIX, f"&es({'; '.join(factors)} ->{result})"


_PRINTERS = {
    Number: _number,
    Name: _name,
    Sum: _sum,
    Product: _product,
    Index: _index,
    Call: _call,
    Lambda: _lambda,
    Special: _special,
    Einsum: _einsum,
}

# A line of output is its code and its comment; punctuation is added to the code, never after the comment.
Line = tuple[str, str]


def _join(line: Line) -> str:
    code, note = line
    if not note:
        return code
    return f"{code}  # {note}" if code.strip() else f"{code}# {note}"


def _lines(expr: Expr, indent: str, prefix: str) -> list[Line]:
    """`prefix` and an expression, broken over lines if it is long or carries notes further down."""
    flat = f"{indent}{prefix}{_flat(expr, _ANY)}"
    if len(flat) <= WIDTH and not _has_notes(expr):
        return [(flat, "")]
    if isinstance(expr, Lambda) and expr.args:
        head = [(f"{indent}{prefix}^(", "")]
        body = _lines(expr.body, indent, ") -> ")
        return head + _broken_args(expr.args, indent + "    ") + body
    if isinstance(expr, Call) and expr.args:
        head = [(f"{indent}{prefix}{_flat(expr.callee, _POSTFIX)}(", "")]
        return [*head, *_broken_args(expr.args, indent + "    "), (f"{indent})", "")]
    if isinstance(expr, Sum) and len(expr.terms) > 1:
        return _term_lines(expr, indent, prefix, ())
    return [(flat, "")]


def _has_notes(expr: Expr) -> bool:
    return isinstance(expr, Call | Lambda) and (
        any(a.notes or a.heading or (a.expr is not None and _has_notes(a.expr)) for a in expr.args)
        or (isinstance(expr, Lambda) and _has_notes(expr.body))
    )


def _broken_args(args: tuple[Binding, ...], indent: str) -> list[Line]:
    lines: list[Line] = []
    for i, arg in enumerate(args):
        own = _binding_lines(arg, indent)
        if i < len(args) - 1:
            code, note = own[-1]
            own[-1] = (code + ",", note)
        lines += own
    return lines


def _binding_lines(binding: Binding, indent: str) -> list[Line]:
    head: list[Line] = [(indent, line) for line in binding.heading.split("\n") if line]
    slot = show_slot(binding.slot)
    if binding.expr is None:
        return [*head, (f"{indent}{slot}", "; ".join(binding.notes))]
    expr, notes = binding.expr, binding.notes
    if isinstance(expr, Sum) and len(notes) > 1:
        return head + _term_lines(expr, indent, f"{slot} = ", notes)
    lines = _lines(expr, indent, f"{slot} = ")
    if notes:
        code, note = lines[-1]
        lines[-1] = (code, note or notes[0])
    return head + lines


def _term_lines(expr: Sum, indent: str, prefix: str, notes: tuple[str, ...]) -> list[Line]:
    """One summand per line, each with its note."""
    lines: list[Line] = []
    inner = indent + "    "
    for i, term in enumerate(expr.terms):
        sign = ("-" if term.sign == "-" else "") if i == 0 else f"{term.sign} "
        start = f"{indent}{prefix}{sign}" if i == 0 else f"{inner}{sign}"
        lines.append((start + _flat(term.expr, _PRODUCT), notes[i] if i < len(notes) else ""))
    return lines
