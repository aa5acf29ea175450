"""Evaluating the terms of data at all their times at once: by C, or by NumPy where there is none."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from .._derive.loss import joint_layout
from .._errors import InvalidInput, Unavailable
from .._model.derivatives import Array, Params
from .._model.loss import JointLoss
from .._model.problem import Problem
from ._build import CompilerError, clause, fixed_part, load
from ._compiled import flat_params
from ._data import Recorded
from ._emit import Table, Writer, function, operations
from ._functions import scalars
from ._graph import CannotTrace
from ._loss_kernel import MOST_OPERATIONS, NotTrusted
from ._trust_loss import complaint
from ._workspace import Buffer
from ._writing import function as in_numpy

LOOKED = 3  # rows that are compared with NumPy
AGREES = 1e-8  # of the largest one, for sums over rows

Evaluated = Callable[[Array, Array], tuple[Array, Array]]


class TermsInC:
    """`(O (K, per_place), S (over_all,))` of `Recorded` at states (K, N) of all places and parameters (P,).

    `at` (rows,) is the place of each row. Any number of threads may call it. Raises `CannotTrace` for too many operations,
    `Unavailable` without a compiler, `CompilerError` where it fails.
    """

    def __init__(self, recorded: Recorded, rows: Array, at: Array) -> None:
        nodes = [node for node, _ in recorded.outputs]
        if (count := operations(nodes)) > MOST_OPERATIONS:
            raise CannotTrace(f"derivatives of the data's terms take {count} operations, more than {MOST_OPERATIONS}")
        table = Table()
        targets = [
            (node, f"{'O' if kind == 'O' else 'G'}[{k}]") for node, places in recorded.outputs for kind, k in places
        ]
        body = Writer(table.name, False).body([n for n, _ in targets], [t for _, t in targets], len(targets))
        heads = ["const double *restrict X", "const double *restrict C", "double *restrict O", "double *restrict G"]
        sizes = {
            "INPUTS": recorded.inputs, "N": recorded.n, "PARAMS": recorded.count, "ROW": rows.shape[1],
            "PLACE": recorded.per_place, "ALL": recorded.over_all,
        }  # fmt: skip
        source = "\n".join(
            [
                *(f"#define {key} {value}" for key, value in sizes.items()),
                "#include <string.h>",
                scalars(),
                table.source() + function("term", heads, body, "double") + fixed_part("discrete", "data.c"),
            ]
        )
        code, _ = load(source)
        code.prepare.argtypes, code.terms.argtypes = [ctypes.c_void_p] * 2, [ctypes.c_long] * 2 + [ctypes.c_void_p] * 7
        code.prepare.restype = code.terms.restype = None
        self.recorded, self.table, self._terms = recorded, Buffer(max(1, len(table.slots))), code.terms
        fixed = flat_params(tuple(recorded.fixed), recorded.problem.params)  # kept while the code reads it
        code.prepare(fixed.address, self.table.address)
        self.rows, self.at = np.ascontiguousarray(rows), np.ascontiguousarray(at, dtype=float)

    def __call__(self, states: Array, a: Array) -> tuple[Array, Array]:
        places, r = len(states), self.recorded
        out, over = np.empty((places, r.per_place)), np.empty(r.over_all)
        states, a = np.ascontiguousarray(states), np.append(a, 0.0)
        given = (states, a, self.rows, self.at)
        pointers = [array.ctypes.data for array in given]
        self._terms(len(self.rows), places, *pointers, self.table.address, out.ctypes.data, over.ctypes.data)
        return out, over


class TermsInNumPy:
    """The same by the recorded expressions as NumPy."""

    def __init__(self, recorded: Recorded, rows: Array, at: Array) -> None:
        self.recorded, self.rows, self.at = recorded, rows, at.astype(int)
        self.function = in_numpy([node for node, _ in recorded.outputs])
        values = [np.ravel(v) for v in recorded.fixed.values()]
        self.fixed = np.concatenate([*values, np.zeros(0)])

    def __call__(self, states: Array, a: Array) -> tuple[Array, Array]:
        r, count = self.recorded, len(self.rows)
        out, over = np.zeros((len(states), r.per_place)), np.zeros(r.over_all)
        v = np.concatenate([states[self.at].T, np.repeat(a[:, None], count, axis=1), self.rows.T])
        with np.errstate(all="ignore"):
            found = self.function(v, (), self.fixed)
        for value, (_, places) in zip(found, r.outputs, strict=True):
            value = np.broadcast_to(value, (count,))
            for kind, k in places:
                if kind == "O":
                    np.add.at(out[:, k], self.at, value)
                else:
                    over[k] += value.sum()
        return out, over


def evaluated(
    problem: Problem, recorded: Recorded, rows: Array, at: Array, states: Array, compiled: bool
) -> tuple[Evaluated, str]:
    """The terms by C if `compiled` and possible, and where they come from. Checked with `states` (K, N) at the places.

    Raises `InvalidInput` where no derivatives agree with the terms in NumPy.
    """
    why = ""
    if compiled:
        try:
            made = TermsInC(recorded, rows, at)
            by_numpy = TermsInNumPy(recorded, rows, at)
            said = disagreement(problem, recorded, rows, at, states, made) or apart(problem, made, by_numpy, states)
            if said is not None:
                raise NotTrusted(f"the compiled terms of the data {said}")
            return made, "generated as C"
        except (CannotTrace, CompilerError, NotTrusted) as reason:
            why = f", not as C: {clause(reason)}"
        except (Unavailable, OSError):
            pass
    made = TermsInNumPy(recorded, rows, at)
    if (said := disagreement(problem, recorded, rows, at, states, made)) is not None:
        raise InvalidInput(
            f"problem {problem.name!r}: the derivatives that were found of the data's terms are not those that NumPy "
            f"computes: the terms {said}. Write them with functions that all namespaces share."
        )
    return made, f"generated as NumPy{why}"


def apart(problem: Problem, one: Evaluated, other: Evaluated, states: Array) -> str | None:
    """How the sums of all rows differ between two ways to them; `None` if they do not."""
    a = np.concatenate([*(np.ravel(problem.params[key]) for key in problem.varied), np.zeros(0)])
    for ours, theirs in zip(one(states, a), other(states, a), strict=True):
        size = np.max(np.abs(theirs), axis=0, initial=0.0, where=np.isfinite(theirs))
        with np.errstate(invalid="ignore"):
            gap = np.where(np.isfinite(theirs), np.abs(ours - theirs), 0.0)
        if not np.all(gap <= AGREES * size):
            return f"differ from those in NumPy by {np.max(gap):.1e} where they are added up"
    return None


def disagreement(problem: Problem, recorded: Recorded, rows: Array, at: Array, states: Array, made: Any) -> str | None:
    """How some of the rows do not agree with NumPy, each as the loss of an end state; `None` if they do."""
    data, n = problem.data, problem.dim
    assert data is not None and data.mask is not None
    layout, size = joint_layout(problem)[1], 2 * n + recorded.count + 2
    place = np.concatenate([n + np.arange(n), 2 * n + np.array(recorded.read, dtype=int)])
    width, r = recorded.width, len(recorded.read)
    for k in np.unique(np.linspace(0, len(rows) - 1, LOOKED).astype(int)):
        t, d, mask = data.times[k], data.values[k], data.mask[k]

        def loss(xp: Any, y0: Any, y1: Any, p: Any, t: Any = t, d: Any = d, mask: Any = mask) -> Any:
            total = 0.0
            for f, of in ((data.loss, lambda r: r), (data.residual, lambda r: r * r / 2)):
                if f is not None:
                    out = np.asarray(f(np, t, y1, d, p))
                    total = total + np.sum(of(mask * out if out.shape == np.shape(mask) else out))
            return total

        one = copy(made)
        one.rows, one.at = rows[k : k + 1], np.zeros(1, dtype=made.at.dtype)

        def blocks(y0: Array, y1: Array, p: Params, one: Evaluated = one) -> JointLoss:
            a = np.concatenate([*(np.ravel(p[key]) for key in problem.varied), np.zeros(0)])
            out, over = one(y1[None], a)
            grad, hess = np.zeros(size), np.zeros((size, size))
            grad[place] = np.concatenate([out[0, :n], over[1 : 1 + r]])
            whole = np.zeros((width, width))
            whole[:n] = out[0, n : n + n * width].reshape(n, width)
            whole[n:, :n] = whole[:n, n:].T
            whole[n:, n:] = over[1 + r : 1 + r + r * r].reshape(r, r)
            hess[np.ix_(place, place)] = whole
            return JointLoss(float(over[0]), grad, hess, layout)

        alone = replace(
            problem, loss=loss, running_loss=None, data=None, events=(), loss_blocks=None, perturbed=None, exact=None
        )
        said = complaint(blocks, alone, states[int(at[k])], groups=0)
        if said is not None and said.wrong:
            return said.words
    return None
