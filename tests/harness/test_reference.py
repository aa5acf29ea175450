"""References: two methods that agree and value differences that confirm them, kept by content."""

import io
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import NoReference, Problem, problem, reference
from hessbench._judging import reference_ways as the_ways
from hessbench._judging.reference import compute_reference, content_key, is_cached
from hessbench._judging.reference_methods import Check


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def only_autograd(monkeypatch):
    monkeypatch.setattr("hessbench.backends.available", lambda name: name in ("autograd", "numpy"))


@pytest.fixture
def no_framework(monkeypatch):
    monkeypatch.setattr("hessbench.backends.available", lambda name: name == "numpy")


def logistic(**more):
    """`y(1) = y0 e / (1 + y0 (e - 1))`, and the Hessian of its square."""
    target = Problem(
        "logistic", lambda xp, t, y, p: y * (1.0 - y), lambda xp, y0, y1, p: xp.sum(y1 * y1), (0.0, 1.0), [0.2], **more
    )
    y0, e = 0.2, np.exp(1.0)
    first, second = (e / (1 + y0 * (e - 1)) ** 2, -2 * e * (e - 1) / (1 + y0 * (e - 1)) ** 3)
    y1 = y0 * e / (1 + y0 * (e - 1))
    return target, 2 * (first**2 + y1 * second)


def test_the_discrete_adjoint_and_the_closed_form_of_the_oscillator_agree():
    assert compute_reference(problem("harmonic-oscillator"), problem("harmonic-oscillator").x0).agreement < 1e-11


def test_the_reference_of_a_users_problem_needs_no_hand_written_derivatives(cache):
    target, hess = logistic()
    assert reference(target).hess == pytest.approx(hess, rel=1e-11)


def test_a_wrong_hand_written_derivative_is_outvoted_by_name():
    target = problem("generic-cubic")
    vhp, right = target.derivatives.vhp, reference(target)
    spoiled = replace(target, derivatives=replace(target.derivatives, vhp=lambda t, y, s, p: 1.001 * vhp(t, y, s, p)))
    found = compute_reference(spoiled, spoiled.x0)
    assert found.hess == pytest.approx(right.hess, rel=1e-8, abs=1e-8)
    assert "derivatives hand-written differs" in found.suspect


def spoil(monkeypatch, name, change):
    """Let a method of `_judging.reference_ways` return something else."""
    method = getattr(the_ways, name)

    def changed(*args):
        out = method(*args)
        check = out if isinstance(out, Check) else Check(*out)
        made = change(check)
        return made if isinstance(out, Check) else (made.value, made.grad, made.hess)

    monkeypatch.setattr(the_ways, name, changed)


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0])
def test_an_error_that_all_differentiation_shares_is_seen_by_the_witness(only_autograd, monkeypatch, factor):
    for name in ("automatic", "discrete_adjoint"):
        spoil(monkeypatch, name, lambda check: replace(check, hess=factor * check.hess))
    with pytest.raises(NoReference, match="value differences") as caught:
        compute_reference(*(lambda p: (p, p.x0))(logistic()[0]))
    assert caught.value.diagnosis == "disagreement"


def test_a_witness_that_solves_another_problem_lets_nothing_stand(only_autograd, monkeypatch):
    from hessbench._judging import witness

    multistep = witness.multistep

    def wrong(*args):
        path = multistep(*args)
        return replace(path, states=path.states * 1.0001)

    monkeypatch.setattr(witness, "multistep", wrong)
    target = logistic()[0]
    with pytest.raises(NoReference):
        compute_reference(target, target.x0)


@pytest.mark.parametrize("part", ["grad", "hess"])
def test_nan_is_never_agreement(part):
    right = Check(1.0, np.ones(2), np.eye(2))
    nan = replace(right, **{part: np.full_like(getattr(right, part), np.nan)})
    assert right.gap(nan, np.ones(2)) == nan.gap(right, np.ones(2)) == np.inf


def test_a_method_that_is_not_finite_is_passed_over_by_name(monkeypatch):
    monkeypatch.setattr("hessbench.backends.available", lambda name: name in ("autograd", "casadi", "numpy"))
    spoil(monkeypatch, "automatic", lambda check: replace(check, hess=check.hess * np.nan))
    target, hess = logistic()
    found = compute_reference(target, target.x0)
    assert found.hess == pytest.approx(hess, rel=1e-10)
    assert "autograd is not finite" in found.suspect


def test_gaps_do_not_depend_on_units():
    unit = np.array([1e-9, 1e9])
    one, other = Check(1.0, np.ones(2), np.eye(2)), Check(1.0, np.ones(2), np.diag([1.0, 1.001]))
    rescaled = [Check(1.0, c.grad / unit, c.hess / np.outer(unit, unit)) for c in (one, other)]
    assert rescaled[0].gap(rescaled[1], unit) == pytest.approx(one.gap(other, np.ones(2)))


def test_states_of_1e_9_have_a_reference_to_ten_digits(only_autograd):
    target = Problem(
        "micro", lambda xp, t, y, p: -p["k"] * y,
        lambda xp, y0, y1, p: xp.sum((y1 / 1e-9 - 0.3) ** 2), (0.0, 1.0), [1e-9, 2e-9],
        {"k": 1.0}, wrt=("y0", "k"),
    )  # fmt: skip
    found = compute_reference(target, target.x0)
    assert found.hess[2, 2] == pytest.approx(2.04452267062, rel=1e-10)
    assert found.hess[0, 2] == pytest.approx(-3.206134682432e8, rel=1e-10)


def test_zeros_at_which_only_the_limit_is_finite_are_moved(only_autograd):
    """y' = 1 + y^n from 0, by n: dy/dn solves v' = n y^(n-1) v + y^n log y, which frameworks make nan at 0."""
    target = Problem(
        "power", lambda xp, t, y, p: 1.0 + y ** p["n"],
        lambda xp, y0, y1, p: xp.sum(y1), (0.0, 0.5), [0.0], {"n": 2.0}, wrt=("n",)
    )  # fmt: skip
    from scipy.integrate import solve_ivp

    def f(t, z):
        y, v = z
        return [1 + y**2, 2 * y * v + (y**2 * np.log(y) if y > 0 else 0.0)]

    v = solve_ivp(f, (0.0, 0.5), [0.0, 0.0], rtol=1e-12, atol=1e-14, method="DOP853").y[1, -1]
    assert compute_reference(target, target.x0).grad == pytest.approx([v], rel=1e-9)


def test_a_jump_at_a_fixed_time_costs_no_digits(only_autograd):
    """y' = -y until t = 1/3, then y' = -2 y: y(1) = y0 exp(-1/3 - 4/3)."""
    target = Problem(
        "stages", lambda xp, t, y, p: -xp.where(t < 1 / 3, 1.0, 2.0) * y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.3]
    )  # fmt: skip
    assert compute_reference(target, target.x0).hess == pytest.approx(2 * np.exp(-10 / 3), rel=1e-12)


def test_a_pulse_that_solvers_step_over_is_in_the_reference():
    """y' = a exp(-((t - 7)/w)^2), L = y(10)^2: a second derivative of 2 (w sqrt(pi))^2."""
    w = 1e-3
    target = Problem(
        "pulse", lambda xp, t, y, p: p["a"] * xp.exp(-(((t - 7.0) / w) ** 2)) + 0.0 * y, lambda xp, y0, y1, p: xp.sum(y1**2),
        (0.0, 10.0), [0.0], {"a": 3.0}, wrt=("a",),
    )  # fmt: skip
    assert compute_reference(target, target.x0).hess == pytest.approx(2 * np.pi * w * w, rel=1e-9)


def test_without_any_framework_recorded_derivatives_and_values_are_enough(no_framework):
    target, hess = logistic()
    found = compute_reference(target, target.x0)
    assert found.hess == pytest.approx(hess, rel=1e-9)
    assert (found.how, found.agreement >= 1e-7) == (
        "discrete adjoint, derivatives recorded; value differences along all pairs of unknowns",
        True,
    )


def test_without_any_framework_hand_written_derivatives_and_values_are_enough(no_framework):
    target = problem("kepler")
    found = compute_reference(replace(target, exact=None), target.x0)
    assert "hand-written; value differences" in found.how
    exact = target.exact(target.x0)[2]
    assert found.hess == pytest.approx(exact, rel=1e-9, abs=1e-11 * np.max(np.abs(exact)))


def test_without_any_framework_a_wrong_derivative_leaves_no_reference(no_framework):
    target = replace(problem("kepler"), exact=None)
    vhp = target.derivatives.vhp
    spoiled = replace(target, derivatives=replace(target.derivatives, vhp=lambda t, y, s, p: 1.01 * vhp(t, y, s, p)))
    with pytest.raises(NoReference, match="differ"):
        compute_reference(spoiled, spoiled.perturbed)  # at x0, a closed orbit, the costate is zero


def test_a_reference_is_computed_once(cache, monkeypatch):
    target = problem("harmonic-oscillator", d=1)
    first = reference(target)
    monkeypatch.setattr("hessbench._judging.reference.compute_reference", None)
    assert np.array_equal(reference(target).hess, first.hess)


def test_that_there_is_none_is_found_out_once(cache, monkeypatch, no_framework):
    target = Problem("blow-up", lambda xp, t, y, p: y * y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 2.0), [1.0])
    for _ in range(2):
        with pytest.raises(NoReference) as caught:
            reference(target)
        assert caught.value.diagnosis == "non-finite"
        monkeypatch.setattr("hessbench._judging.reference.compute_reference", None)
    assert is_cached(target, target.x0)


def foreign(good):
    file = io.BytesIO()
    np.savez(file, hess=np.eye(2))
    return file.getvalue()


def pickled(good):
    file = io.BytesIO()
    np.savez(file, value=np.array([{}], dtype=object), grad=np.ones(2), hess=np.eye(2))
    return file.getvalue()


def of_another_size(good):
    with np.load(io.BytesIO(good)) as data:
        parts = {**data, "hess": np.eye(5)}
    file = io.BytesIO()
    np.savez(file, **parts)
    return file.getvalue()


def changed(good):
    with np.load(io.BytesIO(good)) as data:
        parts = {**data, "hess": 1.001 * data["hess"]}
    file = io.BytesIO()
    np.savez(file, **parts)
    return file.getvalue()


DAMAGE = {
    "cut": lambda good: good[:100],
    "empty": lambda good: b"",
    "text": lambda good: b"no such thing",
    "flipped": lambda good: good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 0xFF]) + good[len(good) // 2 + 1 :],
    "foreign": foreign,
    "pickled": pickled,
    "another size": of_another_size,
    "another number": changed,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_file_is_no_entry_and_is_repaired(cache, damage):
    target = problem("harmonic-oscillator", d=1)
    first = reference(target)
    (file,) = (cache / "references").glob("*.npz")
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert not is_cached(target, target.x0)
    assert np.array_equal(reference(target).hess, first.hess)
    assert is_cached(target, target.x0)


def test_any_flipped_byte_is_harmless(cache):
    target = problem("harmonic-oscillator", d=1)
    first = reference(target)
    (file,) = (cache / "references").glob("*.npz")
    good = file.read_bytes()
    from hessbench._judging.reference_store import load

    for at in range(0, len(good), 7):
        file.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        found = load(file, target.x0.size, target.dim)
        assert found is None or (np.array_equal(found[2], first.hess) and found[0] == first.value)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "file"))
    target = problem("harmonic-oscillator", d=1)
    assert reference(target).hess.shape == (2, 2)
    assert not is_cached(target, target.x0)


@pytest.mark.parametrize(
    "change", [{"t_span": (0.0, 1.0)}, {"params": {"beta": 4.0, "gamma": 1.25, "target": 0.8}}, {"y0": [0.9, 0.1, 0.0]}]
)
def test_the_key_changes_with_the_content(change):
    target = problem("sir")
    assert content_key(replace(target, **change), target.x0) != content_key(target, target.x0)


DOSE = 5.0


def test_the_key_changes_with_a_constant_that_acts_between_the_ends(monkeypatch):
    target = Problem(
        "stale", lambda xp, t, y, p: xp.where(t > 2.0, 1.0, 0.0) * xp.where(t < 4.0, 1.0, 0.0) * DOSE - y,
        lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 6.0), [1.0],
    )  # fmt: skip
    before = content_key(target, target.x0)
    assert content_key(target, target.x0) == before
    monkeypatch.setattr(f"{__name__}.DOSE", 8.0)
    assert content_key(target, target.x0) != before


def test_the_key_changes_with_the_right_hand_side():
    def make(sign):
        return Problem("a", lambda xp, t, y, p: sign * y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0])

    assert content_key(make(1.0), make(1.0).x0) != content_key(make(-1.0), make(1.0).x0)


def test_nothing_is_cached_before_it_is_computed(cache):
    assert not is_cached(problem("sir"), problem("sir").x0)


@pytest.mark.parametrize("name", ["kepler", "sir"])
def test_built_in_problems_are_confirmed_by_value_differences(name):
    assert "value differences agree" in hessbench.reference(problem(name)).how
