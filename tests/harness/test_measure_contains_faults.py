"""Whatever a strategy does to its process, `measure` returns a record that says it, and nothing of it survives."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scipy.stats import binom

from hessbench import Case, InvalidInput, measure
from hessbench._measuring import faults
from hessbench._measuring.child import median_interval
from hessbench._processes import contain, supervisor
from hessbench._processes.contain import supervised, sweep
from hessbench._processes.supervisor import descendants

linux = pytest.mark.skipif(sys.platform != "linux", reason="subreapers and /proc are Linux's")
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


def test_the_time_limit_is_one_of_the_clock(fault):
    start = time.monotonic()
    record = fault("time.sleep(1000)", time_limit=1.0)
    assert record.status == "timeout" and record.message.startswith("stopped at 1 s")
    assert time.monotonic() - start >= 1.0 and record.median_s is None


def test_processes_that_a_right_strategy_leaves_are_in_its_note(write):
    source = """
    import subprocess, sys
    from dataclasses import dataclass
    from hessbench import Strategy, strategies

    @dataclass(frozen=True)
    class Untidy(Strategy):
        def prepare(self, problem, backend, ivp):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
            return strategies()["hand-adjoint"].target.prepare(problem, backend, ivp)
    """
    record = measure(Case("random-quadratic", write("untidy.py", source), "numpy", {"n": 3}, rtol=1e-6), budget=0.0)
    assert record.status == "ok" and "it left processes running, which were ended: python" in record.note


def test_ctrl_c_ends_the_process_that_is_measured(fault):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            fault(f"os.kill({os.getpid()}, signal.SIGALRM); time.sleep(1000)", time_limit=600)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not descendants(os.getpid())


@linux
def test_a_measuring_process_does_not_outlive_one_that_was_killed(write, tmp_path):
    path = write("faulty.py", STRATEGY.format(body=f"open({str(tmp_path / 'hangs')!r}, 'w'); time.sleep(1000)"))
    code = (
        f"import hessbench as h; h.measure(h.Case('random-quadratic', {path!r}, 'numpy', {{'n': 3}}), time_limit=600)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as asker:
        waited_for((tmp_path / "hangs").exists, "the strategy was not called")
        below = descendants(asker.pid)
        asker.kill()
    assert len(below) >= 2
    waited_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), f"{below} are still there")


def waited_for(test, complaint):
    for _ in range(2400):
        found = test()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(complaint)


def test_a_process_outlives_the_thread_that_started_it(tmp_path):
    code = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)\nprint('there')"
    started = supervised([sys.executable, "-c", code])
    below = []
    thread = threading.Thread(target=lambda: below.append(started.__enter__()))
    thread.start()
    thread.join()
    (tmp_path / "go").touch()
    try:
        assert below[0].process.stdout.read() == b"there\n"
    finally:
        started.__exit__(None, None, None)
    assert not below[0].folder.exists()


def test_a_process_is_found_by_its_mark():
    command = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(1000)"]
    environment = {**os.environ, contain.MARK: "mark-of-this-test"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout.readline() == b"up\n"
        assert contain.marked("mark-of-this-test") == [process.pid]
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        assert sweep("mark-of-this-test") == []
        reaper.join()
    assert process.returncode == -signal.SIGKILL


def test_the_folder_for_temporary_files_is_removed_with_whatever_permissions(tmp_path):
    with faults.temporary_folder(tmp_path / "a") as left:
        (tmp_path / "a" / "b").mkdir()
        (tmp_path / "a" / "b" / "c").touch()
        (tmp_path / "a" / "b").chmod(0)
    assert left == ["b"] and not (tmp_path / "a").exists()


def test_nan_is_wrong_and_has_an_infinite_error(fault):
    record = fault("return Result(0.0, np.zeros(x.size), np.full((x.size, x.size), np.nan))")
    assert (record.status, record.error_hess, record.median_s) == ("wrong", float("inf"), None)


def test_a_divergent_solve_is_failed_with_time_and_step(fault):
    record = fault("ivp.solve(lambda t, y: 1e4 * y**2, (0.0, 1.0), 1.0 + abs(x))")
    assert record.status == "failed" and "IntegrationError" in record.message and "step size" in record.message


def test_a_wrong_shape_is_failed_with_both_shapes(fault):
    record = fault("return Result(0.0, np.zeros(2), np.zeros((2, 2)))")
    assert record.status == "failed" and "expected (3,)" in record.message


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


LATE = """
import os, sys
sys.path.insert(0, {folder!r})
import supervisor

one = supervisor.Supervisor()
(read, write), (watch, _) = os.pipe(), os.pipe()
os.set_blocking(read, False)
os.write(write, b'\\n{{"stage": "prepared"}}\\n')
one.late = True
print(one.wait(read, watch, os.getppid(), 0.0), flush=True)
"""


def test_what_was_reported_before_the_limit_is_passed_on_however_late_it_is_read():
    folder = str(Path(supervisor.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", LATE.format(folder=folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ['{"stage": "prepared"}', "limit", ""]
