"""The checker: types of a program's expressions with symbolic lengths, and everything wrong with them.

A function's body is checked once for each combination of argument types it is called with (remembered, so that a chain
of definitions costs one pass), and once with unstated lengths if it is never called.
"""

from __future__ import annotations

from collections.abc import Mapping

from hessbench.tcd.check_builtins import obp_type, ode_type
from hessbench.tcd.check_parts import infer_einsum, infer_index, infer_integer, infer_special
from hessbench.tcd.check_shapes import broadcast, combined
from hessbench.tcd.check_signature import check_signature
from hessbench.tcd.errors import Pos, did_you_mean
from hessbench.tcd.printer import show_slot
from hessbench.tcd.scope import Inference, Scope
from hessbench.tcd.sizes import Size
from hessbench.tcd.syntax import (
    FUNCTION_RANK,
    Bare,
    Binding,
    Call,
    Definition,
    Einsum,
    Expr,
    Index,
    Lambda,
    Name,
    Number,
    Product,
    Program,
    Signature,
    Slot,
    Special,
    Sum,
    free_names,
)
from hessbench.tcd.types import SCALAR, UNKNOWN, FunctionType, TensorType, Type, Unknown, tensor_of_slot

MAX_CALL_DEPTH = 12
MAX_BODIES = 5_000
"""Beyond these the checker gives up on a call and says nothing about it."""


class Checker(Inference):
    """Infers types; findings collect in `findings`, each place and message once.

    Args: `types`, the environment (see `types.problem_types`). Raises nothing on bad programs.
    """

    def __init__(self, types: Mapping[str, Type]) -> None:
        super().__init__()
        self.environment: dict[str, Type] = {"ODE": ode_type(self), "OBP": obp_type(self), **types}
        self._defined: dict[str, Pos] = {}
        self._used: set[Pos] = set()
        self._bindings: dict[Pos, str] = {}
        self._pending: dict[int, tuple[Lambda, Scope]] = {}
        self._bodies = 0
        self._depth = 0

    def program(self, program: Program) -> Type:
        """The type of the program's result: its last bare expression, else its last definition."""
        scope = Scope(dict(self.environment))
        result: Type = UNKNOWN
        bare = any(isinstance(s, Bare) for s in program.statements)
        last = next((s for s in reversed(program.statements) if isinstance(s, Definition)), None)
        for statement in program.statements:
            if isinstance(statement, Signature):
                check_signature(self, statement, scope)
            elif isinstance(statement, Bare):
                result = self.expr(statement.expr, scope)
            else:
                value = self._definition(statement, scope, "definition" if bare or statement is not last else "")
                result = result if bare else value
        self._check_uncalled()
        self._report_unused()
        return result

    def expr(self, expr: Expr, scope: Scope) -> Type:
        """The type of an expression."""
        match expr:
            case Number():
                value = expr.value
                return TensorType((), Size.of(value)) if isinstance(value, int) else SCALAR
            case Name():
                return self._name(expr, scope)
            case Sum():
                return self._arithmetic([(t.sign, t.expr) for t in expr.terms], scope)
            case Product():
                return self._arithmetic([(f.op, f.expr) for f in expr.factors], scope)
            case Index():
                return infer_index(self, self.expr(expr.base, scope), expr, scope)
            case Call():
                return self._call(expr, scope)
            case Lambda():
                return self._lambda(expr, scope)
            case Special():
                return infer_special(self, expr, scope)
            case Einsum():
                return infer_einsum(self, expr, scope)

    def integer(self, expr: Expr, scope: Scope) -> Size | None:
        """The symbolic value of an integer expression, if known."""
        return infer_integer(self, expr, scope)

    def _name(self, node: Name, scope: Scope) -> Type:
        if node.id not in scope.types:
            self.error(
                "unbound",
                f"nothing is named `{node.id}` here",
                node.pos,
                suggestion=did_you_mean(node.id, scope.types) or f"make it a slot: `^({node.id}[:], ...) -> ...`",
            )
            scope.types[node.id] = UNKNOWN
            return UNKNOWN
        if node.id in scope.origin:
            self._used.add(scope.origin[node.id])
        value = scope.types[node.id]
        if node.suffix and isinstance(value, TensorType):
            self.error("rank", f"`{node.id}` is {value}, not a function", node.pos, suggestion=f"`{node.id}`")
            return UNKNOWN
        return value

    def _arithmetic(self, parts: list[tuple[str, Expr]], scope: Scope) -> Type:
        result: TensorType | None = None
        for i, (op, expr) in enumerate(parts):
            value = self.tensor(expr, scope)
            if value is None:
                continue
            if i == 0 or result is None:
                negate = i == 0 and op == "-" and value.value is not None
                result = TensorType(value.shape, -value.value) if negate and value.value else value
                continue
            shape = broadcast(
                self, result.shape, value.shape, expr.pos, {"/": "quotient", "*": "product"}.get(op, "sum")
            )
            result = None if shape is None else TensorType(shape, combined(op, result.value, value.value))
        return UNKNOWN if result is None else result

    def bind(self, binding: Binding, value: Type, scope: Scope, kind: str) -> None:
        """Checks a value against its slot and makes it visible. `kind` is "" where an unused name is no mistake."""
        slot = binding.slot
        fits = self.fits(slot, value, binding.expr.pos if binding.expr is not None else slot.pos)
        if (isinstance(value, Unknown) or not fits) and slot.rank is not None:
            # What follows is checked against the slot, so that one mistake is reported once.
            value = UNKNOWN if slot.rank == FUNCTION_RANK else TensorType((None,) * slot.rank)
        scope.types[slot.name] = value
        scope.origin[slot.name] = slot.pos
        if kind:
            self._bindings.setdefault(slot.pos, f"{kind} `{slot.name}`")

    def _lambda(self, node: Lambda, scope: Scope) -> Type:
        self.duplicates(node.args)
        unbound = tuple(a.slot for a in node.args if a.expr is None)
        if not unbound:
            return self._body(node, scope.copy(), {})
        known: dict[tuple[Type, ...], Type] = {}
        captured = scope.copy()

        def apply(args: Mapping[str, Type], pos: Pos) -> Type:
            key = tuple(args[s.name] for s in unbound)
            if key not in known:
                self._pending.pop(id(node), None)
                known[key] = UNKNOWN
                known[key] = self._body(node, captured.copy(), args)
            return known[key]

        self._pending[id(node)] = (node, captured)
        return FunctionType(unbound, apply)

    def _body(self, node: Lambda, scope: Scope, args: Mapping[str, Type]) -> Type:
        if self._depth >= MAX_CALL_DEPTH or self._bodies >= MAX_BODIES:
            return UNKNOWN
        self._bodies += 1
        self._depth += 1
        for arg in node.args:
            value = args[arg.slot.name] if arg.expr is None else self.expr(arg.expr, scope)
            self.bind(arg, value, scope, "" if arg.expr is None else "binding")
        result = self.expr(node.body, scope)
        self._depth -= 1
        return result

    def _call(self, node: Call, scope: Scope) -> Type:
        callee = self.expr(node.callee, scope)
        self.duplicates(node.args)
        if isinstance(callee, TensorType):
            self.error("argument", f"{callee} cannot be called", node.pos, expected="a function")
        inner = scope.copy()
        given: dict[str, Type] = {}
        for arg in node.args:
            assert arg.expr is not None
            self._warn_capture(arg, given, scope)
            self.bind(arg, self.expr(arg.expr, inner), inner, "")
            given[arg.slot.name] = inner.types[arg.slot.name]
        if not isinstance(callee, FunctionType):
            return UNKNOWN
        return self._apply(callee, node, given)

    def _apply(self, callee: FunctionType, node: Call, given: dict[str, Type]) -> Type:
        slots = {s.name: s for s in callee.slots}
        for arg in node.args:
            slot = slots.get(arg.slot.name)
            if slot is None:
                self.error(
                    "argument",
                    f"`{show_slot(arg.slot)}` is no unbound slot of this function",
                    arg.pos,
                    expected=", ".join(f"`{show_slot(s)}`" for s in callee.slots) or "no argument",
                    suggestion=did_you_mean(arg.slot.name, slots),
                )
                return UNKNOWN
            elif not self.fits(slot, given[slot.name], arg.pos):
                given[slot.name] = UNKNOWN
        rest = tuple(s for s in callee.slots if s.name not in given)
        if rest:
            name = node.callee.id if isinstance(node.callee, Name) else ""
            begun = (name, node.pos) if name and given else callee.begun
            return FunctionType(rest, lambda more, pos: callee.apply({**given, **more}, pos), begun)
        return callee.apply(given, node.pos)

    def _warn_capture(self, arg: Binding, given: Mapping[str, Type], scope: Scope) -> None:
        if not given or arg.expr is None:
            return
        for name, pos in free_names(arg.expr).items():
            if name in given and name in scope.types:
                self.warn(
                    "capture",
                    f"`{name}` is the slot bound earlier in this call, not the `{name}` outside it",
                    pos,
                    suggestion="give the outer one another name if it is meant",
                )

    def _definition(self, statement: Definition, scope: Scope, kind: str) -> Type:
        binding = statement.binding
        name = binding.slot.name
        assert binding.expr is not None
        value = self.expr(binding.expr, scope)
        if name in self._defined:
            line = self._defined[name].line
            self.error("duplicate", f"`{name}` is defined twice, first at line {line}", statement.pos)
        self._defined.setdefault(name, statement.pos)
        self.bind(binding, value, scope, kind)
        return scope.types[name]

    def _report_unused(self) -> None:
        for pos, what in self._bindings.items():
            if pos not in self._used:
                self.warn("unused", f"{what} is never used", pos)

    def _check_uncalled(self) -> None:
        while self._pending:
            _, (node, scope) = self._pending.popitem()
            self._depth = 0
            self._body(node, scope.copy(), {a.slot.name: self._assumed(a.slot) for a in node.args if a.expr is None})

    def _assumed(self, slot: Slot) -> Type:
        """The type of a slot of a function that is never called: a run binds it to what is named like it."""
        known = self.environment.get(slot.name)
        same = isinstance(known, TensorType) and slot.rank == len(known.shape)
        same = same or (isinstance(known, FunctionType) and slot.rank == FUNCTION_RANK)
        return known if known is not None and same else tensor_of_slot(slot)
