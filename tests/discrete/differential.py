"""Compiled expressions and their derivatives against NumPy's values and JAX's derivatives.

`python -m tests.discrete.differential 20000` checks so many random expressions and prints those that differ.
"""

import ctypes
import random
import sys

import numpy as np

from hessbench.discrete._build import load
from hessbench.discrete._compiled import flat_params
from hessbench.discrete._differentiate import forward, gradient
from hessbench.discrete._emit import Table, Writer
from hessbench.discrete._functions import scalars, vectors
from hessbench.discrete._graph import CannotTrace
from hessbench.discrete._trace import record

from .branches import derivatives
from .expressions import VARIED, N, Point, function, points, usable, value

WIDTH = 4


def compiled(texts, p, level="-O1", derived=True):
    """For each expression a function of a `Point` that gives value (3,), Jacobian (3, 8), Hessian (8, 8) of `s . f`, twice:
    for a number and for vectors of numbers. The last two are 0 unless `derived`."""
    parts, calls = (
        [f"#define VW {WIDTH}\n#define N 1\n#define M 1\n#define Q 1\n#define COLUMNS 1\n", scalars() + vectors()],
        [],
    )
    for k, text in enumerate(texts):
        traced = record(function(text), N, p, VARIED, mechanical=False)
        g, one = traced.graph, traced.graph.const(1.0)
        inputs = [*(g.leaf("x", i) for i in range(N)), *(g.leaf("u", i) for i in traced.active)]
        seeds = {leaf: {i: one} for i, leaf in enumerate(inputs)}
        rows, second = [], []
        if derived:
            rows = forward(traced.outputs, seeds)
            second = forward(gradient(traced.outputs, [g.leaf("s", i) for i in range(N)], inputs), seeds)
        at = [(0, i, node) for i, node in enumerate(traced.outputs)]
        at += [(1 + r, c, node) for r, row in enumerate(rows) for c, node in row.items()]
        at += [(4 + r, c, node) for r, row in enumerate(second) for c, node in row.items()]
        nodes, table, width = [node for *_, node in at], Table(), len(inputs)
        targets = [f"G[{r * width + c}]" for r, c, _ in at]
        body = Writer(table.name, False).body(nodes, targets)
        wide = Writer(table.name, True, time="T[0]").body(nodes, targets)
        parts += [
            f"void scalar_{k}(double t, {arguments('double')}) {{\n{body}}}\n",
            f"void vector_{k}(const vd *T, {arguments('vd')}) {{\n{wide}}}\n",
            table.source().replace("prepare(", f"prepare_{k}("),
        ]
        calls.append((traced, max(1, len(table.slots)), width))
    code, _ = load("".join(parts), level)
    return [_caller(code, k, *call) for k, call in enumerate(calls)]


def arguments(kind):
    return f"const {kind} *restrict X, const {kind} *restrict L, const double *restrict C, {kind} *restrict G"


def _caller(code, k, traced, slots, width):
    size = (4 + width) * width

    def aligned(values):
        raw = np.zeros(len(values) * WIDTH + 8)
        start = (-raw.ctypes.data // 8) % 8
        out = raw[start : start + len(values) * WIDTH].reshape(-1, WIDTH)
        out[:] = np.asarray(values)[:, None]
        return out

    def address(a):
        return ctypes.c_void_p(a.ctypes.data)

    def call(point):
        table, values = np.zeros(slots), flat_params(traced.params, point.p)
        getattr(code, f"prepare_{k}")(ctypes.c_void_p(values.address), address(table))
        out, wide = np.zeros(size), aligned(np.zeros(size))
        t, y, s = aligned([point.t]), aligned(point.y), aligned(point.s)
        getattr(code, f"scalar_{k}")(
            ctypes.c_double(point.t), address(point.y), address(point.s), address(table), address(out)
        )
        getattr(code, f"vector_{k}")(address(t), address(y), address(s), address(table), address(wide))
        blocks = (out, wide[:, -1].copy())
        return [(b[:N], b[width : 4 * width].reshape(N, width), b[4 * width :].reshape(width, width)) for b in blocks]

    return call


def same(ours, theirs, slack):
    """Whether all are close, and not finite where the others are not."""
    with np.errstate(all="ignore"):
        close = np.abs(ours - theirs) <= slack
    return np.all(close | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))


def at_a_pole(text, point, ours, exact):
    """Whether all that differs is infinite or nan, and zeros a hair to either side would change what NumPy gives.

    There the sign of a zero decides, or the order of a sum of infinities, which canonical expressions do not keep.
    """
    with np.errstate(all="ignore"):
        differs = ~(
            (ours == exact) | (np.isnan(ours) & np.isnan(exact)) | (np.abs(ours - exact) <= 1e-9 * np.abs(exact))
        )
    moved = []
    for side in (1e-300, -1e-300):
        p = {k: np.where(v == 0, side, v) if v.dtype.kind == "f" else v for k, v in point.p.items()}
        moved.append(value(text, Point(point.t or side, np.where(point.y == 0, side, point.y), p, point.s)))
    stays = all(same(one, exact, np.zeros(exact.shape)) for one in moved)
    return bool(np.all(~np.isfinite(ours[differs]) | ~np.isfinite(exact[differs]))) and not stays


def differences(texts, where, by_jax=True):
    """Sentences on expressions whose compiled form differs from NumPy or from JAX."""
    out = []
    for text, call in zip(texts, compiled(texts, where[0].p, derived=bool(by_jax)), strict=True):
        results = [call(point) for point in where]
        values = [(value(text, point), value(text, point, np.longdouble)) for point in where]
        for point, both, (exact, wide) in zip(where, results, values, strict=True):
            with np.errstate(all="ignore"):
                slack = 1e-12 * np.abs(exact) + 1e3 * np.abs(exact - wide) + 1e-14
            for form, (ours, _, _) in zip(("number", "vector"), both, strict=True):
                if not same(ours, exact, np.where(np.isfinite(slack), slack, np.inf)):
                    pole = ", at a pole" if at_a_pole(text, point, ours, exact) else ""
                    out.append(f"{text} at {_shown(point)}: {form} {ours}, NumPy {exact}{pole}")
        if not by_jax:
            continue
        known = derivatives(text, where)
        for k, (point, both, (exact, _)) in enumerate(zip(where, results, values, strict=True)):
            if not np.all(np.isfinite(exact)):
                continue
            for form, (_, jac, hess) in zip(("number", "vector"), both, strict=True):
                pulled = point.s @ np.where(np.isfinite(jac), jac, np.nan)
                pairs = (("gradient", pulled, known[0][k]), ("Hessian", hess, known[1][k]))
                for what, a, b in pairs:
                    if not np.all(np.isfinite(b)):
                        continue
                    scale = np.max(np.abs(b)) + np.max(np.abs(exact))
                    with np.errstate(all="ignore"):
                        gap = np.max(np.abs(a - b))
                    if not gap <= 1e-9 * scale + 1e-11:
                        out.append(f"{text} at {_shown(point)}: {what}, {form}, differs by {gap} from JAX")
    return out


def _shown(point):
    return f"t={point.t}, y={point.y.tolist()}, " + ", ".join(
        f"{k}={np.asarray(v).tolist()}" for k, v in point.p.items() if k not in ("mask", "k")
    )


def main(count, start=0, by_jax=1, batch=100):
    """The number of expressions that differ among `count`, which are printed; those that do at a pole only are told apart."""
    total, poles, refused = 0, 0, 0
    for seed in range(start, start + -(-count // batch)):
        below = random.Random(seed).randrange
        where = points(below)
        drawn = [usable(below, 1 + below(4), where[0]) for _ in range(batch)]
        texts = [text for text in drawn if recordable(text, where[0].p)]
        found = differences(texts, where, by_jax)
        wrong = {sentence.split(" at t=")[0] for sentence in found if not sentence.endswith("at a pole")}
        poles += len({sentence.split(" at t=")[0] for sentence in found} - wrong)
        total, refused = total + len(wrong), refused + batch - len(texts)
        for sentence in found:
            print(seed, sentence, flush=True)
        said = (
            f"{total} of {(seed - start + 1) * batch} expressions differ, {poles} more at poles; {refused} were refused"
        )
        print(f"batch {seed}: {said}", flush=True)
    return total


def recordable(text, p):
    """Whether an expression is recorded; whole numbers with an arithmetic of their own are not."""
    try:
        record(function(text), N, p, VARIED, mechanical=False)
    except CannotTrace:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
