"""The paper's own experiments on the random quadratic system: RK45, tolerance 1e-5, t = 0.2, N = 10 .. 150.

One pass ("differential programming", DP) against backprop of backprop row by row (BP2), as ratios T_BP2 / T_DP and
T_BP2 / (N T_DP), and each of the two with its derivatives from a framework that SciPy calls, against the same in NumPy.
Source: arXiv:2301.08085, section 5. `HESSBENCH_LARGE=1` for N above 50. `python -m benchmarks.paper N ...` prints the paper's
own architecture, SciPy's solver calling TensorFlow, beside NumPy.
"""

import sys

from hessbench import Case

from .common import (
    HALF_HOUR,
    LARGE,
    LARGE_LIMITS,
    LIMITS,
    cases,
    declared,
    in_cpu_seconds,
    labels,
    measure_all,
    ratio,
    stored,
)

PROBLEMS = tuple(("random-quadratic", {"n": n}) for n in (10, 20, 30, 40, 50))
LARGE_PROBLEMS = tuple(("random-quadratic", {"n": n}) for n in (75, 100, 125, 150))
RTOL, METHOD = 1e-5, "RK45"
ONE_PASS = ("hand-adjoint@numpy", "hand-adjoint/backward@numpy")  # `backward` integrates the state as the paper does
PAPER_ONE_PASS, PAPER_ROWS = "hand-adjoint/backward@numpy", "hand-adjoint-rows@numpy"
TENSORFLOW_ONE_PASS, TENSORFLOW_ROWS = "hand-adjoint/backward@tensorflow", "hand-adjoint-rows@tensorflow"
ROWS = {  # row by row, and one pass that it is compared with
    "hand-adjoint-rows@numpy": PAPER_ONE_PASS,
    "hand-adjoint-rows/batched@numpy": PAPER_ONE_PASS,
    TENSORFLOW_ROWS: TENSORFLOW_ONE_PASS,  # what the paper measured: SciPy's solver, TensorFlow's derivatives
    "reverse-over-reverse@tensorflow": TENSORFLOW_ONE_PASS,
}
IN_FRAMEWORK = {
    f"{strategy}@{backend}": numpy
    for strategy, numpy in (("forward-over-reverse", "hand-adjoint@numpy"), ("reverse-over-reverse", PAPER_ROWS))
    for backend in ("jax", "torch", "autograd", "tensorflow")
}
IN_FRAMEWORK |= {TENSORFLOW_ONE_PASS: PAPER_ONE_PASS, TENSORFLOW_ROWS: PAPER_ROWS}
CONTENDERS = tuple(dict.fromkeys((*ONE_PASS, *ROWS, *IN_FRAMEWORK)))
NAMES = ("problem", "contender", "rtol", "method")


def parameters(problems, contenders):
    """asv parameters of the cases of `contenders`."""
    return (labels(problems), tuple(contenders), (RTOL,), (METHOD,))


class _Grid:
    param_names = NAMES
    timeout = 60.0

    def setup_cache(self):
        return measure_all("paper", cases(PROBLEMS, (RTOL,), CONTENDERS, METHOD), **LIMITS)

    setup_cache.timeout = HALF_HOUR


@declared
class _Time:
    def track_median_s(self, records, *key):
        return stored(records, key, "median_s")


@declared
class _Ratio:
    """Row by row over one pass in the paper's form, both in the same framework."""

    def track_ratio(self, records, problem, contender, *rest):
        return ratio(records, (problem, contender, *rest), (problem, ROWS[contender], *rest))

    def track_ratio_by_n(self, records, problem, contender, *rest):
        n = stored(records, (problem, contender, *rest), "size")
        return self.track_ratio(records, problem, contender, *rest) / n


@declared
class _Framework:
    """A framework called from NumPy, over the same system with derivatives in NumPy."""

    def track_framework(self, records, problem, contender, *rest):
        return ratio(records, (problem, contender, *rest), (problem, IN_FRAMEWORK[contender], *rest))


class Time(_Time, _Grid):
    """Median seconds."""

    params = parameters(PROBLEMS, CONTENDERS)


class Ratio(_Ratio, _Grid):
    """T_BP2 / T_DP and T_BP2 / (N T_DP)."""

    params = parameters(PROBLEMS, ROWS)


class Framework(_Framework, _Grid):
    """T(framework) / T(NumPy)."""

    params = parameters(PROBLEMS, IN_FRAMEWORK)


if LARGE:

    class _LargeGrid:
        param_names = NAMES
        timeout = 60.0

        def setup_cache(self):
            return measure_all("paper", cases(LARGE_PROBLEMS, (RTOL,), CONTENDERS, METHOD), **LARGE_LIMITS)

        setup_cache.timeout = 8 * HALF_HOUR

    class LargeTime(_Time, _LargeGrid):
        """Median seconds at larger sizes."""

        params = parameters(LARGE_PROBLEMS, CONTENDERS)

    class LargeRatio(_Ratio, _LargeGrid):
        """The ratios at larger sizes."""

        params = parameters(LARGE_PROBLEMS, ROWS)

    class LargeFramework(_Framework, _LargeGrid):
        """T(framework) / T(NumPy) at larger sizes."""

        params = parameters(LARGE_PROBLEMS, IN_FRAMEWORK)


def main(sizes):
    """Print both ratios of CPU times for each size: row by row over one pass, and TensorFlow over NumPy."""
    print("    N  T_BP2 / (N T_DP): NumPy  TensorFlow    TensorFlow / NumPy: one pass  row by row")
    for n in sizes:
        seconds = []
        for contender in (PAPER_ONE_PASS, PAPER_ROWS, TENSORFLOW_ONE_PASS, TENSORFLOW_ROWS):
            strategy, _, backend = contender.partition("@")
            case = Case("random-quadratic", strategy, backend, {"n": n}, RTOL, method=METHOD)
            seconds.append(in_cpu_seconds(case)[2])
        one, rows, tf_one, tf_rows = seconds
        shown = (rows / one / n, tf_rows / tf_one / n, tf_one / one, tf_rows / rows)
        print(f"{n:5}  {shown[0]:24.2f}  {shown[1]:10.2f}  {shown[2]:30.1f}  {shown[3]:10.1f}", flush=True)


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10, 20, 30, 40, 50])
