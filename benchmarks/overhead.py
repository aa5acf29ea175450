"""What calling a framework from NumPy costs, and which part of a whole Hessian that is.

The rows of both tables go to `results/records/`, too; what they mean is in `results/README.md`. `python -m
benchmarks.overhead` prints what docs/performance.md shows: calls, shares, and how large a system has to be.
"""

import sys
from dataclasses import asdict

from hessbench._measuring.overhead import OPERATIONS, PACKAGES, PROBLEM, measure_overhead, share
from hessbench._measuring.overhead_calls import TENSORFLOW
from hessbench.backends import known

from .common import HALF_HOUR, LIMITS, cases, declared, in_cpu_seconds, labels, measure_all, plain, store

SIZES = (3, 12, 50, 100, 150)
OTHERS = ("three-body", "sir", "neural-ode")  # `n` is their name in the parameters of `Calls`
TARGETS = (*SIZES[:3], *OTHERS, *SIZES[3:])  # what takes long is measured last
WHOLE = (
    ("random-quadratic", {"n": 10}),
    ("random-quadratic", {"n": 50}),
    ("three-body", {"start": "perturbed"}),
    ("sir", {}),
    ("neural-ode", {}),
)
CALLING = (
    *(f"{name}@{b}" for name in ("forward-over-reverse", "reverse-over-reverse") for b in known(2, "vjp", "jvp")),
    *(f"{name}@tensorflow" for name in ("hand-adjoint", "hand-adjoint-rows")),
)  # whose solver, in NumPy, calls a framework
WHOLE_RTOL = (1e-8,)  # as in `smoke`, which has the same cases


CALLS_LIMIT = 120.0  # seconds, of the process of one package


def size(row):
    """What a row is listed under: its number of states, or its problem if that has one size."""
    return row.n if row.problem == PROBLEM else row.problem


def skip(message):
    """Leave out a cell; the reason is in the stored row."""
    raise NotImplementedError(message)


class _Overhead:
    timeout = 60.0

    def setup_cache(self):
        """`({(package, operation, n): row}, {key of a case: row of the share})`."""
        records = measure_all("overhead", cases(WHOLE, WHOLE_RTOL, plain()), **LIMITS)
        kept = store("overhead")
        rows = [row for package in PACKAGES for row in measure_overhead(package, TARGETS, CALLS_LIMIT)]
        shares = {key: share(record, rows) for key, record in records.items()}
        for row in [*map(asdict, rows), *shares.values()]:
            kept.add_row(row)
        return {(row.package, row.operation, size(row)): row for row in rows}, shares

    setup_cache.timeout = HALF_HOUR


@declared
class Calls(_Overhead):
    """Seconds of one call, and its parts; the first one, which compiles; one that hardly computes."""

    params = (PACKAGES, OPERATIONS, (*SIZES, *OTHERS))
    param_names = ("package", "operation", "n")

    def setup(self, measured, *key):
        self.row = measured[0][key]
        if self.row.status != "ok":
            skip(self.row.message)

    def track_call_s(self, measured, *key):
        return self.row.call_s

    def track_conversion_s(self, measured, *key):
        return self.row.conversion_s

    def track_dispatch_s(self, measured, *key):
        return self.row.dispatch_s

    def track_work_s(self, measured, *key):
        return self.row.work_s

    def track_cold_s(self, measured, *key):
        return self.row.cold_s

    def track_idle_s(self, measured, *key):
        return self.row.idle_s


@declared
class Share(_Overhead):
    """Overhead of the calls from NumPy as a part of one Hessian."""

    params = (labels(WHOLE), plain(), WHOLE_RTOL)
    param_names = ("problem", "contender", "rtol")

    def setup(self, measured, *key):
        self.row = measured[1].get(key, {"share": None, "message": "not asked for"})
        if self.row["share"] is None:
            skip(self.row["message"])

    def track_share(self, measured, *key):
        return self.row["share"]


def size_where(rows, part):
    """States of the random quadratic system from which conversion and dispatch are less than `part` of a call of the
    right-hand side; `None` without a fit.
    """
    row = next((r for r in rows if r.operation == "rhs" and r.work_s and r.per_call_s is not None), None)
    largest = max((r for r in rows if r.operation == "rhs" and r.work_s), key=lambda r: r.n, default=None)
    if row is None or largest is None:
        return None
    return largest.n * (row.per_call_s * (1 / part - 1) / largest.work_s) ** (1 / largest.power)


def in_us(seconds):
    """Microseconds in three digits, or a dash."""
    return "-" if seconds is None else f"{1e6 * seconds:.3g}"


def show_calls(rows):
    """A line for each package and target: warm call, what hardly computes, first call; then the size that matters."""
    print("package            target       rhs us  vjp us  contraction us  idle us  first rhs ms")
    for package in dict.fromkeys(row.package for row in rows):
        own = [row for row in rows if row.package == package]
        for label in dict.fromkeys(size(row) for row in own):
            rhs, vjp, contraction = (next(r for r in own if (r.operation, size(r)) == (o, label)) for o in OPERATIONS)
            if rhs.status != "ok":
                print(f"{package:18} {label!s:12} {rhs.status}: {rhs.message}")
                continue
            warm = [in_us(row.call_s) for row in (rhs, vjp, contraction)]
            print(f"{package:18} {label!s:12}", *warm, in_us(rhs.idle_s), f"{1e3 * rhs.cold_s:.3g}", sep="  ")
        half, tenth = size_where(own, 0.5), size_where(own, 0.1)
        if half is not None:
            print(f"{package:18} overhead is below a half from N = {half:.0f}, below a tenth from N = {tenth:.0f}")


def show_shares(rows, problems, names):
    """A line for each case: CPU time of a Hessian, the share of its calls' overhead, set-up with the first Hessian, also in
    Hessians. Whether they are right is not asked here.
    """
    print("problem  contender  ms  calls  share  set-up s  set-up / Hessian")
    for (label, contender, _), case in cases(problems, WHOLE_RTOL, names).items():
        try:
            setup, calls, seconds = in_cpu_seconds(case)
        except RuntimeError as error:
            print(label, contender, error, sep="  ", flush=True)
            continue
        own = [r for r in rows if r.package == case.backend and r.operation == "rhs" and r.per_call_s is not None]
        near = [r for r in own if size(r) in (case.problem, case.arguments.get("n", 0))] or own
        part = f"{100 * calls * near[0].per_call_s / seconds:.0f} %" if near else "-"
        times = (f"{1e3 * seconds:.3g}", calls, part, f"{setup:.2g}", f"{setup / seconds:.3g}")
        print(label, contender, *times, sep="  ", flush=True)


def main(names):
    """Measure and print; `names` are packages, or all."""
    packages = names or PACKAGES
    rows = [row for package in packages for row in measure_overhead(package, TARGETS, CALLS_LIMIT)]
    show_calls(rows)
    chosen = {package for package in packages if package not in TENSORFLOW[1:]}
    show_shares(rows, WHOLE, [name for name in CALLING if name.partition("@")[2] in chosen])


if __name__ == "__main__":
    main(sys.argv[1:])
