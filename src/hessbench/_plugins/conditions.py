"""Several experiments of one model: their losses are added, and they share unknowns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import numpy as np

from .._errors import HessbenchError, InvalidInput
from .._model.counters import Counters
from .._model.derivatives import Array
from .._model.given import vector
from .._model.problem import Problem
from .._model.result import Result
from .._model.warnings import warn
from .prepare import Prepared, prepare


@contextmanager
def named(condition: str) -> Iterator[None]:
    """Errors inside carry the name of the condition."""
    try:
        yield
    except HessbenchError as error:
        error.args = (f"condition {condition!r}: {error}", *error.args[1:])
        raise


class Conditions:
    """Experiments of one model, each a `Problem` with its own constants, start, doses, data and time span.

        loss(x) = sum over conditions c of loss_c(x_c),    H = sum of P_c^T H_c P_c

    where `P_c` picks the unknowns of a condition out of all. An unknown is a name of a condition's `wrt`; conditions that have
    the same name share it, but for the names `own`, of which each has one to itself, called `name[condition]`.

    `names` are the unknowns in order of first occurrence, `blocks` and `shapes` where they stand in `x` and their shapes, `x0`
    (n,) the point at which the problems stand.
    Raises `InvalidInput` for no problem, and for an unknown whose shape or value differs between those that share it.

    Parameters
    ----------
    problems
        problems by the name of the condition
    own
        names that are not shared; initial states (`y0`) and end times (`t0`, `t1`) never are unless `shared` lists them
    shared
        `y0`, `t0` or `t1`, where they are the same unknown for all
    """

    def __init__(
        self, problems: Mapping[str, Problem], own: tuple[str, ...] = (), shared: tuple[str, ...] = ()
    ) -> None:
        own, shared = ((names,) if isinstance(names, str) else tuple(names) for names in (own, shared))
        if not problems or not all(isinstance(problem, Problem) for problem in problems.values()):
            raise InvalidInput("`Conditions` takes a mapping of names to `Problem`s, of at least one.")
        known = {name for problem in problems.values() for name in problem.wrt}
        for name in (*own, *shared):
            if name not in known:
                raise InvalidInput(
                    f"`Conditions`: {name!r} is in `wrt` of no condition; there are {', '.join(sorted(known))}."
                )
        self.problems = MappingProxyType(dict(problems))
        apart = ({"y0", "t0", "t1"} - {*shared}) | {*own}
        self.unknowns = MappingProxyType({
            c: {name: f"{name}[{c}]" if name in apart else name for name in problem.wrt} for c, problem in problems.items()
        })  # fmt: skip
        values: dict[str, tuple[str, Array]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for c, problem in problems.items():
            for name, unknown in self.unknowns[c].items():
                value, shape = problem.x0[problem.blocks[name]], problem.shapes[name]
                first, seen = values.setdefault(unknown, (c, value))
                if self.shapes.setdefault(unknown, shape) != shape or not np.array_equal(seen, value):
                    raise InvalidInput(
                        f"`Conditions`: the conditions {first!r} and {c!r} share {name!r}, which is {seen} in one and {value} "
                        f"in the other; give both the same, or name it in `own`."
                    )
        self.blocks: dict[str, slice] = {}
        for unknown, (_, value) in values.items():
            start = sum(at.stop - at.start for at in self.blocks.values())
            self.blocks[unknown] = slice(start, start + value.size)
        self.x0 = np.concatenate([value for _, value in values.values()])

    @property
    def names(self) -> tuple[str, ...]:
        """The unknowns, in their order in `x`."""
        return tuple(self.blocks)

    @cached_property
    def places(self) -> Mapping[str, Array]:
        """For each condition the places (n_c,) of its unknowns in `x`."""
        return {
            c: np.concatenate(
                [np.arange(self.blocks[name].start, self.blocks[name].stop) for name in unknowns.values()]
            )
            for c, unknowns in self.unknowns.items()
        }

    def prepare(self, **options: Any) -> PreparedConditions:
        """Prepare every condition with the `options` of `hessbench.prepare`; an error names the condition that raised it."""
        made = {}
        for c, problem in self.problems.items():
            with named(c):
                made[c] = prepare(problem, **options).quiet()
        return PreparedConditions(self, made)

    def hessian(self, x: Any = None, **options: Any) -> Result:
        """Value, gradient (n,) and Hessian (n, n) at `x`, by default at `x0`; `options` are those of `prepare`."""
        return self.prepare(**options)(x)


@dataclass(frozen=True)
class PreparedConditions:
    """All conditions, ready to run: call it with `x` (n,), or nothing for `x0`."""

    conditions: Conditions
    prepared: Mapping[str, Prepared]

    def __call__(self, x: Any = None) -> Result:
        """The sum over all conditions; what a condition notes or warns of carries its name.

        Warns as `Prepared` does. Raises `InvalidInput` for a bad `x`, and what the conditions raise, with their name.
        """
        result = self.direct(x)
        if result.warnings:
            warn(result, 2)
        return result

    def direct(self, x: Any = None) -> Result:
        """The same, which does not warn."""
        of = self.conditions
        x = of.x0 if x is None else vector("conditions", "x", x, of.x0.size)
        n, value, notes, warnings, counted = x.size, 0.0, {}, [], Counters()
        grad, hess, normal = np.zeros(n), np.zeros((n, n)), np.zeros((n, n))
        complete, logs, informed = True, dict[str, str](), {}
        for c, run in self.prepared.items():
            at = of.places[c]
            with named(c):
                found = run(x[at])
            value += found.value
            grad[at] += found.grad
            hess[np.ix_(at, at)] += found.hess
            complete = complete and found.gauss_newton is not None
            if found.gauss_newton is not None:
                normal[np.ix_(at, at)] += found.gauss_newton
            own = of.unknowns[c]
            logs.update({own[log]: own[log].replace(log, name, 1) for log, name in found.logs.items() if log in own})
            informed[c] = found.informed
            notes.setdefault(found.note, []).append(c)
            warnings += [f"condition {c!r}: {said}" for said in found.warnings]
            counted.include(found.counters)
        note = "; ".join(f"{', '.join(names)}: {said}" for said, names in notes.items() if said)
        zero = tuple(name for name, at in of.blocks.items() if not (grad[at].any() or hess[at].any()))
        return Result(
            value, grad, hess, counted, note, of.blocks, of.shapes, zero, tuple(warnings),
            gauss_newton=normal if complete else None, x=x.copy(), logs=logs,
            informed=partial(self.fisher, n, informed) if all(informed.values()) else None,
        )  # fmt: skip

    def fisher(self, n: int, informed: Mapping[str, Any]) -> Array:
        """The sum (n, n) of the expected Fisher information of all conditions; `informed` computes that of each."""
        total = np.zeros((n, n))
        for c, one in informed.items():
            at = self.conditions.places[c]
            with named(c):
                total[np.ix_(at, at)] += one()
        return total
