"""References: two methods that agree, kept by content."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import NoReference, Problem, problem, reference
from hessbench._reference import compute_reference, content_key, is_cached


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    return tmp_path


def test_the_discrete_adjoint_and_the_closed_form_of_the_oscillator_agree():
    assert compute_reference(problem("harmonic-oscillator"), problem("harmonic-oscillator").x0).agreement < 1e-11


def test_a_wrong_hand_written_derivative_leaves_no_reference(cache):
    target = problem("generic-cubic")
    vhp = target.derivatives.vhp
    spoiled = replace(target, derivatives=replace(target.derivatives, vhp=lambda t, y, s, p: 1.001 * vhp(t, y, s, p)))
    with pytest.raises(NoReference, match=r"differ by .*derivative may be wrong"):
        reference(spoiled)


def test_a_reference_is_computed_once(cache, monkeypatch):
    target = problem("harmonic-oscillator", d=1)
    first = reference(target)
    monkeypatch.setattr("hessbench._reference.compute_reference", None)
    assert np.array_equal(reference(target).hess, first.hess)


def test_a_damaged_cache_file_is_computed_anew(cache):
    target = problem("harmonic-oscillator", d=1)
    first = reference(target)
    (file,) = (cache / "references").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(reference(target).hess, first.hess)


@pytest.mark.parametrize(
    "change", [{"t_span": (0.0, 1.0)}, {"params": {"beta": 4.0, "gamma": 1.25, "target": 0.8}}, {"y0": [0.9, 0.1, 0.0]}]
)
def test_the_key_changes_with_the_content(change):
    target = problem("sir")
    assert content_key(replace(target, **change), target.x0) != content_key(target, target.x0)


def test_the_key_changes_with_the_right_hand_side():
    def make(sign):
        return Problem("a", lambda xp, t, y, p: sign * y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0])

    assert content_key(make(1.0), make(1.0).x0) != content_key(make(-1.0), make(1.0).x0)


def test_nothing_is_cached_before_it_is_computed(cache):
    assert not is_cached(problem("sir"), problem("sir").x0)


def test_the_reference_of_a_users_problem_needs_no_hand_written_derivatives(cache):
    target = Problem(
        "logistic", lambda xp, t, y, p: y * (1.0 - y), lambda xp, y0, y1, p: xp.sum(y1 * y1), (0.0, 1.0), [0.2]
    )
    y0, e = 0.2, np.exp(1.0)
    first, second = (e / (1 + y0 * (e - 1)) ** 2, -2 * e * (e - 1) / (1 + y0 * (e - 1)) ** 3)
    y1 = y0 * e / (1 + y0 * (e - 1))
    assert hessbench.reference(target).hess == pytest.approx(2 * (first**2 + y1 * second), rel=1e-11)
