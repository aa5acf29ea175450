"""A solve with events by a kernel, driven by `c/events.c`: the same as `_legs`, in C."""

from __future__ import annotations

import ctypes
from time import perf_counter

import numpy as np

from .._errors import Unsupported
from .._integrate.ivp import IVP
from .._model.derivatives import Array, Params
from ._compiled import Compiled
from ._crossed import Happened
from ._event_functions import FunctionsInC
from ._events import coinciding
from ._fold import Folded
from ._forward import FULL, TOO_MANY, TOO_SMALL, Path
from ._known import Known, always, directions, through, too_often
from ._roots import grazed
from ._stepper import Tolerances, stopped
from ._workspace import Buffer

MORE, TOUCHED, ALWAYS, THROUGH, OFTEN = -4, -5, -6, -7, -8  # what `march` returns; -9 are two events at one time
LEAST, ROOM = 32, 16  # steps for which there has to be room, and events
POINTER, LONG, REAL = ctypes.c_void_p, ctypes.c_long, ctypes.c_double


class Solve(ctypes.Structure):
    """As `c/events.c` has it."""

    _fields_ = [
        *((name, POINTER) for name in ("forward", "state", "P", "C", "ts", "hs", "ys", "XS", "TS", "marks", "seen", "largest")),
        *((name, POINTER) for name in ("atol", "kicks", "targets")),
        *((name, LONG) for name in ("count", "most", "stride", "cap")),
        *((name, REAL) for name in ("rtol", "t0", "sigma", "span")),
        *((name, POINTER) for name in ("a", "along", "directions", "allowed")),
        ("jumps", LONG),
        *((name, POINTER) for name in ("at", "of", "moves")),
        ("room", LONG),
        *((name, POINTER) for name in ("o_marks", "o_tau", "o_event", "o_known", "o_before", "o_after")),
        *((name, REAL) for name in ("t", "size", "norm", "evaluations", "rejected", "limited")),
        *((name, LONG) for name in ("n", "next", "begun", "jumped", "happened", "where")),
        *((name, POINTER) for name in ("signs", "sizes", "counts")),
    ]  # fmt: skip


class CompiledLegs:
    """Solves by the kernel of `compiled`, with `functions` of its events. Any number of threads may call it at once."""

    def __init__(self, compiled: Compiled, functions: FunctionsInC, folded: Folded, by_component: bool) -> None:
        self.compiled, self.functions, self.folded, self.by_component = compiled, functions, folded, by_component
        events = folded.problem.events
        self.directions = np.array([e.direction for e in events], dtype=float)
        self.allowed = np.array([e.most for e in events], dtype=float)
        self.forward = ctypes.cast(compiled.code.forward, POINTER).value

    def __call__(
        self, tolerances: Tolerances, ivp: IVP, y0: Array, values: Buffer, p: Params, known: Known, ends: Array | None
    ) -> Path:
        """From `y0` (M,), with steps that end at `ends`. Raises as `_legs.Legs.run`, and `IntegrationError`."""
        solve, folded, n = self.compiled, self.folded, y0.size
        (tau0, tau1), events = folded.t_span, len(self.directions)
        path = solve._start(y0, tolerances)
        work, count = path.work, solve._targets(path, tau1, ends)
        targets, marks, seen = work.met
        way = 1.0 if tau1 > tau0 else -1.0
        at = np.searchsorted(way * work.targets.array[:count], way * known.tau).astype(float)
        at[known.tau == tau0] = -1.0
        a = np.append(folded.values(p), 0.0)
        along = np.append(directions(folded, p, solve.probes, self.by_component), 0.0)
        of, moves, state = np.append(known.of, 0.0), np.append(known.first, 0.0), np.zeros((3, events))
        s, heads, states = Solve(), np.zeros((4, 0)), np.zeros((2, 0, n))
        s.forward, s.state, s.P, s.C, s.largest = (
            self.forward, work.state.address, values.address, work.fixed.address, work.largest.address
        )  # fmt: skip
        s.marks, s.seen, s.targets, s.atol, s.kicks = marks, seen, targets, work.atol.address, solve.kicks.address
        s.count, s.most, s.stride, s.rtol = count, ivp.max_steps, solve.segment, ivp.rtol
        s.t0, s.sigma, s.span = 0.0, 1.0, tau1 - tau0
        if folded.free:
            s.t0, s.sigma = float(p["t0"]), float(p["t1"]) - float(p["t0"])
        s.a, s.along, s.directions, s.allowed, s.at, s.of, s.moves = (
            array.ctypes.data for array in (a, along, self.directions, self.allowed, at, of, moves)
        )
        s.signs, s.sizes, s.counts = (row.ctypes.data for row in state)
        s.jumps, s.t = at.size, tau0
        status = MORE
        while status in (FULL, MORE):
            if status == MORE:
                more = max(heads.shape[1], at.size + ROOM)
                heads, states = np.hstack([heads, np.zeros((4, more))]), np.hstack([states, np.zeros((2, more, n))])
                s.room = heads.shape[1]
                s.o_marks, s.o_tau, s.o_event, s.o_known = (row.ctypes.data for row in heads)
                s.o_before, s.o_after = (row.ctypes.data for row in states)
            if work.capacity - s.n < LEAST:
                work.reserve(2 * work.capacity)
            s.cap = min(work.capacity, s.n + max(LEAST, solve.ahead.steps()))
            s.ts, s.hs, s.ys, s.XS, s.TS = work.ahead
            before, start = s.n, perf_counter()
            status = self.functions.code.march(ctypes.addressof(s))
            if s.n > before:
                solve.ahead.took(s.n - before, perf_counter() - start)
        if status:
            raise self._refused(status, s, ivp, tau1, p)
        k, counters = solve.sizes, ivp.counters
        counters.add(steps=s.n, rhs=int(s.evaluations), rejected=int(s.rejected))
        counters.jacobians += s.n * k.stages
        counters.contractions += s.n * k.stages
        steps, tau, number, which = heads[:, : s.happened]
        first, second = np.zeros((s.happened, known.first.shape[1])), np.zeros((s.happened, *known.second.shape[1:]))
        own = which >= 0
        first[own], second[own] = (v[which[own].astype(int)] for v in (known.first, known.second))
        path.happened = Happened(
            steps, tau, number, ~own, states[0, : s.happened], states[1, : s.happened], first, second
        )  # fmt: skip
        return path.ended(s.n, int(s.limited))

    def _refused(self, status: int, s: Solve, ivp: IVP, tau1: float, p: Params) -> Exception:
        """Why `march` came back before the end."""
        problem, t = self.folded.problem, self.folded.time(s.t, p)
        if status in (TOO_MANY, TOO_SMALL):
            return stopped(ivp.method, s.t, tau1, s.size, s.norm, ivp, s.n, int(s.limited))
        if status == OFTEN:
            return too_often(problem, s.where, t)
        if status == TOUCHED:
            return Unsupported(grazed(t))
        return {ALWAYS: always, THROUGH: through}.get(status, coinciding)(problem, t)
