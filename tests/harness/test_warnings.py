"""What a result warns of: the strategy's own sentences, and what the harness sees in any result."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchWarning, Problem, Result, Strategy


class Says(Strategy):
    """A result with given parts."""

    def __init__(self, steps=1, solves=1, **parts):
        self.parts, self.steps, self.solves = parts, steps, solves

    def prepare(self, problem, backend, ivp):
        n = problem.x0.size

        def run(x):
            ivp.counters.add(steps=self.steps, rhs=1, solves=self.solves)
            return Result(**{"value": 1.0, "grad": np.ones(n), "hess": np.eye(n), **self.parts})

        return run


def target():
    return hessbench.problem("harmonic-oscillator")


def test_the_sentences_of_a_strategy_reach_the_user_at_the_users_own_line():
    strategy = Says(warnings=("stiff near t = 0.5: choose `implicit`", "and chaotic"))
    with pytest.warns(HessbenchWarning) as seen:
        result = hessbench.hessian(target(), strategy=strategy)
    assert [str(w.message) for w in seen] == list(result.warnings) == list(strategy.parts["warnings"])
    assert {w.filename for w in seen} == {__file__}
    prepared = hessbench.prepare(target(), strategy)
    with pytest.warns(HessbenchWarning) as seen:
        prepared()
    assert {w.filename for w in seen} == {__file__} and len(seen) == 2


def test_hessian_warns_at_every_call_and_prepared_once_of_each_thing():
    problem, strategy = target(), Says(warnings=("stiff near t = 0.5",))
    for _ in range(2):
        with pytest.warns(HessbenchWarning, match="stiff"):
            hessbench.hessian(problem, strategy=strategy)
    prepared = hessbench.prepare(problem, strategy)
    with pytest.warns(HessbenchWarning, match="stiff"):
        prepared()
    strategy.parts["warnings"] = ("stiff near t = -1.5e-07",)  # the same thing at another time
    assert prepared().warnings == ("stiff near t = -1.5e-07",)
    strategy.parts["warnings"] = ("chaotic",)
    with pytest.warns(HessbenchWarning, match="chaotic"):
        prepared()


def test_those_who_measure_are_not_disturbed():
    prepared = hessbench.prepare(target(), Says(warnings=("stiff",)))
    assert prepared.direct(target().x0).warnings == prepared.quiet()().warnings == ("stiff",)


@pytest.mark.parametrize("name", ["value", "grad", "hess"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(name, bad):
    part = {"value": bad, "grad": np.array([0.0, 0.0, bad, 0.0]), "hess": np.diag([0.0, bad, 0.0, 0.0])}[name]
    called = {"value": "value", "grad": "gradient", "hess": "Hessian"}
    with pytest.warns(HessbenchWarning, match=f"the {called[name]} is not finite"):
        hessbench.hessian(target(), strategy=Says(**{name: part}))


def test_large_numbers_are_finite():
    assert hessbench.hessian(target(), strategy=Says(hess=1e300 * np.eye(4), value=-1e308)).warnings == ()


def test_the_hessian_of_a_norm_at_zero_is_not_silent():
    problem = Problem(
        "norm", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sqrt(xp.sum(y1 * y1)), (0.0, 1.0), [0.0, 0.0]
    )
    with pytest.warns(HessbenchWarning, match="not finite"):
        hessbench.hessian(problem)


@pytest.mark.parametrize(("steps", "solves", "near"), [(80, 1, True), (79, 1, False), (160, 2, True), (120, 2, False)])
def test_max_steps_is_near_from_four_fifths_on(steps, solves, near):
    strategy = Says(steps=steps, solves=solves)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        hessbench.hessian(target(), strategy=strategy, max_steps=100)
    assert [w.category for w in seen] == [HessbenchWarning] * near
    assert not near or "80 steps were taken, and max_steps = 100" in str(seen[0].message)


def test_the_default_strategy_near_its_limit():
    problem = target()
    steps = hessbench.hessian(problem).counters.steps
    with pytest.warns(HessbenchWarning, match="max_steps"):
        hessbench.hessian(problem, max_steps=steps)
    assert hessbench.hessian(problem, max_steps=2 * steps).warnings == ()


PROGRAM = """
import warnings, hessbench
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    result = hessbench.hessian(hessbench.problem("harmonic-oscillator"), rtol=1e-5)
print([str(w.message) for w in seen if w.category is hessbench.HessbenchWarning], "NumPy form" in result.note)
"""


def test_without_a_compiler_it_is_said_that_this_is_slow(tmp_path):
    env = {"HESSBENCH_CACHE": str(tmp_path), "CC": "no-such-compiler", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=env, check=True)
    assert (
        "no C compiler was found (set CC, install gcc or clang, or pip install" in done.stdout
        and done.stdout.endswith("True\n")
    )
    assert done.stdout.count("hundred times slower") == 1
