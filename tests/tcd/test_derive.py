"""The derivation: its rules one by one against JAX, what it writes, and what it refuses."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hessbench import tcd
from hessbench.tcd.syntax import Lambda

jax.config.update("jax_enable_x64", True)

X = np.array([0.3, -0.7, 0.45])
M = np.array([[2.0, 0.3], [0.3, -1.0]])


def require_derivatives(text, wrt, at, wanted_gradient, wanted_hessian, settings=None, tolerance=1e-9, **arguments):
    """Gradient and all rows of the Hessian of a program, against arrays of shapes (...) and (..., ...)."""
    at = np.asarray(at, dtype=float)
    arguments = {"sizes": {wrt: at.shape}, **arguments}
    values = {wrt: at, **(settings or {})}
    program = tcd.derive(text, wrt, **arguments)
    gradient = jax.jit(lambda x: tcd.run(program, settings={**values, wrt: x}))(at)
    np.testing.assert_allclose(gradient, wanted_gradient, rtol=tolerance, atol=tolerance)
    row = tcd.derive(text, wrt, order="hessian", **arguments)
    hessian = jax.jit(jax.vmap(lambda j: tcd.run(row, settings={**values, "j": j})))(jnp.arange(at.size))
    wanted = np.reshape(wanted_hessian, (at.size, *at.shape))
    np.testing.assert_allclose(hessian, wanted, rtol=tolerance, atol=tolerance)


def weighted(a):
    return jnp.sum(jnp.asarray([1.0, 3.0]) * jnp.linalg.eigvalsh((a + a.T) / 2) ** 2)


def vectors(a):
    v = jnp.linalg.eigh((a + a.T) / 2)[1]
    return (v[:, 0] @ jnp.asarray([1.0, 2.0])) ** 2


CLOSURE = "^(x[:], k[]=x[0] * x[1], g{}=^(u[:]) -> k[+] * u * x) -> "
RULES = {
    "eigenvalues": (
        "^(x[:, :], e[:]=&eigvals(x), w[:]=&stack(0, 1, 3)) -> &es(w @ i; e @ i; e @ i ->)",
        weighted,
        M,
    ),
    "eigenvectors": (
        "^(x[:, :], p[]=&es(&eigvecs(x)[:, 0] @ i; &stack(0, 1, 2) @ i ->)) -> p * p",
        vectors,
        M,
    ),
    "diagonal of an Einstein sum": (
        "^(x[:], A[:, :]=x[:, +] * x[+, :] * x[+, :]) -> &es(A @ i, i; x @ i ->)",
        lambda x: jnp.sum(x**4),
        X,
    ),
    "index summed in one factor": (
        "^(x[:]) -> &es(x * x * x @ i; x @ j; x @ j ->)",
        lambda x: jnp.sum(x**3) * jnp.sum(x**2),
        X,
    ),
    "closure that captures": (
        CLOSURE + "&es(g(u[:]=x) @ i ->)",
        lambda x: jnp.sum(x[0] * x[1] * x * x),
        X,
    ),
    "derivative of a closure that captures": (
        CLOSURE + "&es(g[:, d u[:]](u[:]=x * x) @ i, i; x @ i ->)",
        lambda x: jnp.sum(x[0] * x[1] * x * x),
        X,
    ),
    "derivative by what is derived": (
        "f{} = ^(u[:], v[:]) -> &es(u @ i; u @ i; u @ i; v @ i ->)\n"
        "^(x[:]) -> &es(f[d u[:], d v[:]](u[:]=x, v[:]=x) @ i, i ->)",
        lambda x: jnp.sum(3 * x**2),
        X,
    ),
    "function as an argument": (
        "twice{} = ^(g{}, u[:]) -> g(v[:]=g(v[:]=u))\n^(x[:]) -> &es(twice(g{}=^(v[:]) -> v * x, u[:]=x) @ i ->)",
        lambda x: jnp.sum(x**3),
        X,
    ),
    "function that returns a function": (
        "make{} = ^(k[:]) -> ^(v[:]) -> v * k\n^(x[:]) -> &es(make(k[:]=x * x)(v[:]=x) @ i ->)",
        lambda x: jnp.sum(x**3),
        X,
    ),
    "function applied in part": (
        "f{} = ^(u[:], v[:]) -> u * u * v\n^(x[:], h{}=f(v[:]=x)) -> &es(h(u[:]=x) @ i ->)",
        lambda x: jnp.sum(x**3),
        X,
    ),
    "arguments that name each other's slots": (
        "f{} = ^(u[:], v[:]) -> u * u * v\n^(x[:], u[:]=x * x, v[:]=x + x) -> &es(f(v[:]=u, u[:]=x) @ i ->)",
        lambda x: jnp.sum(x**4),
        X,
    ),
    "the same function twice": (
        "f{} = ^(u[:]) -> (^(t[:]=u * u, w[:]=t * u) -> w)\n^(x[:]) -> &es(f(u[:]=x) @ i; f(u[:]=x * x) @ i ->)",
        lambda x: jnp.sum(x**9),
        X,
    ),
    "field of OBP outside an ODE": (
        "turn{} = ^(y[:]) -> &stack(0, y[1] * y[0], -y[0])\n"
        "^(x[:]) -> &es(OBP(ydot{}=turn)(y[:]=&concat(0, x[:2], x[1:])) @ i ->)",
        lambda x: x[1] * x[0] - x[0] - (x[1] * x[1] - x[2]) - x[0] * x[1],
        X,
    ),
    "scalar": ("^(x[]) -> &exp(x) * x", lambda x: jnp.exp(x) * x, np.array(0.4)),
    "backward range": ("^(x[:]) -> &es(x[2:0:-1] @ i; x[:2] @ i; x[::2] @ i ->)", None, X),
    "ranges of a matrix": (
        "^(x[:, :]) -> &es(x[1:, :-1] @ i, j; x[:1, 1:] @ i, j ->) * x[0, -1]",
        lambda x: x[1, 0] * x[0, 1] ** 2,
        M,
    ),
    "power by what is derived": (
        "^(x[:]) -> &es(&pow(1[+] + x * x, x) @ i ->)",
        lambda x: jnp.sum((1 + x * x) ** x),
        X,
    ),
}
RULES["backward range"] = (*RULES["backward range"][:1], lambda x: x[2] * x[0] * x[0] + x[1] * x[1] * x[2], X)


@pytest.mark.parametrize(("text", "function", "at"), RULES.values(), ids=RULES.keys())
def test_rule_agrees_with_jax(text, function, at):
    at = jnp.asarray(at)
    require_derivatives(text, "x", at, jax.grad(function)(at), jax.hessian(function)(at))


DECAY = """
^(k[], T[], y_end[:]=ODE(ydot{}=^(y[:]) -> -k[+] * y, y[:]=&exp(k)[+], t0[]=k * 0.5, t1[]=T * T)) -> y_end[0]
"""


@pytest.mark.parametrize("wrt", ["k", "T"])
def test_parameter_start_and_both_times_of_an_ode_are_derived(wrt):
    def exact(k, t):
        return jnp.exp(k - k * (t * t - 0.5 * k))

    position = {"k": 0, "T": 1}[wrt]
    settings = {"k": 0.7, "T": 1.3}
    gradient, hessian = jax.grad(exact, position)(0.7, 1.3), jax.hessian(exact, position)(0.7, 1.3)
    require_derivatives(DECAY, wrt, settings[wrt], gradient, hessian, settings, 1e-8, sizes={"k": [], "T": []})


def test_loss_blocks_that_are_not_symmetric_stand_the_right_way_round():
    mixed = jnp.asarray([[1.0, 2.0], [-0.5, 3.0]])

    def loss(y0, y1):
        return jnp.exp(y0 @ mixed @ y1) + y0[0] * y1[1] ** 2

    by = {"T0": jax.grad(loss), "T1": jax.grad(loss, 1)}
    by |= {f"T{a}{b}": jax.jacfwd(by[f"T{a}"], b) for a, b in ((0, 0), (0, 1), (1, 1))}
    names = {n: tcd.python_function(f, "y0[:]", "y1[:]") for n, f in {"T": loss, **by}.items()}
    at = jnp.asarray([0.3, -0.4])

    def objective(y):
        return loss(y, jnp.exp(y))

    text = "T(y0[:]=y_start, y1[:]=&exp(y_start))"
    wanted = jax.grad(objective)(at), jax.hessian(objective)(at)
    require_derivatives(text, "y_start", at, *wanted, settings={**names, "dim": 2})


def test_environment_names_of_loss_derivatives_are_used():
    text = tcd.show(tcd.derive("T(y0[:]=y_start, y1[:]=&exp(y_start))", "y_start", order="hessian"))
    assert {"T00", "T01", "T11"} <= set(re.findall(r"T\d+", text))
    assert "d y0" not in text


def test_a_loss_of_the_program_is_differentiated_by_its_slots():
    text = tcd.show(tcd.derive("T{} = ^(y0[:]) -> &es(y0 @ i; y0 @ i ->)\nT(y0[:]=y_start)", "y_start"))
    assert "T[d y0[:]](y0[:]=y_start)" in text


CHAIN = "^(x[:], a[:]=x * x, f{}=^(u[:]) -> u * u * u, b[:]=f(u[:]=a), unused[:]=x + a) -> &es(b @ i; x @ i ->)"


def bindings(program):
    body = program.statements[-1].expr
    assert isinstance(body, Lambda)
    return [a for a in body.args if a.expr is not None]


def test_sensitivities_come_in_reverse_order_of_definition():
    names = [b.slot.name for b in bindings(tcd.derive(CHAIN, "x", sizes={"x": 3}))]
    assert names == ["a", "f", "b", "s_b", "s_a", "s_x"]


def test_sensitivities_of_the_second_sweep_are_named_z():
    names = [b.slot.name for b in bindings(tcd.derive(CHAIN, "x", order="hessian", sizes={"x": 3}))]
    assert names[-1] == "z_x" and {"z_s_x", "z_s_a", "z_s_b", "z_b", "z_a"} <= set(names)


def test_every_contribution_says_where_it_comes_from():
    program = tcd.derive(CHAIN, "x", order="hessian", sizes={"x": 3})
    known = {"x", "b", *(b.slot.name for b in bindings(program)), "s_x"}
    for binding in bindings(program):
        if binding.slot.name[:2] in ("s_", "z_"):
            terms = len(getattr(binding.expr, "terms", "1"))
            assert len(binding.notes) == terms
            for note in binding.notes:
                assert note in ("from the objective", "row j of the Hessian") or note.removeprefix("from ") in known


def test_contributions_are_printed_as_comments_on_their_lines():
    text = tcd.show(tcd.derive(CHAIN, "x", sizes={"x": 3}))
    (line,) = [line for line in text.split("\n") if line.strip().startswith("s_a[:] =")]
    assert line.endswith("# from b")


def test_dead_bindings_are_left_out():
    names = [b.slot.name for b in bindings(tcd.derive(CHAIN, "x", sizes={"x": 3}))]
    assert "unused" not in names and "s_unused" not in names


def test_named_function_stays_named():
    text = tcd.show(tcd.derive(CHAIN, "x", order="hessian", sizes={"x": 3}))
    assert "f[:, d u[:]](u[:]=a)" in text and "f[:, d u[:], d u[:]](u[:]=a)" in text
    assert text.count("u * u * u") == 1


def test_objective_that_does_not_depend_has_a_zero_gradient():
    assert tcd.show(tcd.derive("3", "y_start")) == "^(y_start[:]) -> &zeros(dim)\n"


def test_derived_programs_have_no_findings():
    for order in ("gradient", "hessian"):
        text = tcd.show(tcd.derive(CHAIN, "x", order=order, sizes={"x": "dim"}))
        assert [d for d in tcd.check(text) if d.severity == "error"] == []


def test_derivation_can_be_repeated_on_what_it_wrote():
    gradient = tcd.derive("^(x[]) -> &exp(x) * x", "x")
    again = tcd.derive(gradient, "x")
    np.testing.assert_allclose(tcd.run(again, settings={"x": 0.5}), 2.5 * np.exp(0.5))


REFUSED = {
    "function-valued result": ("^(x[:]) -> ^(y[:]) -> x + y", 1, "function-valued result"),
    "vector": ("^(x[:]) -> x", 1, "the objective is a vector"),
    "no such slot": ("^(q[:]) -> &es(q @ i ->)", 1, "no slot `x`"),
    "length not stated": ("^(x[:]) -> &es(x @ i ->)", 1, "not stated"),
    "rank not stated": ("^(x) -> &es(x @ i ->)", 3, "not stated"),
    "function slot": ("^(x[:], f{}) -> f(x[:]=x)", 9, "slot `f{}`"),
    "no result": ("f: ^(x[:]) => [:]", 1, "no result"),
    "mistake": ("^(x[:]) -> x + 1", 16, "sum of"),
}


@pytest.mark.parametrize(("text", "column", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_names_the_construct_and_its_place(text, column, words):
    with pytest.raises(tcd.TcdError, match=re.escape(words)) as caught:
        tcd.derive(text, "x")
    assert (caught.value.pos.line, caught.value.pos.column) == (1, column)


def test_unfolding_without_end_is_refused():
    lines = ["g0{} = ^(h{}, x[:]) -> h(v[:]=x)"]
    lines += [f"g{k}{{}} = ^(h{{}}, x[:]) -> g{k - 1}(h{{}}=h, x[:]=g{k - 1}(h{{}}=h, x[:]=x))" for k in range(1, 14)]
    lines.append("^(x[:]) -> &es(g13(h{}=^(v[:]) -> (^(t[:]=v * v) -> t), x[:]=x) @ i ->)")
    with pytest.raises(tcd.TcdDeriveError, match="unfolds to more than"):
        tcd.derive("\n".join(lines), "x", sizes={"x": 3})
