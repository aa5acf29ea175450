"""References for problems in pieces: two strategies of different kinds, lifted or native, and differences of values, neither.

The values come from the solve that finds the pieces, which knows no derivative but that of each event function by time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._errors import HessbenchError, NoReference
from .._judging.reference_methods import Check
from .._judging.witness import Witness
from .._model.derivatives import Array
from .._model.problem import Problem
from .lifting import Lifted, Run, Sweep
from .march import March
from .model import Model, model
from .prepare import FINEST, first_sizes
from .sizes import largest_states

TOLERANCE = 1e-12
AGREE = 1e-7
FLOOR = 1e-4
WAYS = ("variational", "discrete-adjoint", "hand-adjoint")


@dataclass(frozen=True, eq=False)
class Differences(Witness):
    """Value differences of a problem in pieces; `model` is its own. `plan` stands for no solve."""

    model: Model | None = None

    @cached_property
    def lifted(self) -> Lifted:
        """Without a strategy: for values alone."""
        assert self.model is not None
        return Lifted(self.model, FINEST, _none, None, first_sizes(self.model))

    @property
    def problem(self) -> Problem:
        """The problem."""
        assert self.model is not None
        return self.model.problem

    @cached_property
    def sizes(self) -> Array:
        """(n,): what the increments are relative to; of a state that starts from zero, its largest size along the solution."""
        start = np.asarray(self.problem.unpack(self.x)[0])
        return self.problem.sizes(self.x, np.where(start == 0, largest_states(self.problem, self.x), 0.0))

    def loss(self, x: Array) -> float:
        """The loss at `x`; nan where it cannot be computed."""
        try:
            return value(self.lifted, x)
        except HessbenchError:
            return float("nan")

    def _choices(self, x: Array) -> bytes | None:
        return None


def value(lifted: Lifted, x: Array) -> float:
    """The loss at `x`, with data and running loss, by the solve that finds the pieces."""
    return Sweep(lifted, x, lifted.pieces(x)).value()


def values(problem: Problem) -> Callable[[Array], float] | None:
    """The loss of a problem with data or events as a function of `x` (n,), without a strategy; `None` for all others."""
    if problem.data is None and not problem.events:
        return None
    found = model(problem)
    assert found is not None
    lifted = Lifted(found, FINEST, _none, None, first_sizes(found))
    return lambda x: value(lifted, x)


def _none(problem: Problem) -> Run:
    raise AssertionError(problem.name)


def in_pieces(problem: Problem, x: Array) -> Model | None:
    """The model of a problem whose solution at `x` is smooth in pieces only; `None` for all others."""
    found = model(problem)
    if found is None or found.declared:
        return found
    pieces = March(found, x, 1e-10, first_sizes(found)).run()
    return None if pieces.plain else found


def candidates(problem: Problem, x: Array) -> Iterator[tuple[str, Check | None, str]]:
    """Names and results of the methods, with the reason where one gives none."""
    from .._plugins.prepare import prepare

    exact = None if problem.exact is None else problem.exact(x)
    if exact is not None:
        yield "closed form", Check(*exact), ""
    for name in WAYS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                prepared = prepare(problem, name, rtol=TOLERANCE)
                found = prepared.direct(x)
        except HessbenchError as error:
            yield name, None, str(error)
            continue
        check = Check(found.value, found.grad, found.hess)
        how = f"{name}, lifted" if isinstance(prepared.run, Lifted) else name
        yield how, check if check.finite else None, "not finite"


def apart(one: Check, other: Check, sizes: Array) -> float:
    """The relative difference; a Hessian that is zero but for round-off counts as `FLOOR` of gradient and value."""
    assert one.hess is not None and other.hess is not None
    square = np.outer(sizes, sizes)
    first = max(float(np.max(np.abs(c.grad * sizes))) for c in (one, other))
    second = max(float(np.max(np.abs(c.hess * square))) for c in (one, other) if c.hess is not None)
    whole = max(first, FLOOR * abs(one.value), FLOOR * second, 1e-300)
    gaps = [
        float(np.max(np.abs(one.grad - other.grad) * sizes)) / whole,
        float(np.max(np.abs(one.hess - other.hess) * square)) / max(second, FLOOR * whole),
    ]
    return max(gaps) if np.all(np.isfinite(gaps)) else np.inf


def judged(problem: Problem, found: Model, x: Array) -> tuple[Check, Check, float, str, str]:
    """The reference and the check beside it, their relative difference, how, and what was skipped. Raises `NoReference`."""
    from .._judging.tight import Tight

    plan = Tight(problem, first_sizes(found), np.empty(0))
    witness = Differences(plan, x, model=found)
    checks: list[tuple[str, Check]] = []
    skipped: list[str] = []
    for name, check, reason in candidates(problem, x):
        if check is None:
            skipped.append(f"{name}: {reason}")
            continue
        checks.append((name, check))
        if len(checks) < 2:
            continue
        pairs = [(apart(a[1], b[1], witness.sizes), a, b) for i, a in enumerate(checks) for b in checks[i + 1 :]]
        gap, one, other = min(pairs, key=lambda pair: pair[0])
        if gap <= AGREE:
            assert one[1].hess is not None
            verdict = witness.verdict(one[1].value, one[1].grad, one[1].hess)
            if verdict.confirms:
                skipped += [
                    f"{name} differs from the others" for name, c in checks if c is not one[1] and c is not other[1]
                ]
                how = f"{one[0]}; {other[0]}; value differences across the pieces agree to {verdict.gap:.0e}"
                return one[1], other[1], gap, how, "; ".join(skipped)
            skipped.append(f"value differences differ from {one[0]} by {verdict.gap:.1e}")
            break
    said = "; ".join([*skipped, f"methods: {', '.join(name for name, _ in checks) or 'none'}"])
    raise NoReference(
        f"problem {problem.name!r} has no reference: its methods and differences of its values do not agree ({said}).",
        "disagreement",
    )
