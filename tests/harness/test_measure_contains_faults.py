"""Whatever a strategy does to its process, `measure` returns a record that says it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scipy.stats import binom

from hessbench import Case, InvalidInput, measure
from hessbench._child import median_interval
from hessbench._run import _descendants

STRATEGY = """
import os, signal, time
from dataclasses import dataclass
import numpy as np
from hessbench import Result, Strategy

@dataclass(frozen=True)
class Faulty(Strategy):
    def prepare(self, problem, backend, ivp):
        def run(x):
            {body}
            return Result(0.0, np.zeros(x.size), np.zeros((x.size, x.size)))
        return run
"""


@pytest.fixture
def fault(write):
    def record(body, **limits):
        path = write("faulty.py", STRATEGY.format(body=body))
        return measure(Case("random-quadratic", path, "numpy", {"n": 3}, rtol=1e-6), budget=0.0, **limits)

    return record


def test_an_exception_is_failed_with_its_message(fault):
    record = fault("raise RuntimeError('the tape is empty')")
    assert (record.status, record.message) == ("failed", "RuntimeError: the tape is empty")


def test_nan_is_wrong_and_has_an_infinite_error(fault):
    record = fault("return Result(0.0, np.zeros(x.size), np.full((x.size, x.size), np.nan))")
    assert (record.status, record.error_hess, record.median_s) == ("wrong", float("inf"), None)


def test_a_divergent_solve_is_failed_with_time_and_step(fault):
    record = fault("ivp.solve(lambda t, y: 1e4 * y**2, (0.0, 1.0), 1.0 + abs(x))")
    assert record.status == "failed" and "IntegrationError" in record.message and "step size" in record.message


def test_ctrl_c_ends_the_process_that_is_measured(fault):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(4)
    try:
        with pytest.raises(KeyboardInterrupt):
            fault("time.sleep(1000)", time_limit=60)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not _descendants(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
def test_a_measuring_process_does_not_outlive_one_that_was_killed(write, tmp_path):
    path = write("faulty.py", STRATEGY.format(body=f"open({str(tmp_path / 'hangs')!r}, 'w'); time.sleep(1000)"))
    code = f"import hessbench as h; h.measure(h.Case('random-quadratic', {path!r}, 'numpy', {{'n': 3}}), time_limit=60)"
    with subprocess.Popen([sys.executable, "-c", code]) as asker:
        waited_for((tmp_path / "hangs").exists, "the strategy was not called")
        below = _descendants(asker.pid)
        asker.kill()
    assert below
    waited_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), f"{below} are still there")


def waited_for(test, complaint):
    for _ in range(600):
        found = test()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(complaint)


def test_what_did_not_come_to_its_end_has_no_time(fault):
    record = fault("time.sleep(1000)", time_limit=8)
    assert (record.first_s, record.best_s, record.median_s, record.peak_mib) == (None,) * 4


def test_a_hang_is_a_timeout_that_names_the_stage(fault):
    record = fault("time.sleep(1000)", time_limit=8)
    assert record.status == "timeout" and "prepared" in record.message


def test_a_segmentation_fault_is_failed_with_the_signal(fault):
    record = fault("os.kill(os.getpid(), signal.SIGSEGV)")
    assert record.status == "failed" and "SIGSEGV" in record.message


def test_running_out_of_memory_is_failed_with_the_limit(fault):
    record = fault("np.ones(2**28)", memory_limit_mib=256)
    assert record.status == "failed" and "256 MiB" in record.message


def test_an_exit_is_failed_with_its_status(fault):
    record = fault("os._exit(3)")
    assert record.status == "failed" and "exit status 3" in record.message


def test_a_wrong_shape_is_failed_with_both_shapes(fault):
    record = fault("return Result(0.0, np.zeros(2), np.zeros((2, 2)))")
    assert record.status == "failed" and "expected (3,)" in record.message


def test_output_of_a_strategy_does_not_disturb_the_record(fault):
    assert fault("print('{\"stage\": 1}', flush=True)").status == "wrong"


def test_a_missing_package_is_unavailable(write):
    source = STRATEGY.format(body="pass").replace(
        "    def prepare", '    packages = ("no_such_package",)\n    def prepare'
    )
    record = measure(Case("random-quadratic", write("lacking.py", source), "numpy", {"n": 3}), budget=0.0)
    assert record.status == "unavailable" and "no_such_package" in record.message


def test_a_refused_problem_is_unsupported_with_the_reason():
    record = measure(Case("brusselator", "hand-adjoint/backward", "numpy", {"n": 32}))
    assert record.status == "unsupported" and "backward in time" in record.message


def test_a_right_strategy_is_timed():
    record = measure(Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, rtol=1e-6), budget=0.05)
    assert record.status == "ok" and 0 < record.best_s <= record.median_s and record.repeats >= 3


def test_memory_is_measured_above_the_warm_process(write):
    body = "big = np.ones(40 * 2**17); "
    good = 'r = strategies()["hand-adjoint"].target.prepare(problem, backend, ivp)'
    source = f"""
    from dataclasses import dataclass
    import numpy as np
    from hessbench import Strategy, strategies

    @dataclass(frozen=True)
    class Hungry(Strategy):
        def prepare(self, problem, backend, ivp):
            {good}
            def run(x):
                {body}
                return r(x)
            return run
    """
    record = measure(Case("random-quadratic", write("hungry.py", source), "numpy", {"n": 3}, rtol=1e-6), budget=0.0)
    assert record.status == "ok" and 38 <= record.peak_mib <= 60


@pytest.mark.parametrize("limits", [{"time_limit": 0}, {"time_limit": -1}, {"budget": -1}])
def test_senseless_limits_are_refused(limits):
    with pytest.raises(InvalidInput, match="expected positive"):
        measure(Case("sir", "hand-adjoint"), **limits)


@pytest.mark.parametrize("n", [8, 9, 30, 101, 1000])
def test_the_interval_holds_the_median_with_99_percent_and_no_narrower_one_does(n):
    low, high = median_interval([float(k) for k in range(n)][::-1])
    k = int(low) + 1  # the order statistic; the median lies below it with probability P(Binomial(n, 1/2) < k)
    assert high == n - k
    assert 2 * binom.cdf(k - 1, n, 0.5) <= 0.01 < 2 * binom.cdf(k, n, 0.5)


def test_a_few_times_have_no_interval():
    assert median_interval([1.0] * 7) == (None, None)
