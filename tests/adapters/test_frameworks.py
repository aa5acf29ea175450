"""`as_jax` and `as_torch` are differentiated twice as the closed form is, under every transformation."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from hessbench import HessbenchWarning, InvalidInput, Unsupported, as_jax, as_torch
from hessbench._adapters.evaluations import Evaluations

from .closed_forms import X, closed, decay

VALUE, GRAD, HESS = closed(X)
V = np.array([0.3, -1.0, 2.0])


def close(found, right):
    return np.abs(np.asarray(found) - right).max() < 1e-8 * np.abs(right).max()


@pytest.fixture(scope="module")
def jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def test_jax_to_second_order(jax):
    f = as_jax(decay())
    assert close(f(X), VALUE) and close(jax.grad(f)(X), GRAD)
    assert close(jax.jvp(jax.grad(f), (X,), (V,))[1], HESS @ V)
    assert close(jax.vjp(jax.grad(f), X)[1](V)[0], HESS @ V)
    for hessian in (jax.hessian(f), jax.jacrev(jax.grad(f)), jax.jacfwd(jax.jacfwd(f)), jax.jit(jax.hessian(f))):
        assert close(hessian(X), HESS)


def test_jax_in_batches_and_as_part_of_something(jax):
    f = as_jax(decay())
    points = np.array([X, X + 0.1, X, X - 0.2])
    rights = [closed(x) for x in points]
    for transform in (lambda g: g, jax.jit):
        assert close(transform(jax.vmap(f))(points), np.array([r[0] for r in rights]))
        assert close(transform(jax.vmap(jax.grad(f)))(points), np.array([r[1] for r in rights]))
        assert close(transform(jax.vmap(jax.hessian(f)))(points), np.array([r[2] for r in rights]))
    inner = jax.hessian(lambda z: jax.numpy.exp(f(3.0 * z)))(X / 3.0)
    assert close(inner, 9.0 * np.exp(VALUE) * (HESS + np.outer(GRAD, GRAD)))


def test_the_directions_of_a_hessian_are_multiplied_together(jax, monkeypatch):
    asked = []
    times = Evaluations.times
    monkeypatch.setattr(Evaluations, "times", lambda self, x, d: asked.append(d.shape) or times(self, x, d))
    jax.block_until_ready(jax.hessian(as_jax(decay()))(X))
    assert asked == [(3, 3)]


def test_a_third_derivative_in_jax_is_refused(jax):
    with pytest.raises(Unsupported, match="a third one"):
        jax.jacfwd(jax.hessian(as_jax(decay())))(X)


def test_jax_refuses_another_shape(jax):
    with pytest.raises(InvalidInput, match=r"`x` has shape \(4, 3\)"):
        as_jax(decay())(np.ones((4, 3)))


def test_jax_in_single_precision_is_explained():
    pytest.importorskip("jax")
    code = "import hessbench; hessbench.as_jax(hessbench.problem('harmonic-oscillator'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "InvalidInput: JAX computes in single precision here" in done.stderr
    assert 'jax.config.update("jax_enable_x64", True)' in done.stderr


def test_numbers_that_jax_has_rounded_are_warned_of(jax):
    with pytest.warns(HessbenchWarning, match=r"`params\['k'\]` is a float32 array of JAX.*jax_enable_x64"):
        decay(k=jax.numpy.asarray(0.1, dtype="float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decay(k=jax.numpy.asarray(0.1)).params["k"] == 0.1


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def test_torch_to_second_order(torch):
    f = as_torch(decay())
    x = torch.tensor(X, requires_grad=True)
    value = f(x)
    (grad,) = torch.autograd.grad(value, x, create_graph=True)
    (product,) = torch.autograd.grad(grad @ torch.tensor(V), x)
    assert close(value.detach(), VALUE) and close(grad.detach(), GRAD) and close(product, HESS @ V)
    assert close(torch.autograd.functional.hessian(f, torch.tensor(X)), HESS)
    assert torch.autograd.gradcheck(f, x) and torch.autograd.gradgradcheck(f, x)
    inner = torch.autograd.functional.hessian(lambda z: torch.exp(f(3.0 * z)), torch.tensor(X / 3.0))
    assert close(inner, 9.0 * np.exp(VALUE) * (HESS + np.outer(GRAD, GRAD)))


def test_torch_keeps_the_type_of_x(torch):
    x = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    value = as_torch(decay())(x)
    value.backward()
    assert value.dtype == x.grad.dtype == torch.float32
    assert np.abs(x.grad.numpy() - GRAD).max() < 1e-6 * np.abs(GRAD).max()


def test_an_x_of_torch_that_an_optimiser_changes_in_place_is_another_point(torch):
    f, x = as_torch(decay()), torch.tensor(X, requires_grad=True)
    f(x)
    with torch.no_grad():
        x += 0.1
    f(x).backward()
    assert close(x.grad, closed(X + 0.1)[1])


def test_a_third_derivative_in_torch_is_refused(torch):
    x = torch.tensor(X, requires_grad=True)
    (grad,) = torch.autograd.grad(as_torch(decay())(x), x, create_graph=True)
    (product,) = torch.autograd.grad(grad.sum(), x, create_graph=True)
    with pytest.raises(Unsupported, match="a third one"):
        product.sum().backward()


def test_torch_refuses_what_is_no_point(torch):
    for bad in (X, torch.ones(2), torch.ones(3, dtype=torch.int64)):
        with pytest.raises(InvalidInput, match=r"real tensor of shape \(3,\)"):
            as_torch(decay())(bad)


def test_a_transposed_product_would_be_seen(jax, torch, monkeypatch):
    """Of a matrix that is not symmetric, the products by rows are not those by columns."""
    wrong = np.triu(HESS)
    monkeypatch.setattr(Evaluations, "times", lambda self, x, d: wrong @ d)
    assert not close(jax.hessian(as_jax(decay()))(X), HESS)
    assert not close(torch.autograd.functional.hessian(as_torch(decay()), torch.tensor(X)), HESS)
