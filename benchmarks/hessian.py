"""Steady-state time of one value, gradient and Hessian, over strategy x problem and size x tolerance.

The time is that of the very function that passed the gate, measured in the process that gated it; whoever did not pass
has none, and its reason stands in `results/records/`. `metrics` shows everything else that was measured of the same
cases. `HESSBENCH_LARGE=1` adds classes with one problem more and with sizes that take
minutes; asv keeps their results when it is not set.
"""

from .common import (
    HALF_HOUR,
    LARGE,
    LARGE_LIMITS,
    LIMITS,
    cases,
    contenders,
    declared,
    labels,
    measure_all,
    plain,
    stiff,
    stored,
    variants,
)

PROBLEMS = (
    ("random-quadratic", {"n": 10}),
    ("random-quadratic", {"n": 30}),
    ("three-body", {"start": "figure-8"}),
    ("driven-pendulum", {}),
    ("brusselator", {"n": 16}),
    ("polynomial-control", {}),
)
TOLERANCES = (1e-6, 1e-10)
VARIANT_PROBLEMS = (
    ("random-quadratic", {"n": 10}),
    ("three-body", {"start": "figure-8"}),
    ("brusselator", {"n": 8, "alpha": 0.12}),  # on this one and the next some are silently wrong
    ("polynomial-control", {}),
)
DAMPED = VARIANT_PROBLEMS[2:3]  # without the strategies themselves, the fastest of it would be a variant
VARIANT_TOLERANCES = (1e-8,)  # at which integrating a Brusselator backward is wrong and does not fail
STIFF_PROBLEMS = (
    ("robertson", {}),
    ("robertson", {"t1": 1e4}),
    ("hires", {}),
    ("van-der-pol", {}),
    ("oregonator", {}),
    ("pollution", {}),
    ("e5", {}),
    ("reaction-network", {}),
    ("gray-scott", {"n": 32}),
)
STIFF_TOLERANCES = (1e-4, 1e-6, 1e-8)  # three, for work against precision
LARGE_STIFF_PROBLEMS = (
    ("robertson", {"t1": 1e11}),
    ("ring-modulator", {"t1": 1e-4}),
    ("hodgkin-huxley", {}),
    ("gray-scott", {"n": 200}),
    ("gray-scott", {"n": 1000}),
)
LARGE_PROBLEMS = (
    ("random-quadratic", {"n": 100}),
    ("random-quadratic", {"n": 150}),
    ("three-body", {"start": "simo"}),
    ("sir", {}),
    ("brusselator", {"n": 64}),
)


class Grid:
    """The strategies without their variants."""

    params = (labels(PROBLEMS), plain(), TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def setup_cache(self):
        return measure_all("hessian", cases(PROBLEMS, TOLERANCES, plain()), **LIMITS)

    setup_cache.timeout = 2 * HALF_HOUR


class VariantGrid:
    """The variants, on few problems."""

    params = (labels(VARIANT_PROBLEMS), variants(), VARIANT_TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def setup_cache(self):
        return measure_all("hessian", cases(VARIANT_PROBLEMS, VARIANT_TOLERANCES, variants()), **LIMITS)

    setup_cache.timeout = HALF_HOUR


class DampedGrid:
    """The strategies without their variants, on a problem of the variants that `Grid` has not."""

    params = (labels(DAMPED), plain(), VARIANT_TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def setup_cache(self):
        return measure_all("hessian", cases(DAMPED, VARIANT_TOLERANCES, plain()), **LIMITS)

    setup_cache.timeout = HALF_HOUR


class StiffGrid:
    """Stiff problems, by the strategies that are meant for them."""

    params = (labels(STIFF_PROBLEMS), stiff(), STIFF_TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def setup_cache(self):
        return measure_all("hessian", cases(STIFF_PROBLEMS, STIFF_TOLERANCES, stiff()), **LIMITS)

    setup_cache.timeout = 2 * HALF_HOUR


@declared
class _Time:
    def track_median_s(self, records, *key):
        return stored(records, key, "median_s")


class Time(_Time, Grid):
    """Median seconds of the cases that passed the gate."""


class Variants(_Time, VariantGrid):
    """The same of variants."""


class Damped(_Time, DampedGrid):
    """The same of the strategies themselves, on a damped problem."""


class Stiff(_Time, StiffGrid):
    """The same of stiff problems."""


if LARGE:

    class LargeStiffGrid:
        """Stiff problems that take minutes."""

        params = (labels(LARGE_STIFF_PROBLEMS), stiff(), STIFF_TOLERANCES)
        param_names = ("problem", "contender", "rtol")
        timeout = 60.0

        def setup_cache(self):
            return measure_all("hessian", cases(LARGE_STIFF_PROBLEMS, STIFF_TOLERANCES, stiff()), **LARGE_LIMITS)

        setup_cache.timeout = 16 * HALF_HOUR

    class LargeStiff(_Time, LargeStiffGrid):
        """The same of these."""

    class LargeGrid:
        """Everything, at sizes that take minutes."""

        params = (labels(LARGE_PROBLEMS), contenders(), TOLERANCES)
        param_names = ("problem", "contender", "rtol")
        timeout = 60.0

        def setup_cache(self):
            return measure_all("hessian", cases(LARGE_PROBLEMS, TOLERANCES, contenders()), **LARGE_LIMITS)

        setup_cache.timeout = 16 * HALF_HOUR

    class Large(_Time, LargeGrid):
        """The same at larger sizes."""
