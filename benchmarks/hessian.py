"""Steady-state time of one value, gradient and Hessian, over strategy x problem and size x tolerance.

asv times a case only after it passed the gate, which is done in `setup_cache` in a process of its own; all others are
skipped, with their reason in `results/records/`. `HESSBENCH_LARGE=1` measures the sizes that take minutes too; they
stand in classes of their own, so that no parameter list ever shrinks.
"""

from functools import cache

import hessbench
from hessbench import Case

from .common import HALF_HOUR, LARGE, cases, contenders, declared, labels, measure_all, stored

PROBLEMS = (
    ("random-quadratic", {"n": 10}),
    ("random-quadratic", {"n": 30}),
    ("three-body", {"start": "figure-8"}),
    ("sir", {}),
    ("driven-pendulum", {}),
    ("brusselator", {"n": 16}),
)
LARGE_PROBLEMS = (
    ("random-quadratic", {"n": 100}),
    ("random-quadratic", {"n": 150}),
    ("three-body", {"start": "simo"}),
    ("brusselator", {"n": 64}),
)
TOLERANCES = (1e-6, 1e-10)


@cache
def prepared(case_items, problem_arguments):
    """The strategy, traced and compiled and called once: `setup` runs before every sample and this does not."""
    problem, strategy, backend, rtol = case_items
    run = hessbench.prepare(hessbench.problem(problem, **dict(problem_arguments)), strategy, backend=backend, rtol=rtol)
    run()
    return run


def of_case(case):
    """`prepared` for a case, which is not hashable itself."""
    return prepared((case.problem, case.strategy, case.backend, case.rtol), tuple(case.arguments.items()))


class _Grid:
    params = (labels(PROBLEMS), contenders(), TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 120.0

    def setup_cache(self):
        return measure_all("hessian", cases(PROBLEMS, TOLERANCES, contenders()), time_limit=30.0, budget=0.1)

    setup_cache.timeout = 2 * HALF_HOUR


class _LargeGrid:
    params = (labels(LARGE_PROBLEMS), contenders(), TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 600.0

    def setup_cache(self):
        if not LARGE:
            return {}
        return measure_all("hessian", cases(LARGE_PROBLEMS, TOLERANCES, contenders()), time_limit=300.0, budget=0.1)

    setup_cache.timeout = 8 * HALF_HOUR


@declared
class _Outcome:
    def track_status(self, records, *key):
        return stored(records, key, "status")

    def track_error_hess(self, records, *key):
        return stored(records, key, "error_hess")

    def track_error_hess_perturbed(self, records, *key):
        return stored(records, key, "error_hess_perturbed")


@declared
class _Time:
    rounds, repeat, warmup_time, min_run_count = 1, (2, 5, 1.0), 0.0, 2

    def setup(self, records, *key):
        if key not in records or records[key].status != "ok":
            raise NotImplementedError(records[key].message if key in records else "not asked for")
        name, arguments = next(pair for pair in PROBLEMS + LARGE_PROBLEMS if labels([pair]) == [key[0]])
        self.run = of_case(Case(name, records[key].strategy, records[key].backend, arguments, key[2]))

    def time_hessian(self, records, *key):
        self.run()


class Outcome(_Outcome, _Grid):
    """What the gate said."""


class Time(_Time, _Grid):
    """Seconds of the cases that passed the gate."""


class LargeOutcome(_Outcome, _LargeGrid):
    """What the gate said at larger sizes."""


class LargeTime(_Time, _LargeGrid):
    """Seconds of the larger cases that passed the gate."""
