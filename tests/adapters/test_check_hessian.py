"""`check_hessian` confirms what is right, refuses what is wrong, and says where it cannot tell."""

import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput, check_hessian
from hessbench._adapters.checking import _Along

from .closed_forms import X, closed, decay


def value(x):
    return closed(x)[0]


def test_a_closed_form_is_confirmed():
    found = check_hessian(value, X, closed(X)[2])
    assert found and found.ok and not found.wrong
    assert found.error < 1e-6 and found.sees <= 1e-5 and found.noise < 1e-14
    assert found.words.startswith("Differences of values confirm the Hessian")


def test_the_hessian_of_a_solve_is_confirmed_at_loose_tolerance_too():
    f = hessbench.as_scipy(decay(), rtol=1e-6)
    assert check_hessian(f.fun, X, f.hess(X), rtol=1e-3)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e7])
@pytest.mark.parametrize("where", [(0, 0), (1, 1), (2, 2), (0, 2), (1, 2)])
def test_an_error_of_a_thousandth_is_refused_in_any_unit(unit, where):
    """Which is that of one entry, of both places, at every size of an unknown."""
    scale = np.array([unit, unit, 1.0])
    hess = closed(X)[2] / np.outer(scale, scale)
    f = lambda x: value(x / scale)  # noqa: E731
    assert check_hessian(f, X * scale, hess, pairs=True)
    hess[where] *= 1.001
    hess[where[::-1]] = hess[where]
    found = check_hessian(f, X * scale, hess, pairs=True)
    assert found.wrong and not found and "is wrong" in found.words and found.error > 2e-5


def test_errors_that_cancel_along_corners_are_refused():
    """+1 and -1 on the diagonal: along directions of equal components nothing would be seen."""
    wrong = closed(X)[2] + np.diag([1 / X[0] ** 2, -1 / X[1] ** 2, 0.0])
    assert check_hessian(value, X, wrong).wrong


def test_blocks_in_the_wrong_order_are_refused():
    order = [2, 0, 1]
    assert check_hessian(value, X, closed(X)[2][np.ix_(order, order)]).wrong


def test_half_a_matrix_is_refused_though_its_quadratic_form_is_right():
    hess = closed(X)[2]
    found = check_hessian(value, X, 2 * np.triu(hess, 1) + np.diag(np.diag(hess)))
    assert found.wrong and "not symmetric" in found.words


@pytest.mark.parametrize("size", [1e-9, 1e-7, 1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("seed", range(8))
def test_noise_neither_convicts_what_is_right_nor_hides_its_size(size, seed):
    rng = np.random.default_rng(seed)
    f = lambda x: value(x) + size * rng.standard_normal()  # noqa: E731
    found = check_hessian(f, X, closed(X)[2])
    assert not found.wrong
    assert 0.2 * size < found.noise < 6 * size
    if size >= 1e-5:
        assert not found.ok and found.words.startswith("Differences cannot tell") and found.sees > 1e-3


def test_a_little_noise_leaves_digits():
    rng = np.random.default_rng(1)
    found = check_hessian(lambda x: value(x) + 1e-10 * rng.standard_normal(), X, closed(X)[2])
    assert found.ok and 1e-5 < found.sees < 3e-3


def test_without_the_estimate_of_noise_what_is_right_would_be_convicted(monkeypatch):
    def convicted(seed):
        rng, size = np.random.default_rng(seed), 10.0 ** -(1 + seed % 8)
        return check_hessian(lambda x: value(x) + size * rng.standard_normal(), X, closed(X)[2]).wrong

    assert not any(convicted(seed) for seed in range(160))
    monkeypatch.setattr(_Along, "noise", 0.0)
    assert any(convicted(seed) for seed in range(160))


@pytest.mark.parametrize("seed", range(8))
def test_under_noise_a_wrong_hessian_is_never_confirmed(seed):
    rng = np.random.default_rng(seed)
    wrong = closed(X)[2] * 1.05
    for size in 10.0 ** np.arange(-12, 0):
        assert not check_hessian(lambda x, size=size: value(x) + size * rng.standard_normal(), X, wrong)


def test_a_linear_function_has_a_hessian_of_zeros():
    f = lambda x: 3 * x[0] - x[1]  # noqa: E731
    assert check_hessian(f, [1.0, 2.0], np.zeros((2, 2)))
    assert check_hessian(f, [1.0, 2.0], np.diag([0.1, 0.0])).wrong


def test_a_kink_is_no_confirmation():
    assert not check_hessian(lambda x: np.sum(np.abs(x - [1.0, 2.0])), [1.0, 2.0], np.zeros((2, 2)))


def test_bad_input_is_named():
    for bad, said in (
        (lambda: check_hessian(value, X, np.eye(2)), r"`hess` has shape \(2, 2\); expected \(3, 3\)"),
        (lambda: check_hessian(value, X[None], np.eye(3)), r"`x` has shape \(1, 3\)"),
        (lambda: check_hessian(value, X, np.eye(3), sizes=[1.0]), "`sizes` must be 3 positive numbers"),
        (lambda: check_hessian(value, X, "H"), "arrays of real numbers"),
        (lambda: check_hessian(value, X, np.eye(3), directions=0), "at least 1"),
        (lambda: check_hessian(lambda x: np.nan, X, np.eye(3)), "nan at the point itself"),
    ):
        with pytest.raises(InvalidInput, match=said):
            bad()
    assert check_hessian(value, X, np.full((3, 3), np.nan)).wrong


USERS_TEST = """
import sys
import numpy as np

def f(x):
    return np.sum(x**4)

def test_nothing_is_imported_by_the_plugin():
    assert "hessbench" not in sys.modules and "numpy" in sys.modules

def test_right(hessbench_check):
    assert hessbench_check(f, [1.0, 2.0], np.diag([12.0, 48.0])).ok

def test_wrong(hessbench_check):
    hessbench_check(f, [1.0, 2.0], np.diag([12.0, 24.0]))
"""


def test_the_fixture_passes_the_right_and_fails_the_wrong(tmp_path):
    assert "hessbench_pytest" in {point.value for point in entry_points(group="pytest11")}, (
        "run `pip install -e .` again"
    )
    (tmp_path / "test_theirs.py").write_text(USERS_TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_theirs.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "The Hessian is wrong" in done.stdout
