"""What calling a framework from NumPy costs, and which part of a whole Hessian that is.

The rows of both tables go to `results/records/`, too; what they mean is in `results/README.md`.
"""

from dataclasses import asdict

from hessbench._measuring.overhead import OPERATIONS, PACKAGES, measure_overhead, share

from .common import HALF_HOUR, LIMITS, cases, declared, labels, measure_all, plain, store

SIZES = (3, 12, 50, 100, 150)
WHOLE = (("random-quadratic", {"n": 10}), ("random-quadratic", {"n": 50}))
WHOLE_RTOL = (1e-8,)  # as in `smoke`, which has the same cases


def skip(message):
    """Leave out a cell; the reason is in the stored row."""
    raise NotImplementedError(message)


class _Overhead:
    timeout = 60.0

    def setup_cache(self):
        """`({(package, operation, n): row}, {key of a case: row of the share})`."""
        records = measure_all("overhead", cases(WHOLE, WHOLE_RTOL, plain()), **LIMITS)
        kept = store("overhead")
        rows = [row for package in PACKAGES for row in measure_overhead(package, SIZES)]
        shares = {key: share(record, rows) for key, record in records.items()}
        for row in [*map(asdict, rows), *shares.values()]:
            kept.add_row(row)
        return {(row.package, row.operation, row.n): row for row in rows}, shares

    setup_cache.timeout = HALF_HOUR


@declared
class Calls(_Overhead):
    """Seconds of one call, and its parts."""

    params = (PACKAGES, OPERATIONS, SIZES)
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
