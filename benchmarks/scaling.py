"""How time and memory grow with the number of states, with the number of steps, and with the tolerance.

The number of steps grows with the time over which a Brusselator is integrated, whose Hessian stays as accurate: unrolling
stores each step, checkpointing some, the continuous adjoint none but what it interpolates. Cases that other suites measure
too are measured once.
`HESSBENCH_LARGE=1` adds larger systems and longer runs.
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
)

SIZES = tuple(("random-quadratic", {"n": n}) for n in (10, 20, 30, 50))
LARGE_SIZES = tuple(("random-quadratic", {"n": n}) for n in (75, 100, 150, 200))
SIZES_RTOL = (1e-6,)
STEPS = tuple(("brusselator", {"n": 16, "t1": t}) for t in (2.0, 8.0, 32.0))
LARGE_STEPS = tuple(("brusselator", {"n": 16, "t1": t}) for t in (64.0, 128.0))
STEPS_RTOL = (1e-8,)
POINTS = tuple(("gray-scott", {"n": n}) for n in (16, 32, 64, 128))
LARGE_POINTS = tuple(("gray-scott", {"n": n}) for n in (200, 400, 1000))
POINTS_RTOL = (1e-6,)
STORING = (
    "unrolled",
    "discrete-adjoint",
    "hand-adjoint",
    "jax-adjoint",
    "diffrax",
    "torchdiffeq",
    "reverse-over-reverse",
)
TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
ORBIT = (("three-body", {"start": "figure-8"}),)


def storing():
    """Contenders that show what is kept of a trajectory, with the variants that choose it."""
    return [name for name in contenders() if name.startswith(STORING) and "rk4" not in name]


@declared
class _Growth:
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def track_median_s(self, records, *key):
        return stored(records, key, "median_s")

    def track_peak_mib(self, records, *key):
        return stored(records, key, "peak_mib")

    def track_steps(self, records, *key):
        return stored(records, key, "steps")


class Size(_Growth):
    """With the number of states."""

    params = (labels(SIZES), plain(), SIZES_RTOL)

    def setup_cache(self):
        return measure_all("scaling", cases(SIZES, SIZES_RTOL, plain()), **LIMITS)

    setup_cache.timeout = HALF_HOUR


class Steps(_Growth):
    """With the number of steps."""

    params = (labels(STEPS), storing(), STEPS_RTOL)

    def setup_cache(self):
        return measure_all("scaling", cases(STEPS, STEPS_RTOL, storing()), **LIMITS)

    setup_cache.timeout = HALF_HOUR


class Stiff(_Growth):
    """With the number of points of a reaction with diffusion, whose stiffness grows with their square."""

    params = (labels(POINTS), stiff(), POINTS_RTOL)

    def setup_cache(self):
        return measure_all("scaling", cases(POINTS, POINTS_RTOL, stiff()), **LIMITS)

    setup_cache.timeout = HALF_HOUR


class Tolerance(_Growth):
    """With the tolerance."""

    params = (labels(ORBIT), plain(), TOLERANCES)

    def setup_cache(self):
        return measure_all("scaling", cases(ORBIT, TOLERANCES, plain()), **LIMITS)

    setup_cache.timeout = HALF_HOUR


if LARGE:

    class LargeSize(_Growth):
        """With the number of states, further on."""

        params = (labels(LARGE_SIZES), plain(), SIZES_RTOL)

        def setup_cache(self):
            return measure_all("scaling", cases(LARGE_SIZES, SIZES_RTOL, plain()), **LARGE_LIMITS)

        setup_cache.timeout = 8 * HALF_HOUR

    class LargeStiff(_Growth):
        """With the number of points, further on."""

        params = (labels(LARGE_POINTS), stiff(), POINTS_RTOL)

        def setup_cache(self):
            return measure_all("scaling", cases(LARGE_POINTS, POINTS_RTOL, stiff()), **LARGE_LIMITS)

        setup_cache.timeout = 8 * HALF_HOUR

    class LargeSteps(_Growth):
        """With the number of steps, further on."""

        params = (labels(LARGE_STEPS), storing(), STEPS_RTOL)

        def setup_cache(self):
            return measure_all("scaling", cases(LARGE_STEPS, STEPS_RTOL, storing()), **LARGE_LIMITS)

        setup_cache.timeout = 8 * HALF_HOUR
