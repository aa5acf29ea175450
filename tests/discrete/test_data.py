"""Data at many times in the discrete adjoint: exact over its own steps, the same as over pieces, and right by closed form."""

from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench import Data, InvalidInput
from hessbench._integrate.pairs import pair
from hessbench.discrete import Options, _build, _compiled_form, _data_terms, _kernel
from hessbench.discrete._compiled_form import CompiledForm
from hessbench.discrete._fold import Folded
from hessbench.discrete._forms import linearised
from hessbench.discrete._marked import Marked, Sums

from .data_problems import EVERYTHING, MASK, TIMES, VALUES, InPieces, everything, misfit, residual
from .helpers import error, from_threads, needs_compiler, run

POINT = 1 + 0.07 * np.sin(np.arange(1.0, 8.0))  # in units of each problem's own
COMBINATIONS = [("y0",), ("theta",), ("noise",), ("kappa", "y0"), ("y0", "noise"), ("theta", "kappa"), EVERYTHING]


def generic(problem):
    return problem.x0 * POINT[: problem.x0.size]


@cache
def over_pieces(wrt):
    """The Hessian by another strategy."""
    problem = everything(wrt)
    return hessbench.prepare(problem, "variational", rtol=1e-11)(generic(problem))


IN_NUMPY = (("y0",), ("theta", "kappa"), EVERYTHING)  # the other form takes its time


@pytest.mark.parametrize(
    ("wrt", "form"), [*((wrt, "auto") for wrt in COMBINATIONS), *((wrt, "numpy") for wrt in IN_NUMPY)]
)
def test_every_block_agrees_with_another_strategy_over_the_pieces(wrt, form):
    problem = everything(wrt)
    ours, theirs = run(problem, generic(problem), 1e-11, form=form), over_pieces(wrt)
    assert "lifted" in theirs.note and "data at 6 times" in ours.note
    assert ours.value == pytest.approx(theirs.value, rel=1e-9)
    for got, wanted in ((ours.grad, theirs.grad), (ours.hess, theirs.hess), (ours.gauss_newton, theirs.gauss_newton)):
        size = np.abs(wanted).max()
        np.testing.assert_allclose(got / size, wanted / size, rtol=0, atol=1e-8)


@pytest.mark.parametrize("wrt", [("y0",), ("theta",), EVERYTHING])
@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_products_are_those_of_the_hessian(wrt, form):
    problem, rng = everything(wrt), np.random.default_rng(1)
    x, strategy = generic(problem), "discrete-adjoint" if form == "auto" else "discrete-adjoint/numpy"
    d = rng.standard_normal((x.size, 3))
    found = hessbench.products(problem, x, d, strategy)
    whole = hessbench.hessian(problem, x, strategy)
    assert error(found.products, whole.hess @ d) < 1e-12
    assert found.value == whole.value
    np.testing.assert_array_equal(found.grad, whole.grad)


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_twelve_data_times_of_an_oscillator(form):
    result = run(hessbench.problem("oscillator-data"), None, 1e-11, form=form)
    upper = [545.0437052739, -376.251110539, -245.2638678115, 927.7240711393, 799.8003826583, -96.4729727592]
    assert result.value == pytest.approx(-25.7918094039, rel=1e-10)
    np.testing.assert_allclose(result.hess[np.triu_indices(3)], upper, rtol=1e-8)
    assert "lifted" not in result.note and "data at 12 times" in result.note


def steps_and_jax(problem, x):
    """Steps of a solve at a loose tolerance, our derivatives over them, and JAX's of the same sums written out once more."""
    jax = pytest.importorskip("jax")
    from hessbench.backends import backend

    b, n, data = backend("jax"), problem.dim, problem.data
    xp, scheme, p0 = b.xp, hessbench.tableau("RK45"), b.params(problem)
    ivp = hessbench.IVP("RK45", 1e-4, 1e-4, dim=n)
    at = linearised(problem, ivp, Options("numpy", 0))
    (y0, p), ends = problem.unpack(x), at.__closure__[0].cell_contents  # `explaining` keeps the `Linearised`
    path = ends.solve(y0, p, ends._ends(x, p))
    d, m, t = b.asarray(data.values), b.asarray(data.mask.astype(float)), data.times

    def loss(x):
        y0, p = problem.unpack(x, p0)
        z, total = xp.concatenate([b.asarray(y0), xp.zeros(1)]), 0.0

        def slope(t, z):
            return xp.concatenate(
                [problem.rhs(xp, t, z[:n], p), xp.reshape(problem.running_loss(xp, t, z[:n], p), (1,))]
            )

        def seen(time, y):
            out = 0.0
            for k in np.flatnonzero(t == time):
                out = out + xp.sum(m[k] * misfit(xp, t[k], y, d[k], p))
                out = out + xp.sum(m[k] * residual(xp, t[k], y, d[k], p) ** 2) / 2
            return out

        total = seen(problem.t_span[0], z[:n])
        for start, h, end in zip(path.t, path.h, [*path.t[1:], problem.t_span[1]], strict=True):
            slopes = []
            for row, c in zip(scheme.a, scheme.c, strict=True):
                shift = sum((a * k for a, k in zip(row, slopes, strict=True)), 0.0 * z)
                slopes.append(slope(start + c * h, z + h * shift))
            z = z + h * sum(w * k for w, k in zip(scheme.b, slopes, strict=True))
            total = total + seen(end, z[:n])
        return problem.loss(xp, b.asarray(y0), z[:n], {**p, "t0": 0.0, "t1": 2.0}) + z[n] + total

    x_ = b.asarray(x)  # not compiled: that takes a minute for what is run once
    return at(x), (np.asarray(jax.grad(loss)(x_)), np.asarray(jax.hessian(loss)(x_)))


@pytest.fixture(scope="module")
def over_steps():
    problem = everything()
    return problem, generic(problem), steps_and_jax(problem, generic(problem))[1]


def ours_over_steps(problem, x):
    return linearised(problem, hessbench.IVP("RK45", 1e-4, 1e-4, dim=2), Options("numpy", 0))(x)


@pytest.mark.xdist_group("data-exactness")
def test_numpy_form_is_the_exact_hessian_of_its_own_steps(over_steps):
    problem, x, (grad, hess) = over_steps
    point = ours_over_steps(problem, x)
    assert error(point.grad, grad) < 1e-12
    assert error(point.hess, hess) < 1e-12


@pytest.mark.xdist_group("data-exactness")
@needs_compiler
def test_compiled_form_takes_the_same_steps_and_gives_the_same(over_steps):
    problem, x, (grad, hess) = over_steps
    point = linearised(problem, hessbench.IVP("RK45", 1e-4, 1e-4, dim=2), Options("compiled", 0))(x)
    assert "compiled form" in point.note
    assert error(point.grad, grad) < 1e-11
    assert error(point.hess, hess) < 1e-11


@pytest.mark.xdist_group("data-exactness")
@pytest.mark.parametrize("lost", ["jumps", "l1p", "lpp", "lp", "l11"])
def test_exactness_notices_a_lost_term(lost, over_steps, monkeypatch):
    problem, x, (grad, hess) = over_steps
    made = Marked.__init__

    def without(self, *args, **kwargs):
        made(self, *args, **kwargs)
        setattr(self, lost, 0 * getattr(self, lost))

    monkeypatch.setattr(Marked, "__init__", without)
    point = ours_over_steps(problem, x)
    assert max(error(point.grad, grad), error(point.hess, hess)) > 1e-3


STEP = "mark = jump(k + 1, mark, p, p->jumps, lam);\n    multipliers"
FAULTS = {
    "a jump is lost": ("columns.c", "lam[r] += jumps[", "lam[r] += 0 * jumps["),
    "the jump at the start is lost": ("columns.c", "if (!k0) jump(0,", "if (!k0 && 0) jump(0,"),
    "jumps come a step late": ("columns.c", STEP, STEP.replace("k + 1", "k")),
    "tangents are kept a step late": ("columns.c", "== first + k + 1; mark++, kept", "== first + k; mark++, kept"),
    "those of products, too": ("columns.c", "== first + k + 1; mark++) note", "== first + k; mark++) note"),
    "jumps of products come a step late": ("columns.c", "jump(first + k + 1, mark", "jump(first + k, mark"),
    "costates do not jump at events": ("columns.c", "if (map) {", "if (map && 0) {"),
    "costates behind events are lost": ("columns.c", "memcpy(p->behind +", "memcpy(p->behind + 0 *"),
    "tangents do not jump at events": (
        "columns.c",
        "NV * sizeof(vd));\n  if (!map) return;",
        "NV * sizeof(vd));\n  return;",
    ),
    "those of products, neither": ("columns.c", "v, N * 8);\n  if (!map) return;", "v, N * 8);\n  return;"),
    "unknowns do not move what is behind": ("columns.c", "+= map[N * N + r * COLUMNS + c];", "+= 0;"),
    "marks are off by one": ("forward.c", "marks[next++] = n;", "marks[next++] = n - 1;"),
    "states are kept in one place": ("forward.c", "seen + next * N", "seen + 0 * next * N"),
}


@needs_compiler
@pytest.mark.parametrize("fault", FAULTS)
def test_the_gate_refuses_a_kernel_with_a_fault(fault, monkeypatch):
    file, right, wrong = FAULTS[fault]
    text = _build.fixed_part("discrete", file)
    assert right in text
    read = _build.fixed_part
    monkeypatch.setattr(_kernel, "fixed_part", lambda package, name: read(package, name).replace(right, wrong))
    folded = Folded(everything(("y0", "kappa")))
    with pytest.raises(_compiled_form.NotCompiled, match="differs from the NumPy form"):
        CompiledForm(folded, hessbench.IVP("RK45", 1e-6, 1e-6, dim=2), Options(), pair("RK45"), False)


TERMS = {
    "all at one place": ("O + place * PLACE", "O + 0 * place"),
    "another state": ("ROW * 8);\n    term", "ROW * 8);\n    x[0] *= 1.001;\n    term"),
}


@needs_compiler
@pytest.mark.parametrize("fault", TERMS)
def test_compiled_terms_with_a_fault_are_not_used(fault, monkeypatch):
    read, (old, new) = _data_terms.fixed_part, TERMS[fault]
    faulty = read("discrete", "data.c").replace(old, new)
    assert faulty != read("discrete", "data.c")
    monkeypatch.setattr(_data_terms, "fixed_part", lambda *which: faulty)
    problem = everything(("y0", "kappa"))
    result = hessbench.prepare(problem, "discrete-adjoint")(generic(problem))
    assert "not as C: the compiled terms of the data differ" in result.note
    wanted = hessbench.prepare(problem, "variational")(generic(problem))
    assert error(result.hess, wanted.hess) < 1e-8


@needs_compiler
def test_states_at_checkpoints_give_the_same():
    problem = everything()
    x = generic(problem)
    whole = run(problem, x, 1e-11)
    little = run(problem, x, 1e-11, memory=4096.0)
    assert "checkpoints" in little.note and "checkpoints" not in whole.note
    assert error(little.grad, whole.grad) < 1e-13
    assert error(little.hess, whole.hess) < 1e-13
    d = np.eye(x.size)
    strategy = hessbench.builtin_strategies.discrete_adjoint.DiscreteAdjoint(memory=4096.0)
    assert error(hessbench.products(problem, x, d, strategy, rtol=1e-11).products, whole.hess) < 1e-12


def test_backward_in_time():
    problem = everything(t_span=(2.0, 0.0))
    x = generic(problem)
    ours, theirs = run(problem, x, 1e-11), hessbench.prepare(problem, "variational", rtol=1e-11)(x)
    assert "data at 6 times" in ours.note
    assert error(ours.grad, theirs.grad) < 1e-8
    assert error(ours.hess, theirs.hess) < 1e-8


def pulse(data):
    """y' = (a pulse of height a at t = 1, 1e-3 wide) from y0; y is y0, and y0 + a pulse behind it."""

    def rhs(xp, t, y, p):
        return p["a"] * xp.exp(-(((t - 1.0) / 1e-3) ** 2)) + 0.0 * y

    return hessbench.Problem("pulse", rhs, None, (0.0, 3.0), [0.5], {"a": 400.0}, ("y0", "a"), data=data)


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_steps_end_at_pulses_and_at_data(form):
    """The pulse has the area sqrt(pi)/1000."""
    data = Data([0.25, 2.0], [0.0, 0.0], lambda xp, t, y, d, p: y[0] ** 2)
    result, area = run(pulse(data), None, 1e-10, form=form), np.sqrt(np.pi) / 1000
    assert result.value == pytest.approx(0.25 + (0.5 + 400 * area) ** 2, rel=1e-9)
    np.testing.assert_allclose(result.hess, [[4.0, 2 * area], [2 * area, 2 * area**2]], rtol=1e-8)


def test_threads_do_not_disturb_each_other():
    problem = everything()
    prepared = hessbench.prepare(problem, "discrete-adjoint")
    points = [problem.x0 * (1 + 0.01 * k) for k in range(4)]
    alone = [prepared.direct(x) for x in points]
    for one, many in zip(alone, from_threads(prepared, points, 20), strict=True):
        assert all(np.array_equal(one.hess, r.hess) and np.array_equal(one.gauss_newton, r.gauss_newton) for r in many)


def test_without_a_compiler_terms_are_those_of_numpy(monkeypatch, tmp_path):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    problem = everything(data=Data(TIMES, VALUES, misfit, mask=MASK))
    result = hessbench.prepare(problem, "discrete-adjoint", rtol=1e-9).quiet()(generic(problem))
    assert "no C compiler" in result.note and "their terms generated as NumPy" in result.note


def test_gauss_newton_of_data_with_a_loss_alone_has_the_terms_whole():
    problem = everything(data=Data(TIMES, VALUES, misfit, mask=MASK), running_loss=None)
    x = generic(problem)
    ours, theirs = run(problem, x, 1e-11), hessbench.prepare(problem, "variational", rtol=1e-11)(x)
    assert error(ours.gauss_newton, theirs.gauss_newton) < 1e-8


def test_terms_that_are_not_finite_are_named():
    data = Data([0.5, 1.0], [0.1, 0.2], lambda xp, t, y, d, p: xp.log(y[0] - 2.0))
    with np.errstate(all="ignore"):
        result = run(everything(("y0",), data=data), None, 1e-8, form="numpy")
    assert "a term of the data" in result.note


def test_what_cannot_be_recorded_is_said():
    def stubborn(xp, t, y, d, p):
        return float(y[0]) ** 2

    with pytest.raises(InvalidInput, match=r"`data.loss` cannot be recorded"):
        hessbench.prepare(everything(data=Data([1.0], [2.0], stubborn)), "discrete-adjoint")


def test_a_loss_that_is_one_number_cannot_be_masked_by_entries():
    data = Data(TIMES, VALUES, lambda xp, t, y, d, p: xp.sum((y - d) ** 2), mask=MASK)
    with pytest.raises(InvalidInput, match="masked values cannot be left out"):
        hessbench.prepare(everything(data=data), "discrete-adjoint")


def test_pieces_and_the_road_at_once_give_the_same():
    problem = everything()
    x = generic(problem)
    ours, pieces = run(problem, x, 1e-11), hessbench.prepare(problem, InPieces(), rtol=1e-11)(x)
    assert "lifted" in pieces.note and "lifted" not in ours.note
    assert error(ours.hess, pieces.hess) < 1e-9


def test_sums_are_those_of_each_place():
    """Phi^T (l11 Phi + 2 l1p) + lpp, made symmetric, place by place."""
    rng, n, total = np.random.default_rng(2), 3, 5
    params, phi = np.array([1, 4]), rng.standard_normal((4, n + 1, total))
    l11, l1p, lpp = rng.standard_normal((4, n, n)), rng.standard_normal((4, n, 2)), rng.standard_normal((2, 2))
    l11, lpp = l11 + l11.swapaxes(1, 2), lpp + lpp.T
    sums = Sums(Marked(np.arange(4.0), 0.0, np.zeros((4, n + 1)), np.zeros(2), l11, l1p, lpp, params), total)
    sums.add(0, 3, phi[:3])
    sums.add(3, 4, phi[3:])
    wanted = np.zeros((total, total))
    own = np.eye(total)[params]
    for k in range(4):
        w = np.vstack([phi[k, :n], own])
        wanted += w.T @ np.block([[l11[k], l1p[k]], [l1p[k].T, lpp / 4]]) @ w
    np.testing.assert_allclose((sums.whole + sums.whole.T) / 2, wanted, rtol=1e-12, atol=1e-12)
