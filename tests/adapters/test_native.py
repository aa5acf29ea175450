"""Right-hand sides of torch or JAX alone are problems: they run where they can, and are refused by name elsewhere."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import hessbench
from hessbench import Data, HessbenchWarning, InvalidInput, Problem, Unsupported, from_jax, from_torch
from hessbench._derive.checking import check_derivatives
from hessbench._derive.native import unseen
from hessbench._judging.reference import compute_reference, content_key
from hessbench._judging.tight import tight
from hessbench._judging.witness import Witness

from .closed_forms import X, closed
from .native_rhs import UNKNOWNS, close, end_loss, in_framework, jax

FRAMEWORKS = ("torch", "jax")
VALUE, GRAD, HESS = closed(X)


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize("strategy", ["discrete-adjoint", "hand-adjoint", "implicit-adjoint", "forward-over-reverse"])
def test_strategies_in_numpy_and_in_the_framework_are_right(framework, strategy):
    prepared = hessbench.prepare(in_framework(framework), strategy, rtol=1e-9)
    assert prepared.backend == (framework if strategy == "forward-over-reverse" else "numpy")
    result = prepared(X)
    assert close(result.value, VALUE) and close(result.grad, GRAD) and close(result.hess, HESS)


@pytest.mark.parametrize(
    "strategy, why",
    [
        ("autograd-odeint", "It runs on autograd, and that of this problem is written in"),
        ("heyoka-taylor", "It records the right-hand side, and that of this problem is written in"),
        ("unrolled@autograd", "It runs on autograd"),
    ],
)
def test_other_strategies_refuse_it_with_the_reason_and_the_remedy(framework, strategy, why):
    try:
        hessbench.prepare(in_framework(framework), strategy)
    except hessbench.Unavailable:
        pytest.skip(f"{strategy} is not installed")
    except Unsupported as refusal:
        said = str(refusal)
    assert why in said and framework in said and f"from_{framework}" in said and "write it with `xp`" in said


def test_the_other_framework_is_refused():
    pytest.importorskip("jax"), pytest.importorskip("torch")
    with pytest.raises(Unsupported, match=r"runs on jax, .* torch alone"):
        hessbench.prepare(in_framework("torch"), "jax-adjoint")


def test_two_methods_and_value_differences_agree_on_a_reference(framework):
    found = compute_reference(in_framework(framework), X)
    assert close(found.hess, HESS, 1e-10) and found.agreement < 1e-9
    assert found.how.count(framework) == 2 and "value differences agree" in found.how


def test_the_witness_sees_a_wrong_hessian_of_it(framework):
    problem = in_framework(framework)
    witness = Witness(tight(problem, X), X)
    assert witness.verdict(VALUE, GRAD, HESS).confirms
    assert not witness.verdict(VALUE, GRAD, HESS * (1 + 1e-3)).confirms


def test_what_is_added_with_xp_is_differentiated_too(framework):
    """Data and a running loss."""
    data = Data([0.5, 1.0], [[1.0, -0.3], [0.8, -0.2]], loss=lambda xp, t, y, d, p: xp.sum((y - d) ** 2))

    def plain(xp, t, y, p):
        return -p["k"] * y

    fields = {"running_loss": lambda xp, t, y, p: xp.sum(y * y), "data": data}
    right = Problem("plain", plain, end_loss, (0.0, 1.0), [1.7, -0.4], {"k": 0.6, "seen": 0.3}, wrt=UNKNOWNS, **fields)
    expected = hessbench.hessian(right, X, rtol=1e-10)
    for strategy in ("discrete-adjoint", "hand-adjoint"):
        found = hessbench.hessian(in_framework(framework, **fields), X, strategy, rtol=1e-10)
        assert close(found.hess, expected.hess), strategy


class Field:
    """Made where torch is there."""

    def __new__(cls, activation="Tanh"):
        import torch

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                torch.manual_seed(3)
                self.net = torch.nn.Sequential(
                    torch.nn.Linear(2, 3), getattr(torch.nn, activation)(), torch.nn.Linear(3, 2)
                )
                self.net[2].bias.requires_grad_(False)

            def forward(self, t, y):
                return self.net(y)

        return Net()


def of_module(module, **fields):
    return from_torch("net", module, end_loss, (0.0, 1.0), [0.4, -0.7], {"seen": 0.1}, autonomous=True, **fields)


def test_the_parameters_of_a_module_are_the_unknowns_by_their_names(torch):
    module = Field()
    problem = of_module(module)
    assert problem.wrt == ("net.0.weight", "net.0.bias", "net.2.weight")  # what needs no gradient is a constant
    assert problem.x0.size == 6 + 3 + 6 and problem.params["net.2.bias"].shape == (2,)
    assert next(module.parameters()).dtype == torch.float32  # the module itself is left as it was
    weights = {key: value.detach().double().numpy() for key, value in module.named_parameters()}

    def rhs(xp, t, y, p):
        return p["net.2.weight"] @ xp.tanh(p["net.0.weight"] @ y + p["net.0.bias"]) + p["net.2.bias"]

    right = Problem("net", rhs, end_loss, (0.0, 1.0), [0.4, -0.7], {**weights, "seen": 0.1}, wrt=problem.wrt)
    expected = hessbench.hessian(right, rtol=1e-10).hess
    for strategy in ("discrete-adjoint", "unrolled"):
        assert close(hessbench.hessian(problem, strategy=strategy, rtol=1e-10).hess, expected), strategy
    assert of_module(module, wrt=("y0", "net.0.bias")).x0.size == 5


def test_a_module_is_copied_in_evaluation_mode(torch):
    """Dropout would make another right-hand side of every call."""
    module = Field("Dropout")
    problem = of_module(module)
    assert module.training
    assert np.array_equal(*(problem.rhs(np, 0.0, np.array([0.4, -0.7]), problem.params) for _ in range(2)))
    module.eval()
    expected = module(None, torch.tensor([0.4, -0.7])).detach().numpy()
    assert close(problem.rhs(np, 0.0, np.array([0.4, -0.7]), problem.params), expected, 1e-5)


def test_a_module_goes_through_pickle(torch):
    pytest.importorskip("cloudpickle")
    problem = of_module(Field())
    again = pickle.loads(pickle.dumps(problem))
    assert again.wrt == problem.wrt
    assert np.array_equal(again.rhs(np, 0.0, again.y0, again.params), problem.rhs(np, 0.0, again.y0, again.params))


def test_a_pytree_of_jax_is_flattened_by_its_paths():
    pytest.importorskip("jax")
    jnp = jax().numpy
    tree = {"layers": [{"w": jnp.eye(2) * 0.5, "name": "first"}, {"w": jnp.ones((2, 2)), "count": 3}], "rate": 0.7}

    def f(t, y, p):
        first, second = p["layers"]
        assert first["name"] == "first" and second["count"] == 3
        return -p["rate"] * (second["w"] @ jnp.tanh(first["w"] @ y))

    def rhs(xp, t, y, p):
        return -p["rate"] * (p["layers.1.w"] @ xp.tanh(p["layers.0.w"] @ y))

    def loss(xp, y0, y1, p):
        return xp.sum(y1**2) + p["rate"]

    problem = from_jax("tree", f, loss, (0.0, 1.0), [0.4, -0.7], tree, wrt=("rate", "layers.0.w"))
    assert set(problem.params) == {"layers.0.w", "layers.1.w", "rate"}
    right = Problem("plain", rhs, loss, (0.0, 1.0), [0.4, -0.7], problem.params, wrt=problem.wrt)
    assert close(hessbench.hessian(problem, rtol=1e-10).hess, hessbench.hessian(right, rtol=1e-10).hess)


@pytest.mark.parametrize("activation, chooses", [("Tanh", ""), ("Softplus", ""), ("ReLU", "relu"), ("ELU", "elu")])
def test_a_kink_inside_torch_is_a_warning(torch, activation, chooses):
    problem = of_module(Field(activation))
    said = " ".join(unseen(problem))
    assert (f"chooses between numbers ({chooses})" in said) == bool(chooses)
    if chooses:
        with pytest.warns(HessbenchWarning, match="verify=True tells"):
            result = hessbench.hessian(problem, rtol=1e-6)
        assert said in result.warnings
        assert said in hessbench.prepare_products(problem, rtol=1e-6).direct(problem.x0, np.eye(15)[:, :1]).warnings


@pytest.mark.parametrize("activation, chooses", [("tanh", ""), ("softplus", ""), ("relu", "max")])
def test_a_kink_inside_jax_is_a_warning(activation, chooses):
    pytest.importorskip("jax")
    function = getattr(jax().nn, activation, jax().numpy.tanh)
    problem = from_jax("kink", lambda t, y: function(y), end_loss, (0.0, 1.0), [0.4, -0.7], {"seen": 0.1})
    assert (f"({chooses})" in " ".join(unseen(problem))) == bool(chooses)


def test_a_pulse_in_time_inside_torch_is_stepped_into(torch):
    """Nobody can watch the time there, so that it is looked for along the solution."""

    def f(t, y):
        return -y + torch.exp(-(((t - 7.0) / 0.004) ** 2)) / 0.004

    def rhs(xp, t, y, p):
        return -y + xp.exp(-(((t - 7.0) / 0.004) ** 2)) / 0.004

    def loss(xp, y0, y1, p):
        return xp.sum(y1**2)

    expected = hessbench.hessian(Problem("pulse", rhs, loss, (0.0, 10.0), [1.0]), rtol=1e-9)
    found = hessbench.hessian(from_torch("pulse", f, loss, (0.0, 10.0), [1.0]), rtol=1e-9)
    assert expected.value > 1e-3 and abs(found.value - expected.value) < 1e-6 * expected.value


def test_it_goes_through_pickle_and_its_key_is_the_same_there(framework):
    problem = in_framework(framework)
    hessbench.hessian(problem, X)  # what was made on the way is no part of it
    again = pickle.loads(pickle.dumps(problem))
    assert again.written_in == framework and np.array_equal(
        hessbench.hessian(again, X).hess, hessbench.hessian(problem, X).hess
    )
    key = content_key(problem, X)
    assert key is not None and content_key(again, X) == key == content_key(in_framework(framework), X)
    assert content_key(in_framework(framework, params={"k": 0.6001, "seen": 0.3}), X) != key


def test_another_module_has_another_key(torch):
    key = content_key(of_module(Field()), X)
    assert key is not None and key == content_key(of_module(Field()), X) != content_key(of_module(Field("ReLU")), X)


THEIR_FILE = """{setup}
from hessbench import from_{framework}


def f(t, y, p):
    return -xp.stack([p["k"] * xp.sin(y[0]), p["k"] * y[1]])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - 0.3) ** 2)


problem = from_{framework}("decay", f, loss, (0.0, 1.0), [1.7, -0.4], {{"k": 0.6}}, wrt=("y0", "k"))
"""
SETUP = {
    "torch": "import torch as xp",
    "jax": "import jax\njax.config.update('jax_enable_x64', True)\nimport jax.numpy as xp",
}
SPOILED = """
from dataclasses import replace
from hessbench import Strategy
from hessbench.discrete import Options, prepare


class Spoiled(Strategy):
    def prepare(self, problem, backend, ivp):
        run = prepare(problem, ivp, Options())
        return lambda x: replace(run(x), hess=1.02 * run(x).hess)
"""


def test_a_file_of_it_is_measured_and_a_wrong_strategy_seen(tmp_path, framework):
    file, spoiled = tmp_path / "their_ode.py", tmp_path / "spoiled.py"
    file.write_text(THEIR_FILE.format(setup=SETUP[framework], framework=framework))
    spoiled.write_text(SPOILED)
    record = hessbench.measure(hessbench.Case(str(file), "hand-adjoint", "numpy"), budget=0.0)
    assert record.status == "ok" and record.error < 1e-6, record
    record = hessbench.measure(hessbench.Case(str(file), "unrolled", "autograd"), budget=0.0)
    assert record.status == "unavailable" or (record.status == "unsupported" and framework in record.message), record
    record = hessbench.measure(hessbench.Case(str(file), str(spoiled)), budget=0.0)
    assert record.status == "wrong", record


def test_single_precision_is_explained(torch):
    def rounded(t, y):
        return (-y).float()

    with pytest.raises(InvalidInput, match=r"returned float32, .*torch.float64"):
        hessbench.hessian(from_torch("rounded", rounded, end_loss, (0.0, 1.0), [1.0], {"seen": 0.1}))
    code = "import hessbench\nhessbench.from_jax('decay', lambda t, y: -y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0])"
    if hessbench.backends.available("jax"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 1 and "JAX computes in single precision here" in done.stderr


@pytest.mark.parametrize(
    "f, said",
    [
        (lambda y: -y, r"takes `\(y\)`, expected `\(t, y, p\)`"),
        (lambda t, y, p, more: -y, "wrap it in a function"),
        (3.0, "must be a function"),
    ],
)
def test_another_signature_is_a_clear_error(torch, f, said):
    with pytest.raises(InvalidInput, match=said):
        from_torch("decay", f, end_loss, (0.0, 1.0), [1.0])


def test_a_name_that_the_module_has_is_a_clear_error(torch):
    with pytest.raises(InvalidInput, match=r"`params` names 'net.0.bias', as the module does"):
        from_torch("net", Field(), end_loss, (0.0, 1.0), [0.4, -0.7], {"net.0.bias": np.zeros(3)})


def test_hand_written_derivatives_are_checked_by_its_own_framework(framework):
    def derivatives(factor):
        return hessbench.Derivatives(
            vjp=lambda t, y, s, p: -p["k"] * s * factor + 0 * y,
            jac=lambda t, y, p: np.broadcast_to(-p["k"] * np.eye(2), (*np.shape(y)[:-1], 2, 2)),
            vhp=lambda t, y, s, p: np.zeros((*np.broadcast_shapes(np.shape(y), np.shape(s)), 2)),
        )

    assert check_derivatives(in_framework(framework, derivatives=derivatives(1.0))) == []
    assert framework in " ".join(check_derivatives(in_framework(framework, derivatives=derivatives(1.1))))
