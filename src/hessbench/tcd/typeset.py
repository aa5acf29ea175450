"""From syntax tree to LaTeX: one numbered equation for each named quantity, in the notation of a derivation on paper.

An Einstein sum is a sum over its index names, `d x` a partial derivative, `ODE` the flow from one time to another,
`OBP` a hat over the field. The commands that occur are those of amsmath.
"""

from __future__ import annotations

from hessbench.tcd.syntax import (
    At,
    Bare,
    Binding,
    Call,
    Definition,
    Diff,
    Einsum,
    Expr,
    Index,
    Item,
    Lambda,
    Name,
    NewAxis,
    Number,
    Product,
    Program,
    Range,
    Signature,
    Slot,
    Special,
    Sum,
)

HEAD = r"\documentclass{article}" + "\n" + r"\usepackage{amsmath}" + "\n" + r"\begin{document}" + "\n"
FOOT = r"\end{document}" + "\n"
SENSITIVITIES = ("s", "z")  # what `derive` puts before the name of the quantity that it is the sensitivity to

# What an expression may stand in without parentheses.
_ANY, _SUM, _PRODUCT, _POSTFIX = range(4)


def typeset(program: Program, document: bool = False) -> str:
    """The program as `align` environments: definitions and bindings as equations, what it takes from outside in front, its
    result last. Headings and notes of a derived program are kept. With `document`, a file that compiles by itself.
    """
    parts: list[str] = []
    for statement in program.statements:
        if isinstance(statement, Signature):
            continue  # ranks, which the equations show by their indices
        if isinstance(statement, Definition):
            parts += _equations([statement.binding], None)
        elif isinstance(statement, Bare):
            body = statement.expr
            bindings = [a for a in body.args if a.expr is not None] if isinstance(body, Lambda) else []
            given = [a.slot for a in body.args if a.expr is None] if isinstance(body, Lambda) else []
            if given:
                parts.append("Given " + ", ".join(f"${show_name(s.name)}$" for s in given) + ":\n")
            parts += _equations(bindings, body.body if isinstance(body, Lambda) else body)
    text = "\n".join(parts)
    return f"{HEAD}{text}{FOOT}" if document else text


def equations(program: Program) -> list[str]:
    """The right and left sides of `typeset` without alignment, numbers and notes: `y = ...`, one for each line there."""
    lines = [line for part in typeset(program).split("\n") for line in [part.strip()] if "&" in line]
    return [line.partition(r"&& \text")[0].removesuffix(r"\\").replace("&", " ").strip() for line in lines]


def _equations(bindings: list[Binding], result: Expr | None) -> list[str]:
    """`align` environments, a new one behind each heading."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for binding in bindings:
        if binding.heading:
            blocks.append((binding.heading, []))
        blocks[-1][1].extend(_equation(binding))
    if result is not None and not isinstance(result, Name):
        blocks[-1][1].append(rf"&\;{_show(result, _ANY)}")
    out: list[str] = []
    for heading, lines in blocks:
        if heading:
            out.append(f"{_words(heading)}:\n")
        if lines:
            joined = " \\\\\n  ".join(lines)
            out.append(f"\\begin{{align}}\n  {joined}\n\\end{{align}}\n")
    return out


def _equation(binding: Binding) -> list[str]:
    """Lines of one equation: one for each summand where each has a note."""
    assert binding.expr is not None
    left, expr = show_name(binding.slot.name), binding.expr
    notes = [rf" && \text{{{_words(note)}}}" for note in binding.notes]
    if isinstance(expr, Sum) and len(expr.terms) == len(notes) > 1:
        lines = []
        for k, (term, note) in enumerate(zip(expr.terms, notes, strict=True)):
            sign = ("-" if term.sign == "-" else "") if k == 0 else term.sign
            lines.append(
                f"{f'{left} &=' if k == 0 else '&'} {sign} {_show(term.expr, _PRODUCT)}{note}".replace("  ", " ")
            )
        return lines
    return [f"{left} &= {_show(expr, _ANY)}{''.join(notes[:1])}"]


def show_name(name: str) -> str:
    r"""`y_end` as `y_{\mathrm{end}}`, `s_y_end` as the sensitivity `s_{y_{\mathrm{end}}}`, `T01` as `T_{01}`."""
    head, _, rest = name.partition("_")
    letters = head.rstrip("0123456789")
    digits = head[len(letters) :]
    base = letters if len(letters) == 1 else r"\dot{y}" if letters == "ydot" else rf"\mathrm{{{letters}}}"
    if not rest:
        return f"{base}_{{{digits}}}" if digits else base
    if head in SENSITIVITIES:
        return f"{base}_{{{show_name(rest)}}}"
    below = rest.replace("_", r"\,")
    return f"{base}_{{{digits}{',' if digits else ''}" + rf"\mathrm{{{below}}}}}"


def _words(text: str) -> str:
    """Words with names in them, as text: names of the program in typewriter."""
    return " ".join(
        rf"\texttt{{{word}}}".replace("_", r"\_") if "_" in word or word == "j" else word for word in text.split()
    )


def _show(expr: Expr, strength: int) -> str:
    own, text = _written(expr)
    return rf"\left({text}\right)" if own < strength else text


def _written(expr: Expr) -> tuple[int, str]:
    """How strongly an expression binds, and its text."""
    match expr:
        case Number():
            mantissa, mark, exponent = expr.text.lower().partition("e")
            return _POSTFIX, rf"{mantissa}\cdot 10^{{{exponent.removeprefix('+')}}}" if mark else mantissa
        case Name():
            return _POSTFIX, show_name(expr.id)
        case Sum():
            first, *rest = expr.terms
            text = ("-" if first.sign == "-" else "") + _show(first.expr, _PRODUCT)
            return _SUM, text + "".join(f" {t.sign} {_show(t.expr, _PRODUCT)}" for t in rest)
        case Product():
            return _PRODUCT, _product(expr)
        case Index():
            return _POSTFIX, _index(expr)
        case Call():
            return _POSTFIX, _call(expr)
        case Lambda():
            return _ANY, _lambda(expr)
        case Special():
            return _special(expr)
        case Einsum():
            return _POSTFIX, _einsum(expr)


def _product(node: Product) -> str:
    text = ""
    for k, factor in enumerate(node.factors):
        piece = _show(factor.expr, _POSTFIX)
        if k == 0:
            text = piece
        elif factor.op == "/":
            text = rf"\frac{{{text}}}{{{_show(factor.expr, _ANY)}}}"
        elif factor.op == "//":
            text = rf"\lfloor {text} / {piece} \rfloor"
        else:
            text += f" {piece}" if factor.op == " " else rf" \cdot {piece}"
    return text


def _index(node: Index) -> str:
    """Derivatives in front as a fraction, the other indices below."""
    base = _show(node.base, _POSTFIX)
    by = [show_name(i.slot.name) for i in node.items if isinstance(i, Diff)]
    if by:
        power = f"^{{{len(by)}}}" if len(by) > 1 else ""
        below = r"\,".join(rf"\partial {name}" for name in by)
        base = rf"\frac{{\partial{power} {base}}}{{{below}}}"
    rest = [i for i in node.items if not isinstance(i, Diff)]
    if all(isinstance(i, Range) and i == Range() for i in rest):
        return base
    return rf"{base}\left[{', '.join(_item(i) for i in rest)}\right]"


def _item(item: Item) -> str:
    if isinstance(item, At):
        return _show(item.index, _ANY)
    if isinstance(item, Range):
        start, stop, step = ("" if e is None else _show(e, _SUM) for e in (item.start, item.stop, item.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    assert isinstance(item, NewAxis)
    return "+"


def _call(node: Call) -> str:
    given = {a.slot.name: a.expr for a in node.args if a.expr is not None}
    if isinstance(node.callee, Name) and node.callee.id == "OBP" and set(given) == {"ydot"}:
        return rf"\widehat{{{_show(given['ydot'], _POSTFIX)}}}"
    if isinstance(node.callee, Name) and node.callee.id == "ODE" and set(given) == {"ydot", "y", "t0", "t1"}:
        field, start, t0, t1 = (_show(given[name], _ANY) for name in ("ydot", "y", "t0", "t1"))
        return rf"\Phi^{{{t0} \to {t1}}}_{{{field}}}\left({start}\right)"
    pieces = [_show(e, _ANY) if len(given) == 1 else rf"{show_name(n)}{{=}}{_show(e, _ANY)}" for n, e in given.items()]
    return rf"{_show(node.callee, _POSTFIX)}\left({', '.join(pieces)}\right)"


def _lambda(node: Lambda) -> str:
    slots: list[Slot] = [a.slot for a in node.args if a.expr is None]
    bound = [a for a in node.args if a.expr is not None]
    text = _show(node.body, _SUM)
    if bound:
        text += r" \;\mathrm{with}\; " + r",\; ".join(
            f"{show_name(a.slot.name)} = {_show(a.expr, _ANY)}" for a in bound if a.expr is not None
        )
    return rf"\left({', '.join(show_name(s.name) for s in slots)}\right) \mapsto {text}" if slots else text


def _special(node: Special) -> tuple[int, str]:
    args = [_show(a, _ANY) for a in node.args]
    match node.op:
        case "exp" | "log":
            return _POSTFIX, rf"\{node.op}\left({args[0]}\right)"
        case "pow":
            return _PRODUCT, rf"{_show(node.args[0], _POSTFIX)}^{{{args[1]}}}"
        case "onehot":
            return _POSTFIX, rf"e_{{{args[0]}}}"
        case "zeros":
            return _POSTFIX, rf"0_{{{', '.join(args)}}}"
        case "concat":
            return _POSTFIX, r"\left(" + r",\; ".join(args[1:]) + r"\right)"
    return _POSTFIX, rf"\mathrm{{{node.op}}}\left({', '.join(args)}\right)"


def _einsum(node: Einsum) -> str:
    """A sum over the names that are not in the result, whose own names stand below."""
    names = [n for f in node.factors for n in f.indices]
    summed = [n for n in dict.fromkeys(names) if n not in node.result]
    factors = [
        _show(f.expr, _POSTFIX) + (rf"{{}}_{{{' '.join(f.indices)}}}" if f.indices else "") for f in node.factors
    ]
    text = (rf"\sum_{{{', '.join(summed)}}} " if summed else "") + r" \, ".join(factors)
    return rf"\left[{text}\right]_{{{' '.join(node.result)}}}" if node.result else rf"\left({text}\right)"
