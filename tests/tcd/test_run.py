"""The interpreter: what each construct means, checked against NumPy and JAX, and what cannot run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tcd_work import calls_of

from hessbench import tcd

A = np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 4.0]])
U, V = np.array([1.0, -2.0, 0.5]), np.array([0.3, 0.7])
VALUES = {"A": A, "u": U, "v": V, "c": 2.5, "n": 3, "i": 1}

MEANINGS = {
    "sum": ("u + u - 3[+]", U + U - 3),
    "leading sign": ("-u * u + u", -U * U + U),
    "from left to right": ("c / 2 * 3 / 4", 2.5 / 2 * 3 / 4),
    "quotient of integers": ("n / 2", 1.5),
    "broadcast": ("A * v[:, +]", A * V[:, None]),
    "outer product": ("v[:, +] * u[+, :]", np.outer(V, U)),
    "component": ("A[i, 2]", 4.0),
    "component from the end": ("u[-1]", 0.5),
    "row": ("A[1]", A[1]),
    "ranges": ("A[:, 1:n]", A[:, 1:3]),
    "step": ("u[::2]", U[::2]),
    "backward": ("u[::-1]", U[::-1]),
    "juxtaposed product": ("&zeros(2 n)[2 i:2 n]", np.zeros(4)),
    "new axis": ("u[+, :, +]", U[None, :, None]),
    "several brackets": ("A[0][1:][0]", 2.0),
    "empty brackets": ("c[]", 2.5),
    "concat": ("&concat(1, A, v[:, +])", np.concatenate([A, V[:, None]], 1)),
    "stack": ("&stack(1, u, u)", np.stack([U, U], 1)),
    "reshape": ("&reshape(A, n, 2)", A.reshape(3, 2)),
    "onehot": ("&onehot(i, n)", np.array([0.0, 1.0, 0.0])),
    "zeros of a matrix": ("&zeros(2, n)", np.zeros((2, 3))),
    "exp and log": ("&log(&exp(u))", U),
    "integer power": ("&pow(u, 3)", U**3),
    "power by component": ("&pow(v, v)", V**V),
    "eigenvalues": ("&eigvals(u[:, +] * u[+, :])[-1]", U @ U),
    "matrix times vector": ("&es(A @ a, b; u @ b -> a)", A @ U),
    "sum of one factor": ("&es(u @ i ->)", U.sum()),
    "diagonal": ("&es(u[:, +] * u[+, :] @ i, i -> i)", U * U),
    "index in three factors": ("&es(u @ i; u @ i; u @ i ->)", (U**3).sum()),
    "scalar factor": ("&es(c; u @ i -> i)", 2.5 * U),
    "transpose": ("&es(A @ a, b -> b, a)", A.T),
    "definition": ("w[:] = u + u\nw * w", 4 * U * U),
    "last definition": ("w[:] = u + u", 2 * U),
    "call": ("f{} = ^(x[:], t[]) -> t[+] * x\nf(t[]=c, x[:]=u)", 2.5 * U),
    "bindings in order": ("(^(x[:], y[:]=x + x, z[:]=y + x) -> z)(x[:]=u)", 3 * U),
    "function without unbound slots": ("^(y[:]=u + u, z[:]=y + y) -> z", 4 * U),
    "later argument uses an earlier one": ("(^(x[:], y[:]) -> x - y)(x[:]=u, y[:]=x + x)", -U),
    "part of the slots": ("(^(x[:], t[]) -> t[+] * x)(t[]=c)(x[:]=u)", 2.5 * U),
    "closure": ("g{} = ^(t[]) -> ^(x[:]) -> t[+] * x\ng(t[]=c)(x[:]=u)", 2.5 * U),
    "closure keeps its scope": ("t[] = 2\nf{} = ^(x[:]) -> t[+] * x\n^(t[]=5, r[:]=f(x[:]=u)) -> r", 2 * U),
    "function as an argument": ("(^(g{}, x[:]) -> g(z[:]=x) + g(z[:]=x))(g{}=^(z[:]) -> z * z, x[:]=u)", 2 * U * U),
    "index of a function": ("(^(x[:]) -> x * x)[1:](x[:]=u)", (U * U)[1:]),
    "result is bound by name": ("^(u[:]) -> u + u", 2 * U),
}


@pytest.mark.parametrize(("text", "meaning"), MEANINGS.values(), ids=MEANINGS.keys())
def test_construct_means(text, meaning):
    np.testing.assert_allclose(tcd.run(text, settings=VALUES), meaning, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(("text", "meaning"), MEANINGS.values(), ids=MEANINGS.keys())
def test_checker_knows_the_shape(text, meaning):
    assert [d for d in tcd.check(text, tcd.types_of(VALUES)) if d.severity == "error"] == []


CUBIC = "f{} = ^(x[:], t[]) -> t[+] * x * x * x[0][+]\n"


def cubic(x, t):
    return t * x * x * x[0]


DERIVATIVES = {
    "component first": ("f[:, d x[:]]", lambda x, t: jax.jacobian(cubic)(x, t)),
    "slot first": ("f[d x[:], :]", lambda x, t: jax.jacobian(cubic)(x, t).T),
    "component picked": ("f[0, d x[:]]", lambda x, t: jax.jacobian(cubic)(x, t)[0]),
    "scalar slot": ("f[:, d t[]]", lambda x, t: jax.jacobian(cubic, 1)(x, t)),
    "second order": ("f[:, d x[:], d x[:]]", lambda x, t: jax.hessian(cubic)(x, t)),
    "mixed": ("f[:, d t[], d x[:]]", lambda x, t: jax.jacobian(jax.jacobian(cubic, 1))(x, t)),
    "third order": ("f[2, d x[:], d x[:], d x[:]]", lambda x, t: jax.jacobian(jax.hessian(cubic))(x, t)[2]),
    "new axis": ("f[+, :, d x[:], +]", lambda x, t: jax.jacobian(cubic)(x, t)[None, :, :, None]),
    "bare slot": ("f[:, d x]", lambda x, t: jax.jacobian(cubic)(x, t)),
    "derivative of a derivative": (
        "f[:, d x[:]][0, :, d t[]]",
        lambda x, t: jax.jacobian(jax.jacobian(cubic), 1)(x, t)[0],
    ),
}


@pytest.mark.parametrize(("text", "meaning"), DERIVATIVES.values(), ids=DERIVATIVES.keys())
def test_derivative_index_means(text, meaning):
    got = tcd.run(f"{CUBIC}{text}(x[:]=u, t[]=c)", settings=VALUES)
    np.testing.assert_allclose(got, meaning(jnp.asarray(U), 2.5), rtol=1e-13)


def test_derivative_of_a_partly_bound_function():
    got = tcd.run(CUBIC + "f(t[]=c)[:, d x[:]](x[:]=u)", settings=VALUES)
    np.testing.assert_allclose(got, jax.jacobian(cubic)(jnp.asarray(U), 2.5), rtol=1e-13)


def test_derivative_by_a_matrix_has_its_two_axes():
    got = tcd.run("(^(M[:, :]) -> &es(M @ a, b; u @ b -> a))[:, d M[:, :]](M[:, :]=A)", settings=VALUES)
    np.testing.assert_allclose(got, np.einsum("ac,b->acb", np.eye(2), U))


OSCILLATOR = "turn{} = ^(y[:]) -> &stack(0, y[1], -y[0])\n"
QUARTER = {"y": np.array([1.0, 0.0]), "t": 0.5 * np.pi}


def test_ode_integrates_forward():
    got = tcd.run(OSCILLATOR + "ODE(ydot{}=turn, y[:]=y, t0[]=0, t1[]=t)", settings=QUARTER)
    np.testing.assert_allclose(got, [0.0, -1.0], atol=1e-9)


def test_ode_integrates_backward():
    got = tcd.run(OSCILLATOR + "ODE(ydot{}=turn, y[:]=y, t0[]=t, t1[]=0)", settings=QUARTER)
    np.testing.assert_allclose(got, [0.0, 1.0], atol=1e-9)


def test_ode_over_no_time_is_the_start():
    got = tcd.run(OSCILLATOR + "ODE(ydot{}=turn, y[:]=y, t0[]=t, t1[]=t)", settings=QUARTER)
    np.testing.assert_array_equal(got, [1.0, 0.0])


def test_ode_can_be_differentiated_by_start_and_times():
    text = OSCILLATOR + "s{} = ^(y[:], a[], b[]) -> ODE(ydot{}=turn, y[:]=y, t0[]=a, t1[]=b)\n"
    text += "&concat(1, s[:, d y[:]](y[:]=y, a[]=0, b[]=t), s[:, d a[]](y[:]=y, a[]=0, b[]=t)[:, +], "
    text += "s[:, d b[]](y[:]=y, a[]=0, b[]=t)[:, +])"
    got = tcd.run(text, settings=QUARTER)
    np.testing.assert_allclose(got, [[0, 1, 1, -1], [-1, 0, 0, 0]], atol=1e-8)


def test_ode_that_blows_up_is_an_error_at_its_place():
    with pytest.raises(tcd.TcdRunError, match="failed at t = 1") as caught:
        tcd.run("a[:] = 1[+]\n ODE(ydot{}=^(y[:]) -> y * y, y[:]=a, t0[]=0, t1[]=2)")
    assert (caught.value.pos.line, caught.value.pos.column) == (2, 2)


def test_ode_with_too_few_steps_is_an_error():
    with pytest.raises(tcd.TcdRunError, match="after 3 steps"):
        tcd.run("ODE(ydot{}=^(y[:]) -> -y, y[:]=1[+], t0[]=0, t1[]=50)", options=tcd.Options(max_steps=3))


def test_failed_ode_is_nan_under_jit():
    text = "^(y[:]) -> ODE(ydot{}=^(y[:]) -> y * y, y[:]=y, t0[]=0, t1[]=2)"
    solve = tcd.evaluate(text, {})
    assert np.isnan(jax.jit(lambda y: solve(y=y))(jnp.ones(1))).all()


def pendulum(y):
    return jnp.stack([y[1], -jnp.sin(y[0])])


def by_costate(field):
    def extended(z):
        y, s = jnp.split(z, 2)
        return jnp.concatenate([field(y), -jax.jacobian(field)(y).T @ s])

    return extended


@pytest.mark.parametrize("times", [1, 2])
def test_obp_extends_a_field_by_its_costate(times):
    text = "OBP(ydot{}=" * times + "swing" + ")" * times + "(y[:]=z)"
    field = pendulum
    for _ in range(times):
        field = by_costate(field)
    z = jnp.linspace(-1.0, 1.3, 2 * 2**times)
    got = tcd.run(text, settings={"swing": tcd.python_function(pendulum, "y[:]"), "z": z})
    np.testing.assert_allclose(got, field(z), rtol=1e-13)


def test_result_can_be_jitted_and_differentiated():
    objective = tcd.evaluate("^(x[:]) -> &es(x @ i; x @ i; x @ i ->)", {})
    gradient = jax.jit(jax.grad(lambda x: objective(x=x)))
    np.testing.assert_allclose(gradient(jnp.asarray(U)), 3 * U**2)


def test_row_index_can_be_traced():
    rows = jax.vmap(lambda j: tcd.evaluate("&onehot(j, 3) + &onehot(j, 3)[j][+]", {"j": j}))(jnp.arange(3))
    np.testing.assert_array_equal(rows, np.eye(3) + 1)


def test_python_functions_are_called_by_the_names_of_their_parameters():
    assert tcd.run("hypot(a[]=3, b[]=4)", settings={"hypot": lambda a, b: (a**2 + b**2) ** 0.5}) == 5.0


FAULTS = {
    "unbound name": ("u + w", 5, "nothing is named `w`"),
    "ranks": ("u + A", 5, "same number of indices"),
    "lengths": ("u * v", 5, "equal lengths"),
    "index": ("u[n]", 3, "outside"),
    "bound": ("u[0:4]", 3, "outside"),
    "step": ("u[::0]", 3, "step 0"),
    "fraction as an integer": ("u[c]", 3, "integer"),
    "too many indices": ("u[0, 0]", 1, "rank 1"),
    "Einstein sum": ("&es(A @ i, j; v @ j -> i)", 15, "lengths 3 and 2"),
    "slot of another rank": ("(^(x[:]) -> x)(x[:]=A)", 16, "cannot hold"),
    "unknown slot": ("(^(x[:]) -> x)(y[:]=u)", 2, "no unbound slot"),
    "tensor called": ("u(x[:]=u)", 1, "cannot be called"),
    "slot nothing is named like": ("^(q[:]) -> q", 1, "nothing is named `q`"),
    "too large": ("&zeros(99999, 99999)", 1, "more than"),
    "no result": ("f: ^(x[:]) => [:]", 1, "no result"),
    "derivative by a function": ("(^(g{}) -> g(x[]=c))[d g{}](g{}=^(x[]) -> x)", 22, "function"),
    "derivative of too high an order": (f"(^(x[]) -> x)[{', '.join(['d x[]'] * 9)}](x[]=c)", 2, "order 9"),
}


@pytest.mark.parametrize(("text", "column", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_met_while_running_has_a_place(text, column, words):
    with pytest.raises(tcd.TcdError) as caught:
        tcd.run(text, settings=VALUES)
    assert words in str(caught.value)
    assert caught.value.pos.column == column


def test_work_without_end_is_stopped():
    lines = ["f0{} = ^(x[:]) -> x"] + [
        f"f{k}{{}} = ^(x[:]) -> f{k - 1}(x[:]=x) + f{k - 1}(x[:]=x)" for k in range(1, 30)
    ]
    with pytest.raises(tcd.TcdRunError, match="evaluations"):
        tcd.run("\n".join([*lines, "f29(x[:]=u)"]), settings=VALUES, options=tcd.Options(max_evaluations=500))


def test_long_chain_of_calls_is_an_error():
    lines = ["f0{} = ^(x[:]) -> x"] + [f"f{k}{{}} = ^(x[:]) -> f{k - 1}(x[:]=x)" for k in range(1, 300)]
    with pytest.raises(tcd.TcdRunError, match="deep"):
        tcd.run("\n".join([*lines, "f299(x[:]=u)"]), settings=VALUES)


def test_einstein_sum_of_many_factors_is_quick():
    text = f"&es({'; '.join(['v @ i'] * 40)} ->)"
    found = []
    calls_of(lambda: found.append(tcd.run(text, settings=VALUES)), 10_000_000)
    np.testing.assert_allclose(found[0], (V**40).sum())
