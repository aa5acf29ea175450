"""Problems, results and preparations go through pickle into another process, or say why not."""

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import hessbench
from hessbench import Data, InvalidInput, Problem
from hessbench._plugins.plugin import execute

from .closed_forms import X, closed

MODULE = """
import hessbench


def rhs(xp, t, y, p):
    return -p["k"] * y


def loss(xp, y0, y1, p):
    return xp.sum((y1 - 0.3) ** 2)


problem = hessbench.Problem("decay", rhs, loss, (0.0, 1.0), [1.7, -0.4], {"k": 0.6}, wrt=("y0", "k"), scale={"k": 1.0})
"""
LOAD = """
import pickle, sys
import numpy as np
import hessbench
made = pickle.load(open(sys.argv[1], "rb"))
x = np.array([1.2, -0.7, 0.9])
print(repr((made(x) if callable(made) else hessbench.hessian(made, x, rtol=1e-9)).hess.tolist()))
"""


def elsewhere(tmp_path, made):
    """The Hessian at `X` by a process that loads `made`."""
    (tmp_path / "made.pickle").write_bytes(pickle.dumps(made))
    command = [sys.executable, "-c", LOAD, str(tmp_path / "made.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return np.array(eval(done.stdout))


def right(found):
    return np.abs(found - closed(X)[2]).max() < 1e-7


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """A problem of a module that the other process can import."""
    (tmp_path / "their_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import their_module

    yield their_module.problem
    del sys.modules["their_module"]


@pytest.fixture
def without_cloudpickle(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)


def test_a_problem_of_a_module_by_plain_pickle(tmp_path, importable, without_cloudpickle):
    assert right(elsewhere(tmp_path, importable))


@pytest.mark.parametrize("strategy", ["discrete-adjoint", "finite-difference"])
def test_a_preparation_by_plain_pickle(tmp_path, importable, without_cloudpickle, strategy):
    made = hessbench.prepare(importable, strategy, rtol=1e-9)
    assert np.abs(elsewhere(tmp_path, made) - closed(X)[2]).max() < (1e-7 if strategy == "discrete-adjoint" else 1e-2)
    back = pickle.loads(pickle.dumps(made.quiet()))
    assert back.warned is None and back.why == made.why and back.strategy == made.strategy
    assert (back.ivp.rtol, back.ivp.method, back.ivp.by_component) == (1e-9, made.ivp.method, made.ivp.by_component)
    assert np.array_equal(back(X).hess, made(X).hess)


def test_options_survive(importable):
    made = hessbench.prepare(importable, "discrete-adjoint", rtol=1e-5, atol=1e-7, method="RK45", max_steps=77)
    ivp = pickle.loads(pickle.dumps(made)).ivp
    assert (ivp.rtol, ivp.atol, ivp.method, ivp.max_steps) == (1e-5, 1e-7, "RK45", 77)


def test_prepared_products(importable):
    made = hessbench.prepare_products(importable, rtol=1e-9)
    assert right(pickle.loads(pickle.dumps(made))(X, np.eye(3)).products)


def test_conditions_and_their_preparation(importable):
    both = hessbench.Conditions({"a": importable, "b": importable}, own=("y0",))
    found = both.hessian(rtol=1e-9)
    again = pickle.loads(pickle.dumps(both))
    assert again.names == both.names and list(again.problems) == ["a", "b"] and again.unknowns == both.unknowns
    assert np.array_equal(again.hessian(rtol=1e-9).hess, found.hess)
    assert np.array_equal(pickle.loads(pickle.dumps(both.prepare(rtol=1e-9)))().hess, found.hess)


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_losses_of_frameworks(importable, framework):
    made = pytest.importorskip(framework)
    if framework == "jax":
        made.config.update("jax_enable_x64", True)
    loss = getattr(hessbench, f"as_{framework}")(importable, rtol=1e-9)
    x = made.numpy.asarray(X) if framework == "jax" else made.tensor(X)
    assert float(pickle.loads(pickle.dumps(loss))(x)) == float(loss(x))


def test_a_scipy_objective(importable):
    made = hessbench.as_scipy(importable, rtol=1e-9)
    assert right(pickle.loads(pickle.dumps(made)).hess(X)) and right(made.hess(X))
    assert right(pickle.loads(pickle.dumps(made)).hess(X))  # in use


def test_a_result(importable):
    result = hessbench.hessian(importable, X)
    back = pickle.loads(pickle.dumps(result))
    assert np.array_equal(back.hess, result.hess) and back.counters == result.counters
    assert np.array_equal(back.block("y0", "k"), result.block("y0", "k"))


def lambdas(**changes):
    k = 0.6
    return Problem(
        "decay", lambda xp, t, y, p: -p["k"] * y, lambda xp, y0, y1, p: xp.sum((y1 - 0.3) ** 2), (0.0, 1.0), [1.7, -0.4],
        {"k": k}, wrt=("y0", "k"), **changes,
    )  # fmt: skip


def test_lambdas_by_cloudpickle(tmp_path):
    cloudpickle = pytest.importorskip("cloudpickle")
    module = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(module)  # of which the other process knows nothing
    try:
        assert right(elsewhere(tmp_path, lambdas()))
        assert right(elsewhere(tmp_path, hessbench.prepare(lambdas(), rtol=1e-9)))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def test_functions_of_the_file_that_is_run(tmp_path):
    pytest.importorskip("cloudpickle")
    (tmp_path / "run.py").write_text(
        MODULE + "\nimport pickle\npickle.dump(problem, open('made.pickle', 'wb'))\n"
        "pickle.dump(hessbench.prepare(problem, rtol=1e-9), open('prepared.pickle', 'wb'))\n"
    )
    subprocess.run([sys.executable, "run.py"], cwd=tmp_path, check=True)
    for name in ("made", "prepared"):
        command = [sys.executable, "-c", LOAD, f"{name}.pickle"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0 and right(np.array(eval(done.stdout))), done.stderr


def test_lambdas_without_cloudpickle_are_a_clear_error(without_cloudpickle):
    with pytest.raises(InvalidInput, match=r"`rhs` of problem 'decay' cannot be pickled: .*pip install cloudpickle"):
        pickle.dumps(lambdas())
    data = Data([1.0], [0.3], residual=lambda xp, t, y, d, p: y[0] - d)
    with pytest.raises(InvalidInput, match="`data` of problem 'decay' cannot be pickled"):
        pickle.dumps(Problem("decay", np.sum, None, (0.0, 1.0), [1.0], data=data))


def test_what_nothing_can_pickle_is_a_clear_error():
    pytest.importorskip("cloudpickle")
    lock = threading.Lock()
    with pytest.raises(InvalidInput, match="`loss` of problem 'decay' cannot be pickled, not by cloudpickle either"):
        pickle.dumps(Problem("decay", np.negative, lambda *_: lock, (0.0, 1.0), [1.0]))


def test_a_problem_of_a_file_takes_its_path_along(tmp_path, without_cloudpickle):
    """What `compare my_ode.py` loads, as built-in problems are: no import leads there."""
    file = tmp_path / "files" / "my_ode.py"
    file.parent.mkdir()
    file.write_text(MODULE)
    made = execute(file, "hessbench_file_my_ode").problem
    assert right(elsewhere(tmp_path, made))
    file.rename(file.with_name("other.py"))
    (tmp_path / "made.pickle").write_bytes(pickle.dumps(made))
    done = subprocess.run([sys.executable, "-c", LOAD, "made.pickle"], capture_output=True, text=True, cwd=tmp_path)
    assert "`rhs` of problem 'decay' was pickled with functions of" in done.stderr and "not there" in done.stderr


@pytest.mark.parametrize("name", ["sir", "three-body"])
def test_built_in_problems(tmp_path, name):
    pytest.importorskip("cloudpickle")
    made = hessbench.prepare(hessbench.problem(name), rtol=1e-6)
    (tmp_path / "made.pickle").write_bytes(pickle.dumps(made))
    code = "import pickle; print(pickle.load(open('made.pickle', 'rb'))().hess.tolist())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and np.array_equal(eval(done.stdout), made().hess), done.stderr


def test_copies_need_nothing(without_cloudpickle):
    made = lambdas(scale={"k": 2.0})
    for twin in (copy.copy(made), copy.deepcopy(made)):
        assert twin.rhs is made.rhs and twin.params == made.params and twin.scale == made.scale
        assert np.array_equal(twin.y0, made.y0)


def test_pickling_leaves_the_preparation_cache_as_it_was():
    """A problem's fingerprint is read from its state, not from what would be pickled."""
    from hessbench._api import _preparations

    made = lambdas()
    hessbench.hessian(made, X)
    pickle.dumps(made)
    before = list(_preparations.known.values())
    hessbench.hessian(made, X)
    assert [a is b for a, b in zip(before, _preparations.known.values(), strict=True)] == [True]
