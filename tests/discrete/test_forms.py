"""Choice of form, fallbacks, the gate, the cache on disk, and memory."""

import os
import subprocess
import sys

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput
from hessbench._integrate.pairs import pair
from hessbench.discrete import _build, _emit, _forms, _kernel, _kernels
from hessbench.discrete._build import vector_width
from hessbench.discrete._compiled_state import StateCompiled
from hessbench.discrete._kernel import generate
from hessbench.discrete._trace import trace

from .helpers import CASES, case, error, logistic, needs_compiler, run


@pytest.mark.parametrize("name", CASES)
def test_forms_agree_at_a_tight_tolerance(name):
    problem = case(name)
    auto, numpy = (run(problem, problem.perturbed, 1e-10, form=form) for form in ("auto", "numpy"))
    assert error(auto.hess, numpy.hess) < 1e-7
    assert error(auto.grad, numpy.grad) < 1e-7
    assert auto.value == pytest.approx(numpy.value, rel=1e-8)


def test_so_much_code_that_compiling_takes_long_gives_way_to_numpy_with_a_notice(monkeypatch):
    monkeypatch.setattr(_kernel, "MOST_OPERATIONS", 10)
    result = run(hessbench.problem("sir"))
    assert "NumPy form" in result.note and "more than 10" in result.note
    assert "compiled form" in run(hessbench.problem("sir"), form="compiled").note


@needs_compiler
def test_code_in_parts_and_at_a_lower_level_computes_the_same(monkeypatch):
    problem = case("generic-cubic")
    whole = run(problem, problem.perturbed)
    monkeypatch.setattr(_emit, "LONGEST", 40)
    monkeypatch.setattr(_emit, "PART", 20)
    monkeypatch.setattr(_kernel, "LARGE", 10)
    parts = run(problem, problem.perturbed)
    assert "compiled form" in parts.note
    assert error(parts.hess, whole.hess) < 1e-12
    monkeypatch.setenv("CC", "no-such-compiler")
    assert "compiled form" in run(problem, problem.perturbed).note  # from disk


@pytest.mark.parametrize("form", ["auto", "numpy"])
def test_a_loss_of_both_ends_is_differentiated_by_both(form):
    problem = hessbench.problem("harmonic-oscillator")
    result = run(problem, rtol=1e-11, form=form)
    _, grad, hess = problem.exact(problem.x0)
    assert error(result.hess, hess) < 1e-9
    assert error(result.grad, grad) < 1e-9


@needs_compiler
def test_a_right_hand_side_that_branches_gives_way_to_numpy_with_a_notice():
    def rhs(xp, t, y, p):
        return p["r"] * y * (1 - y) if y[0] < 10 else y

    result = run(logistic(rhs))
    assert "NumPy form" in result.note
    assert "branches" in result.note
    assert error(result.hess, run(logistic()).hess) < 1e-7


def test_no_compiler_gives_way_to_numpy_with_a_notice(monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    assert "no C compiler" in run(logistic()).note


def test_a_compiler_that_fails_gives_way_to_numpy_with_a_notice(monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "false")
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    assert "failed on generated code" in run(logistic()).note


@needs_compiler
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("vd *restrict O) {\n  const vd r0 = X[0];", "vd *restrict O) {\n  const vd r0 = 1.001 * X[0];"),
        ("lq[v] += SPREAD(0.0)", "lq[v] += SPREAD(1e-6)"),
    ],
)
def test_the_gate_catches_a_planted_fault(monkeypatch, right, wrong):
    def tampered(*args):
        kernel = generate(*args)
        assert right in kernel.source
        object.__setattr__(kernel, "source", kernel.source.replace(right, wrong))
        return kernel

    monkeypatch.setattr(_kernels, "generate", tampered)
    problem = case("three-body")
    result = run(problem)
    assert "NumPy form" in result.note
    assert "differs from the NumPy form" in result.note


@needs_compiler
def test_the_gate_works_without_derivatives_written_by_hand(monkeypatch):
    monkeypatch.setattr(_forms, "trusted", lambda folded, ivp, by_state: None)
    problem = hessbench.problem("kepler")
    problem = hessbench.Problem(
        "own-kepler",
        problem.rhs,
        problem.loss,
        problem.t_span,
        problem.y0,
        problem.params,
        loss_blocks=problem.loss_blocks,
    )
    result = run(problem)
    assert "compiled form" in result.note


@needs_compiler
def test_a_second_process_needs_no_compiler(kernel_cache):
    run(case("sir"))
    code = (
        "import hessbench; problem = hessbench.problem('sir'); "
        "print(hessbench.hessian(problem, strategy='discrete-adjoint', rtol=1e-8).note)"
    )
    environment = {**os.environ, "CC": "no-such-compiler", "HESSBENCH_CACHE": str(kernel_cache)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("compiled form")


@needs_compiler
def test_importing_and_running_a_compiled_kernel_loads_no_framework(kernel_cache):
    run(case("sir"))
    code = (
        "import sys, hessbench; hessbench.hessian(hessbench.problem('sir'), strategy='discrete-adjoint', rtol=1e-8); "
        "print({'jax', 'torch', 'casadi', 'numba'} & set(sys.modules))"
    )
    environment = {**os.environ, "HESSBENCH_CACHE": str(kernel_cache)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@needs_compiler
@pytest.mark.parametrize("name", ["three-body", "driven-pendulum", "brusselator"])
def test_checkpoints_change_no_bit_of_the_compiled_form(name):
    problem = case(name)
    plain = run(problem, problem.perturbed, 1e-9)
    tight = run(problem, problem.perturbed, 1e-9, memory=1000)
    assert "checkpoints" in tight.note
    assert np.array_equal(plain.hess, tight.hess)


@pytest.mark.parametrize("name", ["three-body", "driven-pendulum"])
def test_checkpoints_change_the_numpy_form_by_round_off_only(name):
    problem = case(name)
    plain = run(problem, problem.perturbed, 1e-7, form="numpy")
    tight = run(problem, problem.perturbed, 1e-7, form="numpy", memory=20_000)
    assert "checkpoints" in tight.note
    assert error(tight.hess, plain.hess) < 1e-12


@needs_compiler
def test_a_hundred_periods_of_the_figure_eight_need_little_memory():
    problem = hessbench.problem("three-body")
    problem = hessbench.problem("three-body", y0=problem.y0, period=100 * problem.t_span[1])
    kernel = generate(trace(problem), pair("DOP853"), 1, vector_width())
    compiled = StateCompiled(kernel, 1, 1e5)
    from hessbench.discrete._compiled import flat_params
    from hessbench.discrete._dense import Costate

    ivp = hessbench.IVP("DOP853", 1e-10, 1e-10, dim=12)
    path = compiled.forward(problem.y0, flat_params(kernel.params, problem.params), problem.t_span, ivp)
    end = hessbench.loss_blocks(problem)[0](problem.y0, path.y1, problem.params)
    carried = compiled.backward(path, Costate.at_end(end, True))
    used = [*vars(compiled).values(), *vars(path.work).values(), *path.work.named.values()]
    buffers = [b.array.nbytes for b in used if hasattr(b, "array")]
    assert path.steps > 5000
    assert np.all(np.isfinite(carried.s))
    assert sum(buffers) < 0.1 * compiled.shared.per_step * path.steps + 2e6


@pytest.mark.parametrize("options", [{"form": "fast"}, {"probes": -1}, {"memory": 0}])
def test_bad_options_are_refused(options):
    with pytest.raises(InvalidInput):
        run(logistic(), **options)


def test_an_implicit_method_is_refused():
    with pytest.raises(InvalidInput, match="Radau"):
        run(logistic(), method="Radau")


def test_the_cache_key_depends_on_the_source():
    assert _build.binary_path("a") != _build.binary_path("b")


@needs_compiler
@pytest.mark.parametrize("wrt", [("y0",), ("y0", "s")])
def test_a_full_jacobian_of_many_states_is_multiplied_by_loops(wrt):
    n, rng = 14, np.random.default_rng(0)
    problem = hessbench.Problem(
        "linear",
        lambda xp, t, y, p: p["s"] * (p["A"] @ y),
        lambda xp, y0, y1, p: xp.sum(y1**3),
        (0.0, 1.0),
        rng.standard_normal(n),
        {"A": rng.standard_normal((n, n)) / n, "s": 1.3},
        wrt=wrt,
    )
    auto, numpy = (run(problem, rtol=1e-9, form=form) for form in ("auto", "numpy"))
    assert "compiled form" in auto.note
    assert error(auto.hess, numpy.hess) < 1e-12
