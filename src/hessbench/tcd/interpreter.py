"""The interpreter: walks a program's tree and computes with JAX; what it computes can be jitted and differentiated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hessbench.tcd.calculus import builtins, differentiated
from hessbench.tcd.errors import START, TcdRunError, did_you_mean
from hessbench.tcd.operations import as_number, combine, einsum, index_tensor, negate, special
from hessbench.tcd.syntax import (
    Bare,
    Call,
    Definition,
    Diff,
    Einsum,
    Expr,
    Index,
    Lambda,
    Name,
    Number,
    Product,
    Program,
    Range,
    Special,
    Sum,
)
from hessbench.tcd.values import Function, Options, Value, bind, describe, require_finished, require_fit

MAX_CALL_DEPTH = 40

Scope = dict[str, Value]


class Interpreter:
    """Evaluates programs and expressions in an environment of values. Raises `TcdRunError`, with the place."""

    def __init__(self, environment: Mapping[str, Value], options: Options) -> None:
        self.environment: Scope = {**builtins(options), **environment}
        self._options = options
        self._evaluations = 0
        self._depth = 0

    def program(self, program: Program) -> Value:
        """The value of the last bare expression, else of the last definition."""
        scope = dict(self.environment)
        result: Value = None
        last: Value = None
        for statement in program.statements:
            if isinstance(statement, Bare):
                result = self._guarded(statement.expr, scope)
            elif isinstance(statement, Definition):
                binding = statement.binding
                assert binding.expr is not None
                last = self._guarded(binding.expr, scope)
                require_fit(binding.slot, last, binding.expr.pos)
                scope[binding.slot.name] = last
        result = last if result is None else result
        if result is None:
            raise TcdRunError("the program has no result", START, expected="an expression or a definition")
        return result

    def _guarded(self, expr: Expr, scope: Scope) -> Value:
        """An expression's value; what Python or JAX raise on the way becomes an error at the expression."""
        try:
            return self.expr(expr, scope)
        except (TypeError, ValueError, ArithmeticError, IndexError) as error:
            message = str(error).split("\n")[0]
            raise TcdRunError(f"{type(error).__name__}: {message}", expr.pos) from error
        except RecursionError:
            raise TcdRunError("calls and expressions nest too deeply", expr.pos, code="depth") from None

    def expr(self, expr: Expr, scope: Scope) -> Value:
        """An expression's value."""
        self._evaluations += 1
        if self._evaluations > self._options.max_evaluations:
            message = f"the program takes more than {self._options.max_evaluations} evaluations"
            raise TcdRunError(message, expr.pos, code="limit")
        match expr:
            case Number():
                return as_number(expr)
            case Name():
                return self._name(expr, scope)
            case Sum():
                first, *rest = expr.terms
                value = self.tensor(first.expr, scope)
                value = negate(value) if first.sign == "-" else value
                for term in rest:
                    value = combine(term.sign, value, self.tensor(term.expr, scope), term.pos, self._options)
                return value
            case Product():
                value = self.tensor(expr.factors[0].expr, scope)
                for factor in expr.factors[1:]:
                    value = combine(factor.op, value, self.tensor(factor.expr, scope), factor.pos, self._options)
                return value
            case Index():
                return self._index(expr, scope)
            case Call():
                return self._call(expr, scope)
            case Lambda():
                return self._lambda(expr, scope)
            case Special():
                return special(expr, [self.tensor(a, scope) for a in expr.args], self._options)
            case Einsum():
                return einsum(expr, [self.tensor(f.expr, scope) for f in expr.factors], self._options)

    def tensor(self, expr: Expr, scope: Scope) -> Value:
        """The value of an expression that must be a tensor."""
        value = self.expr(expr, scope)
        if isinstance(value, Function):
            require_finished(value)
            raise TcdRunError(f"{value} where a tensor is needed", expr.pos, suggestion="bind its slots in a call")
        return value

    def _name(self, node: Name, scope: Scope) -> Value:
        if node.id not in scope:
            raise TcdRunError(
                f"nothing is named `{node.id}` here", node.pos, code="unbound", suggestion=did_you_mean(node.id, scope)
            )
        value = scope[node.id]
        if node.suffix and not isinstance(value, Function):
            raise TcdRunError(f"`{node.id}` is {describe(value)}, not a function", node.pos)
        return value

    def _index(self, node: Index, scope: Scope) -> Value:
        base = self.expr(node.base, scope)
        bounds = [self._bounds(item, scope) for item in node.items]

        def finish(value: Value, slot_ranks: list[int]) -> Value:
            return index_tensor(value, node, bounds, slot_ranks)

        if isinstance(base, Function):
            return differentiated(base, node, finish)
        for item in node.items:
            if isinstance(item, Diff):
                message = f"{describe(base)} has no slots to differentiate with respect to"
                raise TcdRunError(message, item.pos, expected="a function")
        return finish(base, [])

    def _bounds(self, item: object, scope: Scope) -> list[Value]:
        if isinstance(item, Range):
            return [None if e is None else self.tensor(e, scope) for e in (item.start, item.stop, item.step)]
        index = getattr(item, "index", None)
        return [] if index is None else [self.tensor(index, scope)]

    def _call(self, node: Call, scope: Scope) -> Value:
        callee = self.expr(node.callee, scope)
        if not isinstance(callee, Function):
            raise TcdRunError(f"{describe(callee)} cannot be called", node.pos, expected="a function")
        inner = dict(scope)
        given: Scope = {}
        for arg in node.args:
            assert arg.expr is not None
            value = self.expr(arg.expr, inner)
            require_fit(arg.slot, value, arg.pos)
            if arg.slot.name in given:
                raise TcdRunError(f"slot `{arg.slot.name}` occurs twice", arg.pos, code="duplicate")
            given[arg.slot.name] = inner[arg.slot.name] = value
        value = bind(callee, given, node.pos)
        if isinstance(value, Function) and given and isinstance(node.callee, Name) and len(given) < len(callee.slots):
            return replace(value, begun=(node.callee.id, node.pos))
        return value

    def _lambda(self, node: Lambda, scope: Scope) -> Value:
        unbound = tuple(a.slot for a in node.args if a.expr is None)
        if not unbound:
            return self._body(node, scope, {})
        return Function(unbound, lambda args, pos: self._body(node, scope, args))

    def _body(self, node: Lambda, scope: Scope, args: Mapping[str, Value]) -> Value:
        if self._depth >= MAX_CALL_DEPTH:
            raise TcdRunError(f"calls nest deeper than {MAX_CALL_DEPTH}", node.pos, code="depth")
        self._depth += 1
        try:
            inner = dict(scope)
            for arg in node.args:
                value = args[arg.slot.name] if arg.expr is None else self.expr(arg.expr, inner)
                require_fit(arg.slot, value, arg.pos)
                inner[arg.slot.name] = value
            return self.expr(node.body, inner)
        finally:
            self._depth -= 1
