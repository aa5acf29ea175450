"""On a problem without a reference contenders run, and are told apart by how much they differ from one another."""

import json
import subprocess
import sys

import numpy as np
import pytest

from hessbench import STATUSES, Case, measure
from hessbench._judging.unjudged import differences, load

JUMP = """
from hessbench import Problem
problem = Problem(
    "jump-crossed",
    lambda xp, t, y, p: xp.where(xp.sort(y) < 1.0, 1.0 + 0 * y, 2.0 + 0 * y),
    lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 2.0), [0.0])
"""
CONSTANT = """
from dataclasses import dataclass
import numpy as np
from hessbench import Result, Strategy

@dataclass(frozen=True)
class Constant(Strategy):
    def prepare(self, problem, backend, ivp):
        return lambda x: {result}
"""
RIGHT = "Result(9.0, np.array([12.0]), np.array([[8.0]]))"


def test_the_status_is_the_last_one_so_that_stored_codes_keep_their_meaning():
    assert STATUSES[:8] == ("ok", "inaccurate", "wrong", "failed", "timeout", "unsupported", "unavailable", "unjudged")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "cache"))


def test_a_case_without_a_reference_is_unjudged_and_keeps_its_numbers(write, cache, tmp_path):
    problem, strategy = write("jump.py", JUMP), write("constant.py", CONSTANT.format(result=RIGHT))
    record = measure(Case(problem, strategy, "numpy"), keep=tmp_path / "kept.npz")
    assert (record.status, record.diagnosis) == ("unjudged", "kink"), record.message
    assert "crosses a kink or jump" in record.message
    assert record.error is None and record.median_s is None
    assert load(tmp_path / "kept.npz")[2] == 8.0
    raising = write("raising.py", CONSTANT.format(result="1 / 0"))
    assert measure(Case(problem, raising, "numpy")).status == "failed"  # it stops with an error of its own


def test_a_strategy_has_its_own_method_there_too(write, cache):
    record = measure(Case(write("jump.py", JUMP), "implicit-adjoint", "numpy"))
    assert record.status == "unjudged" and "Radau" in record.note, record.message
    named = measure(Case(write("jump.py", JUMP), "implicit-adjoint", "numpy", method="RK45"))
    assert named.status == "unsupported" and "RK45" in named.message


def test_compare_shows_their_differences(write, cache, tmp_path):
    problem = write("jump.py", JUMP)
    numbers = {"one": RIGHT, "two": RIGHT, "three": RIGHT.replace("8.0", "2.0")}
    files = [write(f"{name}.py", CONSTANT.format(result=result)) for name, result in numbers.items()]
    chosen = [part for file in files for part in ("-s", file)]
    command = [sys.executable, "-m", "hessbench", "compare", problem, *chosen, "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    records = json.loads(done.stdout)
    assert [r["status"] for r in records] == ["unjudged"] * 3
    assert [r["message"].partition(";")[0] for r in records] == [
        "differs from the median of all by 0.0e+00",
        "differs from the median of all by 0.0e+00",
        "differs from the median of all by 7.5e-01",
    ]


def test_differences_do_not_depend_on_units():
    rng = np.random.default_rng(0)
    h = rng.standard_normal((2, 2))
    numbers = {i: (1.0, np.ones(2), h * (1 + e)) for i, e in enumerate([0.0, 1e-9, 1e-3])}
    unit = np.array([1e-9, 1e9])
    rescaled = {i: (v, g / unit, m / np.outer(unit, unit)) for i, (v, g, m) in numbers.items()}
    plain, other = differences(numbers, np.ones(2)), differences(rescaled, unit)
    assert list(other.values()) == pytest.approx(list(plain.values()), rel=1e-6)
    assert plain[2] == pytest.approx(1e-3, rel=0.01)


def test_two_are_compared_with_one_another_and_nan_is_infinitely_far():
    ones = (1.0, np.ones(2), np.eye(2))
    assert differences({0: ones, 5: (1.0, np.ones(2), 1.5 * np.eye(2))}, np.ones(2))[0] == pytest.approx(0.5 / 1.25)
    found = differences({0: ones, 1: ones, 2: (np.nan, np.ones(2), np.eye(2))}, np.ones(2))
    assert found == {0: 0.0, 1: 0.0, 2: np.inf}
