"""Which backend is taken for what: each says it of itself, and nobody else keeps a list of them."""

import ast
from pathlib import Path

import numpy as np
import pytest

from hessbench import InvalidInput, Unavailable, Unsupported, backends
from hessbench._measuring.overhead_calls import PACKAGES as OVERHEAD
from hessbench.backends import about, available, built_in, differentiating, known, one_of
from hessbench.backends._base import OPERATIONS

ROOT = Path(__file__).parents[2]
FRAMEWORKS = {"jax", "torch", "autograd", "casadi", "tensorflow"}
OTHER_LISTS = {
    "src/hessbench/_storage/modules.py": "packages whose objects need no fingerprint; it stands below the backends",
    "report/palette.py": "marks of backends in figures; another one has a mark for others",
    "src/hessbench/backends/_tensorflow.py": "packages that it shares no process with",
    "benchmarks/paper.py": "the experiments of the paper, whose parameters keep their names",
}
X, V = np.array([0.7, -1.3]), np.array([0.2, 0.5])


def test_the_order_of_choice_is_that_of_this_package_s_measurements():
    assert known()[0] == "numpy" and built_in(1) == ("jax", "torch", "autograd", "casadi", "tensorflow")
    assert built_in(2, "vjp", "jvp") == ("jax", "torch", "autograd", "tensorflow")
    assert built_in(2, "value_grad_hessian", use="loss") == ("jax", "autograd", "torch", "tensorflow")
    assert built_in(2, "derivatives", use="reference") == ("casadi", "torch", "autograd", "jax", "tensorflow")
    assert built_in(2, "derivatives", use="contractions") == ("jax", "torch", "casadi", "autograd", "tensorflow")
    assert built_in(3) == ()
    assert [name for name in OVERHEAD if name in ("numba", *built_in())] == ["numpy", "numba", *built_in(1)]


def test_only_what_is_installed_is_taken(monkeypatch):
    monkeypatch.setattr(backends, "available", lambda name: name in ("numpy", "torch", "autograd"))
    assert differentiating(2, "derivatives") == ("torch", "autograd")
    assert differentiating(2, "value_grad_hessian", use="loss") == ("autograd", "torch")
    assert set(built_in(2, "vjp")) <= set(known(2, "vjp"))


@pytest.mark.parametrize("name", built_in())
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name not in ("derivatives", "checkpoint")])
def test_what_a_backend_says_of_itself_is_what_it_does(name, operation):
    if not available(name) or about(name).apart:
        pytest.skip(f"{name} is not installed, or wants a process to itself")
    b, x = backends.backend(name), None
    x = b.asarray(X)
    calls = {
        "vjp": lambda: b.vjp(lambda x: x**3, x, b.asarray(V))[1],
        "jvp": lambda: b.jvp(lambda x: x**3, x, b.asarray(V))[1],
        "grad": lambda: b.grad(lambda x: b.xp.sum(x**3))(x),
        "value_grad_hessian": lambda: b.value_grad_hessian(lambda x: b.xp.sum(x**3))(x)[2],
    }
    expected = {"vjp": 3 * X**2 * V, "jvp": 3 * X**2 * V, "grad": 3 * X**2, "value_grad_hessian": np.diag(6 * X)}
    if about(name).offers(operation):
        np.testing.assert_allclose(b.to_numpy(calls[operation]()), expected[operation], rtol=1e-14)
    elif (name, operation) == ("casadi", "value_grad_hessian"):  # of an expression, which an array of numbers is not
        with pytest.raises(RuntimeError, match="not defined for DM"):
            calls[operation]()
    else:
        with pytest.raises(Unsupported, match=f"{name!r} has no `{operation}`"):
            calls[operation]()


@pytest.mark.parametrize("name", built_in())
def test_a_function_that_forgets_its_values_has_the_same_derivatives(name):
    if not available(name) or about(name).apart:
        pytest.skip(f"{name} is not installed, or wants a process to itself")
    b = backends.backend(name)
    if not about(name).offers("checkpoint"):
        with pytest.raises(Unsupported, match="`checkpoint`"):
            b.checkpoint(np.sin)
        return
    f = b.checkpoint(lambda x: b.xp.sin(x) ** 2)
    _, grad, hess = map(b.to_numpy, b.value_grad_hessian(lambda x: b.xp.sum(f(x)))(b.asarray(X)))
    np.testing.assert_allclose(grad, np.sin(2 * X), rtol=1e-14)
    np.testing.assert_allclose(hess, np.diag(2 * np.cos(2 * X)), rtol=1e-13, atol=1e-15)


def test_the_one_that_is_made_is_kept():
    assert backends.backend("numpy") is backends.backend("numpy")


def test_what_is_missing_is_said_with_its_remedy(monkeypatch):
    assert backends.remedy("jax") == "pip install 'hessbench[jax]'"
    monkeypatch.setattr(backends, "available", lambda name: False)
    with pytest.raises(Unavailable, match=r"needs the package `jax`: pip install 'hessbench\[jax\]'"):
        backends.backend("jax")
    for ask in (backends.about, backends.backend, backends.distributions, backends.remedy):
        with pytest.raises(InvalidInput, match="no backend 'tensorflaw'"):
            ask("tensorflaw")


def test_a_package_in_a_package_that_is_missing_is_missing(monkeypatch):
    monkeypatch.setattr(about("jax"), "package", "no_such_package.inner")
    assert not available("jax")


def test_names_in_words():
    assert [one_of(("a", "b", "c")[:n], "or") for n in range(4)] == ["", "a", "a or b", "a, b or c"]
    assert one_of(("a", "b")) == "a and b"


def lists_of_frameworks(source):
    """Lines where a literal tuple, list, set or mapping names two frameworks or more."""
    for node in ast.walk(ast.parse(source)):
        elements = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
        names = {e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)}
        if len(names & FRAMEWORKS) > 1:
            yield node.lineno


@pytest.mark.parametrize("text", ['("jax", "torch")', 'x = {"jax", "numpy", "casadi"}', '{"jax": 1, "autograd": 2}'])
def test_a_list_would_be_found(text):
    assert list(lists_of_frameworks(text)) == [1]


def test_nobody_else_keeps_a_list_of_frameworks():
    files = [
        p
        for folder in ("src", "strategies", "problems", "report", "benchmarks")
        for p in ROOT.glob(f"{folder}/**/*.py")
    ]
    found = {str(p.relative_to(ROOT)) for p in files if list(lists_of_frameworks(p.read_text()))}
    assert len(files) > 200 and found == set(OTHER_LISTS)
