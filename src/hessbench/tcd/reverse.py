"""One reverse sweep over a straight-line program: from bindings and a result to the bindings of its derivative."""

from __future__ import annotations

from hessbench.tcd.build import add, call, es, letters, neg, zeros
from hessbench.tcd.checker import Checker
from hessbench.tcd.errors import TcdDeriveError
from hessbench.tcd.printer import show_expr
from hessbench.tcd.rules import Rules
from hessbench.tcd.rules_index import slice_axis
from hessbench.tcd.scope import Scope
from hessbench.tcd.sizes import Size
from hessbench.tcd.syntax import (
    FUNCTION_RANK,
    Binding,
    Call,
    Diff,
    Expr,
    Index,
    Lambda,
    Name,
    Number,
    Range,
    Slot,
    Special,
    free_names,
)
from hessbench.tcd.types import FunctionType

BLOCKS: dict[str, dict[str, tuple[str, str]]] = {
    "T": {"y0": ("T0", "k"), "y1": ("T1", "k")},
    "T0": {"y0": ("T00", "rk"), "y1": ("T01", "rk")},
    "T1": {"y0": ("T01", "kr"), "y1": ("T11", "rk")},
}
"""The environment's names for derivatives of its loss: for a function and a slot, the name, and the order of its
indices (`r` of the function itself, `k` of the slot)."""


class Sweep(Rules):
    """Walks `steps` backward and writes a sensitivity `prefix_x` for every active `x`; the results are in `new`.

    `used` are all names taken; `identities` are the identity matrices that exist already, by their length.
    """

    def __init__(
        self,
        checker: Checker,
        scope: Scope,
        steps: list[Binding],
        *,
        wrt: str,
        prefix: str,
        used: set[str],
        identities: dict[Size, str],
    ) -> None:
        super().__init__(checker, scope, {wrt})
        for step in steps:
            assert step.expr is not None
            if step.slot.rank != FUNCTION_RANK and self.depends(step.expr):
                self.active.add(step.slot.name)
        self.steps = steps
        self.wrt = wrt
        self.prefix = prefix
        self.used = used
        self.identities = identities
        self.own_names = {s.slot.name for s in steps}
        self.new: list[Binding] = []
        self._parts: dict[str, list[tuple[Expr, str]]] = {}
        self._from = ""
        self._solving = ""

    def run(self, result: Expr, seed: Expr, origin: str) -> str | None:
        """Pulls `seed` back from the result; the name of the sensitivity of `wrt`, or `None` if nothing depends on
        it."""
        self._from = origin
        self.pull(result, seed)
        for step in reversed(self.steps):
            name = step.slot.name
            if name in self.active and name in self._parts:
                assert step.expr is not None
                sensitivity = self._emit(name)
                self._from, self._solving = f"from {name}", name
                self.pull(step.expr, Name(sensitivity, pos=step.expr.pos))
        return self._emit(self.wrt) if self.wrt in self._parts else None

    def give(self, name: str, sensitivity: Expr) -> None:
        self._parts.setdefault(name, []).append((sensitivity, self._from))

    def fresh(self, hint: str) -> str:
        """A name that is not taken."""
        name, k = hint, 1
        while name in self.used:
            k += 1
            name = f"{hint}_{k}"
        self.used.add(name)
        return name

    def bind(self, hint: str, expr: Expr, notes: tuple[str, ...] = ()) -> str:
        """Adds a binding to the derivative."""
        name = self.fresh(hint)
        kind = self.type_of(expr)
        self.scope.types[name] = kind
        self.new.append(Binding(Slot(name, len(kind.shape)), expr, notes))
        return name

    def delta(self, length: Size) -> Expr:
        if length not in self.identities:
            variable = Slot("v", 1)
            same = Lambda((Binding(variable),), Name("v"))
            matrix = Call(Index(same, (Range(), Diff(variable))), (Binding(variable, zeros([length])),))
            self.identities[length] = self.bind("identity", matrix, ("the identity matrix",))
        return Name(self.identities[length])

    def _emit(self, name: str) -> str:
        parts = self._parts[name]
        notes = tuple(note for _, note in parts)
        return self.bind(f"{self.prefix}_{name}", add([e for e, _ in parts]), notes)

    def pull_call(self, node: Call, s: Expr) -> None:
        if isinstance(node.callee, Name) and node.callee.id == "ODE":
            self._pull_ode(node, s)
            return
        function = self.checker.expr(node.callee, self.scope)
        if not isinstance(function, FunctionType):
            raise TcdDeriveError("nothing is known about this function: give it a signature", node.pos)
        result = self.type_of(node)
        callee = node.callee
        args = [(a.slot, a.expr) for a in node.args if a.expr is not None]
        captured = [n for n in free_names(callee) if n in self.active]
        if captured:
            callee, more = self._lifted(callee, function, captured)
            args += more
        for slot, expr in args:
            if self.depends(expr):
                self.pull(expr, self._contracted(s, callee, slot, expr, args, len(result.shape)))

    def _contracted(
        self, s: Expr, callee: Expr, slot: Slot, expr: Expr, args: list[tuple[Slot, Expr]], rank: int
    ) -> Expr:
        """Sum over the result's indices of `s` times the derivative of the call by one slot."""
        own = len(self.type_of(expr).shape)
        names = letters(rank + own)
        r, k = names[:rank], names[rank:]
        block = self._block(callee, slot.name)
        if block is not None:
            name, order = block
            return es([(s, r), (self._call(Name(name, pos=callee.pos), args), k + r if order == "kr" else r + k)], k)
        by = Diff(Slot(slot.name, own))
        if isinstance(callee, Index) and any(isinstance(i, Diff) for i in callee.items):
            derivative = Index(callee.base, (*callee.items, by), pos=callee.pos)
        else:
            derivative = Index(callee, (*[Range()] * rank, by), pos=callee.pos)
        return es([(s, r), (self._call(derivative, args), r + k)], k)

    def _block(self, callee: Expr, slot: str) -> tuple[str, str] | None:
        """The environment's own name for a derivative, if the callee is the environment's."""
        if not isinstance(callee, Name) or callee.id in self.own_names or callee.id not in self.checker.environment:
            return None
        kind = self.checker.environment[callee.id]
        ends = (
            dict(zip([s.name for s in kind.slots], ("y0", "y1"), strict=False))
            if isinstance(kind, FunctionType)
            else {}
        )
        name, order = BLOCKS.get(callee.id, {}).get(ends.get(slot, ""), ("", ""))
        known = name in self.checker.environment and name not in self.own_names
        return (name, order) if known else None

    def _call(self, callee: Expr, args: list[tuple[Slot, Expr]]) -> Call:
        """A call; arguments that name each other's slots get other names first."""
        try:
            node = call(callee, args)
        except ValueError:
            own = [(s, e if s.rank == FUNCTION_RANK else Name(self.bind(f"{s.name}_value", e))) for s, e in args]
            node = call(callee, own)
        return Call(node.callee, node.args, pos=callee.pos)

    def _lifted(
        self, callee: Expr, function: FunctionType, captured: list[str]
    ) -> tuple[Expr, list[tuple[Slot, Expr]]]:
        """A function whose captured active names are slots too, and the arguments for those."""
        slots = list(function.slots)
        if {s.name for s in slots} & set(captured):
            raise TcdDeriveError(f"`{captured[0]}` is both a slot of this function and captured by it", callee.pos)
        more = [(Slot(n, len(self.type_of(Name(n)).shape)), Name(n)) for n in captured]
        inner = call(callee, [(s, Name(s.name)) for s in slots])
        args = tuple(Binding(s) for s in [*slots, *(s for s, _ in more)])
        return Lambda(args, inner, pos=callee.pos), list(more)

    def _pull_ode(self, node: Call, s: Expr) -> None:
        """y1 = ODE(f, y, t0, t1): the costate at t0 is that of y; `s f(y1)` and `-s(t0) f(y(t0))` those of the times.

        The extended field carries the state back with its costate, from t1 to t0.
        """
        given = {a.slot.name: a.expr for a in node.args if a.expr is not None}
        field, y, t0, t1 = given["ydot"], given["y"], given["t0"], given["t1"]
        end = Name(self._solving, pos=node.pos)
        (n,) = self.shape(node)
        if self.depends(t1):
            self.pull(t1, es([(s, ("i",)), (self._rate(field, end), ("i",))], ()))
        if not self.depends(y) and not self.depends(t0):
            return
        extended = call(Name("OBP"), [(Slot("ydot", FUNCTION_RANK), field)])
        both = Special("concat", (Number("0"), end, s))
        args = [(Slot("ydot", FUNCTION_RANK), extended), (Slot("y", 1), both), (Slot("t0", 0), t1), (Slot("t1", 0), t0)]
        note = f"{self._solving} and its sensitivity, from {show_expr(t1)} to {show_expr(t0)}"
        back = Name(
            self.bind(f"ode_{self.prefix}_{self._solving}", self._call(Name("ODE", pos=node.pos), args), (note,))
        )
        shape = (n + n,)
        costate = slice_axis(self, back, 0, n, n + n, shape)
        self.pull(y, costate)
        if self.depends(t0):
            start = slice_axis(self, back, 0, Size(), n, shape)
            self.pull(t0, neg(es([(costate, ("i",)), (self._rate(field, start), ("i",))], ())))

    def _rate(self, field: Expr, y: Expr) -> Expr:
        function = self.checker.expr(field, self.scope)
        assert isinstance(function, FunctionType)
        return call(field, [(Slot(function.slots[0].name, 1), y)])


def live(steps: list[Binding], result: Expr) -> list[Binding]:
    """The bindings that the result needs, in order."""
    needed = set(free_names(result))
    kept: list[Binding] = []
    for step in reversed(steps):
        if step.slot.name in needed:
            kept.append(step)
            assert step.expr is not None
            needed |= set(free_names(step.expr))
    return kept[::-1]
