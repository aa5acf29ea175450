"""`tcd.derive`: from a program for an objective, the program of its gradient, or of one row of its Hessian.

Griewank & Walther, "Evaluating Derivatives", 2nd ed., chapters 3 and 5: reverse mode, and reverse mode applied to the
gradient program; for `ODE` both times the costate equation, as in arXiv:2301.08085.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from hessbench.tcd.build import ONE_EXPR, onehot, zeros
from hessbench.tcd.check_signature import check_signature
from hessbench.tcd.checker import Checker
from hessbench.tcd.errors import START, TcdDeriveError, TcdError
from hessbench.tcd.flatten import Flattener, Straight, Symbol
from hessbench.tcd.functions import Builtin, Closure, FunctionValue, Known, SymbolicScope
from hessbench.tcd.parser import parse
from hessbench.tcd.reverse import Sweep, live
from hessbench.tcd.scope import Scope
from hessbench.tcd.sizes import Size, size_expr
from hessbench.tcd.syntax import (
    FUNCTION_RANK,
    Bare,
    Binding,
    Definition,
    Expr,
    Lambda,
    Name,
    Program,
    Signature,
    Slot,
    Special,
    Statement,
)
from hessbench.tcd.types import FunctionType, TensorType, Type, problem_types, tensor_of_slot

Order = Literal["gradient", "hessian"]
Sizes = Mapping[str, Sequence[int | str] | int | str]


def derive(
    program: Program | str,
    wrt: str,
    *,
    order: Order = "gradient",
    row: str = "j",
    sizes: Sizes | None = None,
    types: Mapping[str, Type] | None = None,
) -> Program:
    """The program of an objective's gradient, or of row `row` of its Hessian, with respect to `wrt`.

    Args: `program`, whose result is a scalar or a function that returns one; `wrt`, a tensor slot of that function or
    a tensor of the environment; `sizes`, lengths of slots that the environment does not know, numbers or names of
    integers (`{"x": "dim"}`); `types`, the environment (`problem_types()` by default). The result is one function:
    the objective's slots, its bindings, their sensitivities in reverse order, and the gradient (or the row) with the
    shape of `wrt`.
    Raises `TcdError`, with the place, for a program with mistakes or a construct that has no derivative here.
    """
    tree = parse(program) if isinstance(program, str) else program
    environment = {**(problem_types() if types is None else types)}
    try:
        _require_correct(tree, environment)
        return _Derivation(tree, wrt, environment, sizes or {}).write(order, row)
    except TcdError as error:
        raise error.locate(tree.source) from None
    except RecursionError:
        raise TcdDeriveError("calls and expressions nest too deeply", START, code="depth").locate(tree.source) from None


def _require_correct(tree: Program, environment: Mapping[str, Type]) -> None:
    checker = Checker(environment)
    checker.program(tree)
    errors = [f for f in checker.findings.values() if f.severity == "error"]
    if errors:
        first = min(errors, key=lambda f: (f.pos.line, f.pos.column))
        raise TcdDeriveError(
            first.message, first.pos, code=first.code, expected=first.expected, suggestion=first.suggestion
        )


class _Derivation:
    """A program in straight-line form, ready to be swept."""

    def __init__(self, tree: Program, wrt: str, environment: dict[str, Type], sizes: Sizes) -> None:
        self.tree, self.wrt, self.sizes = tree, wrt, sizes
        self.checker = Checker(environment)
        self.environment = self.checker.environment
        for statement in tree.statements:
            if isinstance(statement, Signature):
                self._declare(statement)
        self.scope = Scope(dict(self.environment))
        self.used = set(self.environment)
        self.flat = Flattener(self.checker, self.scope, self.used, wrt)
        self.straight = self._straighten()
        self.identities: dict[Size, str] = {}

    def _declare(self, statement: Signature) -> None:
        probe = Checker(self.environment)
        scope = Scope(dict(self.environment))
        check_signature(probe, statement, scope)
        self.environment.update(scope.types)

    def _symbols(self) -> SymbolicScope:
        symbols: SymbolicScope = {}
        for name, kind in self.environment.items():
            if name in ("ODE", "OBP"):
                assert isinstance(kind, FunctionType)
                symbols[name] = Builtin(kind.slots, name)
            else:
                symbols[name] = Known(kind.slots, name) if isinstance(kind, FunctionType) else Name(name)
        return symbols

    def _straighten(self) -> Straight:
        symbols = self._symbols()
        result: Expr | FunctionValue | None = None
        last: Statement | None = None
        bare = [s for s in self.tree.statements if isinstance(s, Bare)]
        for statement in self.tree.statements:
            if isinstance(statement, Definition):
                self.used.discard(statement.binding.slot.name)
                self.flat.bind(statement.binding, symbols)
                if not bare:
                    result, last = symbols[statement.binding.slot.name], statement
            elif isinstance(statement, Bare) and statement is bare[-1]:
                result, last = self.flat.flat(statement.expr, symbols), statement
        if result is None or last is None:
            raise TcdDeriveError("the program has no result", START)
        return self._objective(result, last)

    def _objective(self, result: Expr | FunctionValue, last: Statement) -> Straight:
        """The result's unbound slots as inputs, and its value."""
        slots: tuple[Slot, ...] = ()
        if isinstance(result, FunctionValue):
            names = [s.name for s in result.slots]
            if self.wrt not in names:
                raise TcdDeriveError(
                    f"the objective has no slot `{self.wrt}`", last.pos, expected=", ".join(f"`{n}`" for n in names)
                )
            slots = tuple(self._input(s) for s in result.slots)
            if isinstance(result, Closure):
                result = result.named("") if result.name is None else result
            if next(s for s in slots if s.name == self.wrt).rank == FUNCTION_RANK:
                raise TcdDeriveError(f"`{self.wrt}` is a function", last.pos, expected="a tensor to differentiate by")
            args = {s.name: self._argument(s) for s in slots}
            value = self._unfold(result, args, last)
        elif isinstance(self.environment.get(self.wrt), TensorType):
            kind = self.environment[self.wrt]
            assert isinstance(kind, TensorType)
            slots = (Slot(self.wrt, len(kind.shape)),)
            value = result
        else:
            known = [n for n, t in self.environment.items() if isinstance(t, TensorType) and t.value is None]
            raise TcdDeriveError(
                f"nothing is named `{self.wrt}`", last.pos, expected=", ".join(f"`{n}`" for n in known)
            )
        if isinstance(value, FunctionValue):
            raise TcdDeriveError("cannot derive a function-valued result", last.pos, expected="a scalar")
        kind = self.flat.infer(value)
        if not isinstance(kind, TensorType) or kind.shape:
            raise TcdDeriveError(f"the objective is {kind}", last.pos, expected="a scalar")
        return Straight(slots, self.flat.steps, value)

    def _argument(self, slot: Slot) -> Symbol:
        """What an input is inside: its name, or the function of the environment that it is called like."""
        kind = self.scope.types[slot.name]
        return Known(kind.slots, slot.name) if isinstance(kind, FunctionType) else Name(slot.name)

    def _unfold(self, function: FunctionValue, args: dict[str, Symbol], last: Statement) -> Expr | FunctionValue:
        if isinstance(function, Closure):
            return self.flat.inline(function.node, dict(function.scope), args, "result")
        return self.flat.apply(function, args, last.pos, "result")

    def _input(self, slot: Slot) -> Slot:
        """An unbound slot of the objective as an input, with the lengths that are known of it."""
        known = self.environment.get(slot.name)
        if slot.name in self.sizes:
            given = self.sizes[slot.name]
            lengths = (given,) if isinstance(given, int | str) else tuple(given)
            kind: Type = TensorType(tuple(Size.of(n) for n in lengths))
        elif isinstance(known, TensorType) and slot.rank in (None, len(known.shape)):
            kind = known
        else:
            kind = tensor_of_slot(slot)
        if slot.rank == FUNCTION_RANK and isinstance(known, FunctionType):
            self.scope.types[slot.name] = known  # a run binds it to that one
            self.used.add(slot.name)
            return Slot(slot.name, FUNCTION_RANK)
        if slot.rank == FUNCTION_RANK:
            message = f"nothing is known about what slot `{slot.name}{{}}` of the objective returns"
            raise TcdDeriveError(message, slot.pos, suggestion="a function of the environment, or of the program")
        if not isinstance(kind, TensorType):
            raise TcdDeriveError(f"the rank of slot `{slot.name}` is not stated", slot.pos, suggestion="write `x[:]`")
        if slot.rank not in (None, len(kind.shape)):
            raise TcdDeriveError(f"sizes for slot `{slot.name}` say {kind}", slot.pos)
        self.scope.types[slot.name] = kind
        self.used.add(slot.name)
        return Slot(slot.name, len(kind.shape))

    def write(self, order: Order, row: str) -> Program:
        """The derived program."""
        steps, result = self.straight.steps, self.straight.result
        kind = self.scope.types[self.wrt]
        assert isinstance(kind, TensorType)
        sections = {"the objective": steps}
        gradient = self._sweep(steps, result, ONE_EXPR, "s", "from the objective")
        if gradient is None:
            return self._program({}, self._zero(kind))
        sections[f"the gradient: sensitivities s_x of the objective to each x, down to {self.wrt}"] = gradient
        result = Name(gradient[-1].slot.name)
        if order == "hessian":
            second = self._sweep(steps + gradient, result, self._unit(kind, row), "z", f"row {row} of the Hessian")
            if second is None:
                return self._program({}, self._zero(kind))
            heading = f"row {row} of the Hessian: sensitivities z_x of component {row} of the gradient to each x"
            sections[heading] = second
            result = Name(second[-1].slot.name)
        return self._program(sections, result)

    def _sweep(self, steps: list[Binding], result: Expr, seed: Expr, prefix: str, origin: str) -> list[Binding] | None:
        sweep = Sweep(
            self.checker,
            self.scope,
            steps,
            wrt=self.wrt,
            prefix=prefix,
            used=self.used,
            identities=self.identities,
        )
        return sweep.new if sweep.run(result, seed, origin) is not None else None

    def _unit(self, kind: TensorType, row: str) -> Expr:
        """The unit tensor of the shape of `wrt` whose component `row`, counted row by row, is 1."""
        rules = Sweep(self.checker, self.scope, [], wrt=self.wrt, prefix="z", used=self.used, identities={})
        shape = [rules.stated(n, START) for n in kind.shape]
        if not shape:
            return ONE_EXPR
        count = Size.of(1)
        for length in shape:
            count = count * length
        unit = onehot(Name(row), count)
        return unit if len(shape) == 1 else Special("reshape", (unit, *(size_expr(n) for n in shape)))

    def _zero(self, kind: TensorType) -> Expr:
        rules = Sweep(self.checker, self.scope, [], wrt=self.wrt, prefix="z", used=self.used, identities={})
        return zeros([rules.stated(n, START) for n in kind.shape])

    def _program(self, sections: dict[str, list[Binding]], result: Expr) -> Program:
        """The bindings that the result needs, each section under its heading."""
        kept = {s.slot.name for s in live([s for steps in sections.values() for s in steps], result)}
        args = [Binding(s) for s in self.straight.slots]
        for heading, steps in sections.items():
            for step in (s for s in steps if s.slot.name in kept):
                args.append(replace(step, heading=heading))
                heading = ""
        signatures = tuple(s for s in self.tree.statements if isinstance(s, Signature))
        return Program((*signatures, Bare(Lambda(tuple(args), result))))
