"""Straight-line form: a program as one list of bindings and a result, the form that reverse mode works on.

Functions are followed to where they are called. A named function that captures nothing and solves no `ODE` keeps its
name and is differentiated as a whole, by `d slot`; others are replaced by their bindings, renamed where a name would
occur twice. An `ODE` always gets a binding of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hessbench.tcd.build import call
from hessbench.tcd.checker import Checker
from hessbench.tcd.errors import Pos, TcdDeriveError
from hessbench.tcd.functions import Builtin, Closure, Field, FunctionValue, Indexed, Partial, SymbolicScope, binders
from hessbench.tcd.parameters import parameter_state
from hessbench.tcd.scope import Scope
from hessbench.tcd.syntax import (
    At,
    Binding,
    Call,
    Diff,
    Einsum,
    EsFactor,
    Expr,
    Factor,
    Index,
    Item,
    Lambda,
    Name,
    Number,
    Product,
    Range,
    Slot,
    Special,
    Sum,
    Term,
    free_names,
)
from hessbench.tcd.types import FunctionType, TensorType, Type

MAX_STEPS = 2_000

Symbol = Expr | FunctionValue


class Straight(NamedTuple):
    """Unbound slots, bindings in order, and the scalar result."""

    slots: tuple[Slot, ...]
    steps: list[Binding]
    result: Expr


class Flattener:
    """Collects `steps`; `types` holds the types of all names they may use, and of the steps themselves."""

    def __init__(self, checker: Checker, scope: Scope, used: set[str], wrt: str) -> None:
        self.checker = checker
        self.types = scope
        self.steps: list[Binding] = []
        self.used = used
        self.active = {wrt}

    def fresh(self, hint: str) -> str:
        """A name for a new step: the hint, or the hint with a number."""
        name, k = hint, 1
        while name in self.used:
            k += 1
            name = f"{hint}_{k}"
        self.used.add(name)
        return name

    def infer(self, expr: Expr) -> Type:
        """The type of an expression over the names of the steps; raises what the checker finds."""
        value = self.checker.expr(expr, self.types)
        for finding in self.checker.findings.values():
            if finding.severity == "error":
                raise TcdDeriveError(finding.message, expr.pos, expected=finding.expected)
        return value

    def step(self, hint: str, expr: Expr, kind: Type | None = None) -> Name:
        """Binds an expression to a name of its own."""
        if len(self.steps) >= MAX_STEPS:
            raise TcdDeriveError(f"the program unfolds to more than {MAX_STEPS} bindings", expr.pos, code="limit")
        value = self.infer(expr) if kind is None else kind
        name = self.fresh(hint)
        rank = len(value.shape) if isinstance(value, TensorType) else -1 if isinstance(value, FunctionType) else None
        self.types.types[name] = value
        self.steps.append(Binding(Slot(name, rank), expr))
        if not self.active.isdisjoint(free_names(expr)):
            self.active.add(name)
        return Name(name, pos=expr.pos)

    def flat(self, expr: Expr, scope: SymbolicScope, hint: str = "value") -> Symbol:
        """An expression over step names; `hint` is the name of what it will be bound to."""
        match expr:
            case Number():
                return expr
            case Name():
                if expr.id not in scope:
                    raise TcdDeriveError(f"nothing is named `{expr.id}` here", expr.pos)
                return scope[expr.id]
            case Lambda():
                return self._lambda(expr, scope, hint)
            case Call():
                return self._call(expr, scope, hint)
            case Index():
                return self._index(expr, scope)
            case Sum():
                terms = (Term(t.sign, self.tensor(t.expr, scope), pos=t.pos) for t in expr.terms)
                return Sum(tuple(terms), pos=expr.pos)
            case Product():
                factors = (Factor(f.op, self.tensor(f.expr, scope), pos=f.pos) for f in expr.factors)
                return Product(tuple(factors), pos=expr.pos)
            case Special():
                return Special(expr.op, tuple(self.tensor(a, scope) for a in expr.args), pos=expr.pos)
            case Einsum():
                sums = (EsFactor(self.tensor(f.expr, scope), f.indices, pos=f.pos) for f in expr.factors)
                return Einsum(tuple(sums), expr.result, pos=expr.pos)

    def tensor(self, expr: Expr, scope: SymbolicScope, hint: str = "value") -> Expr:
        """`flat` of an expression that must be a tensor."""
        value = self.flat(expr, scope, hint)
        if isinstance(value, FunctionValue):
            raise TcdDeriveError("a function where a tensor is needed", expr.pos)
        return value

    def atom(self, expr: Expr, hint: str) -> Expr:
        """A name or a number that stands for an expression."""
        return expr if isinstance(expr, Name | Number) else self.step(hint, expr)

    def bind(self, binding: Binding, scope: SymbolicScope) -> None:
        """Makes a binding of the program a step, and its name visible."""
        assert binding.expr is not None
        name = binding.slot.name
        before = len(self.steps)
        value = self.flat(binding.expr, scope, name)
        if isinstance(value, Closure) and value.name is None and not value.captures(self.active):
            value = value.named(self.step(name, value.expr(self.active)).id)
        elif not isinstance(value, FunctionValue):
            last = self.steps[-1].slot.name if len(self.steps) > before else ""
            value = value if isinstance(value, Name) and value.id == last else self.step(name, value)
        scope[name] = value

    def _lambda(self, node: Lambda, scope: SymbolicScope, hint: str) -> Symbol:
        slots = tuple(a.slot for a in node.args if a.expr is None)
        if slots:
            return Closure(slots, node, dict(scope))
        return self.inline(node, dict(scope), {}, hint)

    def inline(self, node: Lambda, scope: SymbolicScope, args: Mapping[str, Symbol], hint: str) -> Symbol:
        """Replaces a function by its bindings; the value of its body."""
        for arg in node.args:
            if arg.expr is not None:
                self.bind(arg, scope)
                continue
            value = args[arg.slot.name]
            if not isinstance(value, FunctionValue):
                value = self.atom(value, arg.slot.name)
                if isinstance(value, Name) and value.id in binders(node):
                    value = self.step(arg.slot.name, value)
            scope[arg.slot.name] = value
        return self.flat(node.body, scope, hint)

    def _call(self, node: Call, scope: SymbolicScope, hint: str) -> Symbol:
        callee = self.flat(node.callee, scope)
        if not isinstance(callee, FunctionValue):
            raise TcdDeriveError("a tensor cannot be called", node.pos)
        inner, given = dict(scope), {}
        # Arguments of an `ODE` are named after its result: the names `t0` and `t1` are its own slots.
        prefix = f"{hint}_" if isinstance(callee, Builtin) else ""
        for arg in node.args:
            assert arg.expr is not None
            value = self.flat(arg.expr, inner, prefix + arg.slot.name)
            if not isinstance(value, FunctionValue):
                value = self.atom(value, prefix + arg.slot.name)
            given[arg.slot.name] = inner[arg.slot.name] = value
        return self.apply(callee, given, node.pos, hint)

    def apply(self, callee: FunctionValue, args: Mapping[str, Symbol], pos: Pos, hint: str) -> Symbol:
        """The value of a call, or the function of the rest if slots are left."""
        rest = tuple(s for s in callee.slots if s.name not in args)
        if rest:
            return Partial(rest, callee, dict(args))
        match callee:
            case Partial():
                return self.apply(callee.base, {**callee.args, **args}, pos, hint)
            case Builtin(name="ODE"):
                return self._ode(args, pos, hint)
            case Builtin():
                return Field((Slot("y", 1),), self._function(args["ydot"], pos))
            case Indexed():
                return self._apply_indexed(callee, args, pos, hint)
            case Closure():
                return self._apply_closure(callee, args, pos, hint)
        return self._keep(callee.expr(self.active), args, pos)

    def _apply_closure(self, callee: Closure, args: Mapping[str, Symbol], pos: Pos, hint: str) -> Symbol:
        functional = any(isinstance(a, FunctionValue) for a in args.values())
        if callee.name is not None and not functional and not callee.solves():
            kept = self._keep(Name(callee.name, pos=pos), args, pos)
            if isinstance(self.infer(kept), TensorType):
                return kept
        return self.inline(callee.node, dict(callee.scope), args, hint)

    def _apply_indexed(self, callee: Indexed, args: Mapping[str, Symbol], pos: Pos, hint: str) -> Symbol:
        if any(isinstance(i, Diff) for i in callee.items):
            base: FunctionValue = callee.base
            bound = {n: a for n, a in args.items() if isinstance(a, FunctionValue)}
            while isinstance(base, Partial):
                args = {**base.args, **args}
                bound |= {n: a for n, a in base.args.items() if isinstance(a, FunctionValue)}
                base = base.base
            function = base.expr(self.active)
            if bound:
                function = self._safe_call(
                    function, [(Slot(n, -1), a.expr(self.active)) for n, a in bound.items()], pos
                )
            tensors = {n: a for n, a in args.items() if n not in bound}
            return self._keep(Index(function, callee.items, pos=pos), tensors, pos)
        value = self.apply(callee.base, args, pos, hint)
        if isinstance(value, FunctionValue):
            raise TcdDeriveError("cannot derive through an index on a function-valued result", pos)
        return Index(value, callee.items, pos=pos)

    def _keep(self, function: Expr, args: Mapping[str, Symbol], pos: Pos) -> Expr:
        """A call that stays a call; its arguments become names."""
        functions = [(Slot(n, -1), a.expr(self.active)) for n, a in args.items() if isinstance(a, FunctionValue)]
        if functions:
            function = self._safe_call(function, functions, pos)
        tensors: list[tuple[Slot, Expr]] = []
        for name, value in args.items():
            if not isinstance(value, FunctionValue):
                expr = self.atom(value, name)
                kind = self.infer(expr)
                tensors.append((Slot(name, len(kind.shape) if isinstance(kind, TensorType) else None), expr))
        return self._safe_call(function, tensors, pos)

    def _safe_call(self, callee: Expr, args: Sequence[tuple[Slot, Expr]], pos: Pos) -> Expr:
        try:
            node = call(callee, args)
        except ValueError:
            # Arguments that name each other's slots: other names for them settle it.
            node = call(callee, [(s, self.step(f"{s.name}_value", e)) for s, e in args])
        return Call(node.callee, node.args, pos=pos)

    def _function(self, value: Symbol, pos: Pos) -> FunctionValue:
        if not isinstance(value, FunctionValue):
            raise TcdDeriveError("a tensor where a function is needed", pos)
        return value

    def _ode(self, args: Mapping[str, Symbol], pos: Pos, hint: str) -> Expr:
        field = self._function(args["ydot"], pos)
        values = {n: self.atom(a, n) for n, a in args.items() if not isinstance(a, FunctionValue)}
        captured = field.captures(self.active)
        if captured:
            return self._ode_with_parameters(field, values, captured, pos, hint)
        return self.step(hint, self._solve(field.expr(self.active), values, pos))

    def _solve(self, field: Expr, values: Mapping[str, Expr], pos: Pos) -> Expr:
        tensors = [(Slot(n, 1 if n == "y" else 0), values[n]) for n in ("y", "t0", "t1")]
        return self._safe_call(Name("ODE"), [(Slot("ydot", -1), field), *tensors], pos)

    def _ode_with_parameters(
        self, field: FunctionValue, values: Mapping[str, Expr], captured: list[str], pos: Pos, hint: str
    ) -> Expr:
        """A field that depends on active quantities: they join the state as components that stand still."""
        made = field.expr(self.active)
        state = parameter_state(self.infer, made, field.slots[0], values["y"], captured, self.fresh("w"), pos)
        name = Name(self.step(f"{hint}_field", state.field).id)
        solved = self.step(
            f"{hint}_state", self._solve(name, {**values, "y": self.step(f"{hint}_start", state.start)}, pos)
        )
        return self.step(hint, Index(solved, (state.own,), pos=pos))

    def _index(self, node: Index, scope: SymbolicScope) -> Symbol:
        base = self.flat(node.base, scope)
        items = tuple(self._item(i, scope) for i in node.items)
        if isinstance(base, FunctionValue):
            return Indexed(base.slots, base, items)
        return Index(base, items, pos=node.pos)

    def _item(self, item: Item, scope: SymbolicScope) -> Item:
        if isinstance(item, At):
            return At(self.tensor(item.index, scope), pos=item.pos)
        if isinstance(item, Range):
            parts = (None if e is None else self.tensor(e, scope) for e in (item.start, item.stop, item.step))
            return Range(*parts, pos=item.pos)
        return item
