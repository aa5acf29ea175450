"""A right-hand side with its switches, found by recording it, and its smooth branches.

v = (y, a, t),   y (N,) states, a (P,) the parameters in `wrt`, t the time
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from .._derive.switches import watched
from .._errors import Unsupported
from .._model.derivatives import Array
from .._model.problem import TIMES, Problem
from ..discrete._events import slope_of
from ..discrete._graph import CannotTrace, Node
from ..discrete._recording import Outcome, as_node, atoms, folded, guards, inputs_of, live, record
from ..discrete._roots import NEAR
from ..discrete._smooth import Smooth
from ..discrete._writing import defined, function, portable


@dataclass(frozen=True, eq=False)
class Guard:
    """A function that is positive as long as `atom` has its outcome; behind its root it has the outcome `after`."""

    atom: int
    node: Node
    after: Outcome
    inputs: int

    @cached_property
    def smooth(self) -> Smooth:
        """With derivatives by v."""
        return Smooth([self.node], self.inputs)


@dataclass(frozen=True, eq=False)
class Branch:
    """The right-hand side where each of its atoms has one outcome: smooth.

    `rhs` and `running_loss` are functions of any framework, or those of the problem where it has no switches.
    `slope(t, y, a)` gives the slopes of y and of the integral of the running loss (M,).
    """

    signature: tuple[tuple[int, Outcome], ...]
    rhs: Callable[..., Any]
    running_loss: Callable[..., Any] | None
    slope: Callable[[float, Array, Array], Array]
    guards: tuple[Guard, ...] = ()

    @cached_property
    def _values(self) -> Callable[..., list[Any]]:
        return function([guard.node for guard in self.guards])

    def values(self, v: Array) -> Array:
        """All guards (g, ...) at v (K, ...)."""
        out = np.empty((len(self.guards), *v.shape[1:]))
        with np.errstate(all="ignore"):
            for k, value in enumerate(self._values(v) if self.guards else []):
                out[k] = value
        return out


@dataclass(eq=False)
class Switched:
    """The atoms of a problem's right-hand side and running loss, and the branches that were met so far."""

    problem: Problem
    outputs: list[Node]
    inputs: int
    known: dict[tuple[tuple[int, Outcome], ...], Branch] = field(default_factory=dict)

    @cached_property
    def atoms(self) -> list[Node]:
        """Operands first."""
        return atoms(self.outputs)

    @cached_property
    def _survey(self) -> Callable[..., list[Any]]:
        operands = [n for atom in self.atoms for n in atom.operands()]
        return function([*self.atoms, *operands], {atom: k for k, atom in enumerate(self.atoms)})

    def outcomes(self, v: Array, forced: dict[int, Outcome]) -> tuple[dict[int, Outcome], dict[int, list[float]]]:
        """What each atom chooses at v (K,), where those in `forced` are given, and the operands of each."""
        with np.errstate(all="ignore"):
            found = self._survey(v, lambda k, natural: forced.get(k, natural))
        count = len(self.atoms)
        chosen = {k: bool(c) if self.atoms[k].condition else float(c) for k, c in enumerate(found[:count])}
        operands, at = {}, count
        for k, atom in enumerate(self.atoms):
            size = len(atom.operands())
            operands[k] = [float(a) for a in found[at : at + size]]
            at += size
        return chosen, operands

    def branch(self, chosen: dict[int, Outcome]) -> Branch:
        """The branch with these outcomes."""
        every = {atom: chosen[k] for k, atom in enumerate(self.atoms)}
        number = {atom: k for k, atom in enumerate(self.atoms)}
        signature = tuple((number[atom], every[atom]) for atom in live(self.outputs, every))
        if signature not in self.known:
            self.known[signature] = self._made(signature, every)
        return self.known[signature]

    def _made(self, signature: tuple[tuple[int, Outcome], ...], every: dict[Node, Outcome]) -> Branch:
        nodes, problem, n = folded(self.outputs, every), self.problem, self.problem.dim
        watching = []
        for k, outcome in signature:
            atom = self.atoms[k]
            operands = folded(list(atom.operands()), every)
            watching += [Guard(k, node, after, self.inputs) for node, after in guards(atom, outcome, operands)]
        watching = [guard for guard in watching if inputs_of(guard.node)]
        leaf = {k: f"y[{k}:{k + 1}]" for k in range(n)} | {self.inputs - 1: "t"}
        at = n
        for key in problem.varied:
            for k in range(problem.params[key].size):
                leaf[at] = f"xp.reshape(p[{key!r}], (-1,))[{k}:{k + 1}]"
                at += 1
        rhs = defined(f"def f(xp, t, y, p):\n{portable(nodes[:n], leaf, n)}\n")
        running: Callable[..., Any] | None = None
        if problem.running_loss is not None:
            inner = defined(f"def f(xp, t, y, p):\n{portable(nodes[n:], leaf, n)}\n")
            running = partial(_summed, inner)
        slopes = function(nodes)

        def slope(t: float, y: Array, a: Array) -> Array:
            return np.array(slopes([*y, *a, np.float64(t)]), dtype=float)

        return Branch(signature, rhs, running, slope, tuple(watching))

    def enter(
        self,
        t: float,
        y: Array,
        a: Array,
        step: float,
        sizes: dict[int, float],
        crossed: dict[int, Outcome] | None = None,
    ) -> Branch:
        """The branch that a solution through (t, y) goes on in; `step` is a small one in its direction.

        Atoms at their root are decided by where the solution goes: for those in `crossed` the branch before has decided, and
        the one behind has to agree. `sizes` are those of the guards of each atom, so far. Raises `Unsupported` for sliding:
        no branch leads away from the switch on its own side.
        """
        v, forced = np.concatenate([y, a, [t]]), dict(crossed or {})
        for _ in range(8):
            chosen, operands = self.outcomes(v, forced)
            branch = self.branch(chosen)
            at_root = {k for k, _ in branch.signature if self._at_root(k, operands[k], sizes)} | set(forced)
            after = self._ahead(branch, t, y, a, step, at_root)
            wrong = {k: outcome for k, outcome in after.items() if outcome != chosen[k]}
            if not wrong:
                return branch
            if crossed and set(wrong) & set(crossed):
                raise self.sliding(t, next(iter(set(wrong) & set(crossed))))
            if any(k in forced and forced[k] != outcome for k, outcome in wrong.items()):
                raise self.sliding(t, next(iter(wrong)))
            forced.update(wrong)
        raise self.sliding(t, next(iter(forced)))

    def _at_root(self, k: int, operands: list[float], sizes: dict[int, float]) -> bool:
        op = self.atoms[k].op
        if op in ("less", "less_equal"):
            gap, size = abs(operands[0] - operands[1]), abs(operands[0]) + abs(operands[1])
        elif op == "signbit" or (op == "call" and self.atoms[k].args[0] == "sign"):
            gap, size = abs(operands[0]), 0.0
        elif op == "equal":
            gap, size = abs(operands[0] - operands[1]), 0.0
        else:
            half = 2.0 if self.atoms[k].args[0] == "rint" else 1.0
            gap, size = abs(operands[0] * half - np.rint(operands[0] * half)), abs(operands[0])
        return gap <= NEAR * max(size, sizes.get(k, 0.0))

    def _ahead(self, branch: Branch, t: float, y: Array, a: Array, step: float, atoms: set[int]) -> dict[int, Outcome]:
        """The outcomes of `atoms` a small step ahead along `branch`."""
        if not atoms:
            return {}
        h, n = step, y.size

        def slope(t: float, y: Array) -> Array:
            return branch.slope(t, y, a)[:n]

        with np.errstate(all="ignore"):
            k1 = slope(t, y)
            k2 = slope(t + h / 2, y + h / 2 * k1)
            k3 = slope(t + h / 2, y + h / 2 * k2)
            k4 = slope(t + h, y + h * k3)
        ahead = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        forced = {k: outcome for k, outcome in branch.signature if k not in atoms}
        chosen, operands = self.outcomes(np.concatenate([ahead, a, [t + h]]), forced)
        resting = {k for k in atoms if self.atoms[k].op != "equal" and self._at_root(k, operands[k], {})}
        return {k: chosen[k] for k in atoms - resting}

    def sliding(self, t: float, k: int) -> Unsupported:
        """The refusal, which names the switch."""
        return Unsupported(
            f"problem {self.problem.name!r}: at t = {t:.6g} the solution slides along a switch of the right-hand side "
            f"({self.named(k)}): both branches push it back, so that none of them goes on. Smooth the switch, or write the "
            f"sliding motion as equations of its own."
        )

    def named(self, k: int) -> str:
        """What an atom is, in words."""
        atom = self.atoms[k]
        return atom.args[0] if atom.op == "call" else atom.op.replace("_", " or ").replace("signbit", "sign")

    def moving(self) -> bool:
        """Whether the unknowns move a switch: it reads states or parameters in `wrt`, or end times are in `wrt`."""
        free, t = bool(set(TIMES) & set(self.problem.wrt)), self.inputs - 1
        return any(free or inputs_of(atom) - {t} for atom in self.atoms if atom.op != "equal")


def _summed(f: Callable[..., Any], xp: Any, t: Any, y: Any, p: Any) -> Any:
    return xp.sum(f(xp, t, y, p))


def switched(problem: Problem) -> Switched | None:
    """The switches of `problem`; `None` where it has none, or cannot be recorded. One evaluation where there is none."""
    t0, y0, p = problem.t_span[0], problem.y0, problem.params
    functions = [f for f in (problem.rhs, problem.running_loss) if f is not None]
    with np.errstate(all="ignore"):
        seen = [watched(f, t0, y0.copy(), p, problem.varied, time=True) for f in functions]
    if not any(one.entries for one in seen):
        return None

    try:
        outputs, inputs = record("the right-hand side", slope_of(problem))
    except CannotTrace:
        return None
    out = Switched(problem, outputs, inputs)
    return out if out.atoms and len(outputs) == problem.dim + (problem.running_loss is not None) else None


__all__ = ["Branch", "Guard", "Switched", "as_node", "switched"]
