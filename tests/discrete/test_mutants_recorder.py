"""The graph of recorded expressions node by node: which forms it gives, what it knows of them, where it merges powers."""

import math

import numpy as np
import pytest

from hessbench.discrete import _graph, _trace
from hessbench.discrete._graph import CannotTrace, Graph, _half, _merge, _nested
from hessbench.discrete._trace import canonical, depends, moves_switches, record


@pytest.fixture
def g():
    return Graph()


@pytest.fixture
def x(g):
    return g.leaf("x", 0)


def test_a_node_knows_what_it_is(g, x):
    less, floor, sine = g.node("less", (x, g.const(1.0)), False), g.function("floor", x), g.function("sin", x)
    assert (less.condition, floor.condition, x.condition) == (True, False, False)
    assert (less.step, floor.step, sine.step) == (True, True, False)
    assert (g.const(2.5).value, g.node("truth", (True,), True).value, x.value) == (2.5, 1.0, None)
    assert [leaf.fixed for leaf in (x, g.leaf("p", 0), g.leaf("u", 0), g.leaf("t", 0))] == [False, True, False, False]


def test_operands_and_those_that_derivatives_come_through(g, x):
    y, two = g.leaf("x", 1), g.const(2.0)
    total = g.lin(g.const(3.0), {x: two, y: g.const(1.0)})
    assert total.operands() == total.smooth_operands() == (g.const(3.0), x, two, y, g.const(1.0))
    value, smooth = g.function("sin", x), g.function("cos", x)
    assert (g.exact(value, smooth).operands(), g.exact(value, smooth).smooth_operands()) == ((value,), (smooth,))
    condition = g.node("less", (x, y), False)
    chosen = g.select(condition, x, y)
    assert (chosen.operands(), chosen.smooth_operands()) == ((condition, x, y), (x, y))
    assert (condition.operands(), condition.smooth_operands()) == ((x, y), ())
    assert value.operands() == (x,) and g.power(x, 3.0).operands() == (x,)


def test_arithmetic_of_nodes_is_that_of_the_graph(g, x):
    y = g.leaf("x", 1)
    assert x + y is g.lin(g.const(0.0), {x: g.const(1.0), y: g.const(1.0)}) and x + 2.0 is g.add(x, g.const(2.0))
    assert x - y is g.lin(g.const(0.0), {x: g.const(1.0), y: g.const(-1.0)}) and x - 2.0 is g.add(x, g.const(-2.0))
    assert -x is g.scale(g.const(-1.0), x) and x * y is g.mul(y, x) and x * 2.0 is g.scale(g.const(2.0), x)
    assert x + y is y + x  # each sum is made once


def test_every_node_is_made_once_and_not_more_than_may_be(g, x, monkeypatch):
    assert g.leaf("x", 0) is x and g.function("sin", x) is g.function("sin", x)
    monkeypatch.setattr(_graph, "MOST_NODES", len(g.nodes) + 1)
    g.leaf("x", 1)
    g.leaf("x", 0)
    with pytest.raises(CannotTrace, match="more than"):
        g.leaf("x", 2)


def test_where_an_expression_is_finite(g, x):
    wild, positive = g.leaf("x", 9, False), g.power(x, 2.0)
    finite = [x, g.const(1.0), positive, g.power(x, 3.0), g.power(positive, 0.5), g.function("sin", x), g.mul(x, positive),
              g.add(x, positive), g.node("less", (wild, x), False), g.function("arctan2", x, positive)]  # fmt: skip
    infinite = [wild, g.const(math.inf), g.const(math.nan), g.power(x, -1.0), g.power(x, 0.5), g.power(x, 2.5),
                g.power(positive, -0.5), g.function("exp", x), g.function("sin", wild), g.mul(x, wild),
                g.add(x, wild), g.power(wild, 2.0), g.function("arctan2", x, wild),
                g.node("over", (x, x), False), g.add(g.const(math.inf), x)]  # fmt: skip
    assert [n.finite for n in finite] == [True] * len(finite)
    assert [n.finite for n in infinite] == [False] * len(infinite)


def test_where_an_expression_is_never_negative(g, x):
    y, square, exp = g.leaf("x", 1), g.power(x, 2.0), g.function("exp", x)
    two, p = g.const(2.0), g.leaf("p", 0)
    condition = g.node("less", (x, y), False)
    never = [two, g.const(0.0), exp, square, g.power(x, -4.0), g.power(x, 0.5), g.power(exp, 3.0), g.mul(square, exp),
             g.add(square, exp), g.add(square, two), g.select(condition, square, exp), g.node("times", (x, x), False),
             g.node("raised", (x, two), False), g.node("raised", (x, g.const(4.0)), False),
             g.node("raised", (exp, y), False), g.node("plus", (square, exp), False), g.scale(two, exp),
             g.node("times", (square, exp), False)]  # fmt: skip
    maybe = [x, g.const(-1.0), g.function("sin", x), g.power(x, 3.0), g.power(x, -1.0), g.mul(x, exp), g.add(x, exp),
             g.scale(g.const(-2.0), exp), g.add(exp, g.const(-1.0)), g.select(condition, square, x), p,
             g.select(condition, x, square), g.node("times", (square, y), False), g.node("times", (y, square), False),
             g.node("raised", (x, g.const(3.0)), False), g.node("raised", (x, y), False), g.node("minus", (exp, exp), False),
             g.node("plus", (square, y), False), g.node("plus", (y, square), False), g.scale(p, exp)]  # fmt: skip
    assert [n.nonnegative for n in never] == [True] * len(never)
    assert [n.nonnegative for n in maybe] == [False] * len(maybe)


def test_terms_of_sums_and_of_products_with_numbers(g, x):
    two, zero, one, y = g.const(2.0), g.const(0.0), g.const(1.0), g.leaf("x", 1)
    assert g.terms(two) == (two, {})
    assert g.terms(x) == (zero, {x: one})
    assert g.terms(g.scale(two, x)) == (zero, {x: two})
    shifted, total = g.add(x, two), g.add(x, y)
    assert g.terms(shifted) == (zero, {shifted: one}) and g.terms(shifted, deep=True) == (two, {x: one})
    assert g.terms(total) == (zero, {total: one}) and g.terms(total, deep=True) == (zero, {x: one, y: one})


def test_terms_that_cancel_leave_nothing_but_what_may_be_infinite(g, x):
    wild = g.power(x, -1.0)
    assert g.add(x, -x) is g.const(0.0) and g.add(g.add(x, g.const(2.0)), g.const(-2.0)) is not g.const(0.0)
    assert (wild - wild).op == "lin"
    assert g.lin(g.const(0.0), {x: g.const(1.0)}) is x and g.lin(g.const(1.0), {x: g.const(1.0)}) is not x
    assert g.lin(g.const(0.0), {x: g.const(2.0)}) is not x and g.lin(g.const(5.0), {}) is g.const(5.0)


def test_products_with_numbers_and_parameters_are_terms(g, x):
    two, p, y = g.const(2.0), g.leaf("p", 0), g.leaf("x", 1)
    for product in (g.mul(two, x), g.mul(x, two)):
        assert (product.op, product.args) == ("lin", (g.const(0.0), ((x, two),)))
    assert g.mul(x, p).args == (g.const(0.0), ((x, p),))
    assert g.mul(g.scale(two, x), g.scale(p, y)).args[1] == ((g.mul(x, y), g.mul(two, p)),)
    assert g.mul(x, y).op == "mul" and g.mul(x, y).args == (x, y) == g.mul(y, x).args
    assert g.mul(two, g.const(3.0)).value == 6.0 and g.mul(two, p).fixed
    assert g.scale(two, g.add(x, g.const(3.0))) is g.scale(two, g.add(x, g.const(3.0)))


def test_zero_and_one_times_something(g, x):
    zero, one, wild, p = g.const(0.0), g.const(1.0), g.leaf("p", 1, False), g.leaf("p", 0)
    assert g.mul(zero, p) is g.mul(p, zero) is zero and g.mul(one, p) is g.mul(p, one) is p
    assert g.mul(zero, wild).op == g.mul(wild, zero).op == "fixed_mul"  # zero times infinity is nan
    assert g.add(zero, p) is g.add(p, zero) is p and g.add(p, wild) is g.add(wild, p)
    assert g.mul(p, wild) is g.mul(wild, p)
    assert g.mul(p, wild).args == tuple(sorted((p, wild), key=lambda n: n.index))


def test_powers_of_one_base_are_merged_where_no_number_changes(g, x):
    square, exp = g.power(x, 2.0), g.function("exp", x)
    assert g.mul(x, x) is square and g.mul(square, x) is g.power(x, 3.0)
    assert g.mul(g.power(x, -1.0), g.power(x, -2.0)) is g.power(x, -3.0)
    assert g.mul(x, g.power(x, -1.0)).op == "mul" and g.mul(g.power(x, 0.5), g.power(x, 0.5)).op == "mul"
    assert g.mul(g.power(exp, 0.5), g.power(exp, 0.5)) is exp and g.mul(g.power(x, 0.3), g.power(x, 0.3)).op == "mul"
    assert g.power(square, 3.0) is g.power(x, 6.0) and g.power(g.power(x, 0.5), 2.0).args[0] is g.power(x, 0.5)
    assert g.power(square, 0.5).args == (square, 0.5) and g.power(g.power(exp, 0.5), 2.0) is exp
    assert g.power(x, 0.0).value == 1.0 and g.power(x, 1.0) is x and g.power(g.const(2.0), -1.0).value == 0.5
    assert g.power(g.power(x, -1.0), -1.0) is x and g.power(g.const(0.0), -1.0).value == math.inf


def test_factors_are_taken_out_of_small_whole_powers_only(g, x):
    double, p = g.scale(g.const(2.0), x), g.scale(g.leaf("p", 0), x)
    for e in (2.0, 3.0, 4.0, -1.0, -4.0):
        assert g.power(double, e).args == (g.const(0.0), ((g.power(x, e), g.const(2.0**e)),))
    for e in (0.5, 5.0, -5.0, -0.5, 2.5):
        assert g.power(double, e).args == (double, e) and g.power(double, e).op == "pow"
    assert g.power(p, 2.0).args[1] == ((g.power(x, 2.0), g.power(g.leaf("p", 0), 2.0)),)
    shifted = g.add(x, g.const(1.0))
    assert g.power(shifted, 2.0).args == (shifted, 2.0)
    fixed = g.power(g.scale(g.const(2.0), g.leaf("p", 0)), 2.0)
    assert fixed.op == "pow" and fixed.fixed


@pytest.mark.parametrize(
    ("e", "half"),
    [(0.5, True), (-0.5, True), (1.5, True), (-2.5, True), (2.0, False), (0.3, False), (-1.0, False), (0.25, False)],
)
def test_halves(e, half):
    assert _half(e) is half


SURE = {True: "exp", False: "sin"}


@pytest.mark.parametrize(
    ("sure", "a", "b", "merged"),
    [
        (False, 1, 2, True), (False, -1, -2, True), (False, 1, -1, False), (True, 1, -1, False), (False, 0.5, 0.5, False),
        (True, 0.5, 0.5, True), (False, 0.5, 1, True), (False, 1, 1.5, True), (True, 0.5, -0.5, False),
        (False, 0.3, 1, False), (True, 1, 0.3, False), (True, 0.25, 0.25, False), (False, -0.5, -1, True),
    ],
)  # fmt: skip
def test_which_powers_are_merged(g, x, sure, a, b, merged):
    assert _merge(g.function(SURE[sure], x), a, b) is merged


@pytest.mark.parametrize(
    ("sure", "inner", "e", "nested"),
    [
        (False, 2, 3, True), (False, 2, 0.5, False), (True, 2, 0.5, False), (False, -1, -1, True), (False, 2, -1, True),
        (False, 0.5, 2, False), (True, 0.5, 2, True), (False, 0.5, 3, True), (False, 1.5, 3, True), (False, 0.5, 0.5, False),
        (True, 0.5, 0.5, False), (False, 0.3, 2, False), (True, 0.25, 4, False), (False, -0.5, 3, True),
        (False, -0.5, 4, False), (True, -0.5, 4, True), (False, -1.5, -1, True), (False, 1.5, -2, False),
    ],
)  # fmt: skip
def test_which_powers_of_powers_are_one_power(g, x, sure, inner, e, nested):
    assert _nested(g.function(SURE[sure], x), inner, e) is nested


def test_derivatives_of_powers_with_whole_and_with_free_exponents(g, x):
    n = g.leaf("u", 0)
    assert g.powers(x, g.const(3.0)) is g.power(x, 3.0)
    assert g.powers(x, g.const(3.0), 1) is g.scale(g.const(3.0), g.power(x, 2.0))
    assert g.powers(x, g.const(3.0), 2) is g.scale(g.const(6.0), x)
    assert g.powers(x, n, 1, 1).args == (x, n, 1, 1) and not g.powers(x, n).fixed
    assert g.powers(x, g.const(3.0), 0, 1).op == "power" and g.powers(x, g.const(math.inf)).op == "power"
    assert g.powers(g.leaf("p", 0), g.leaf("p", 1)).fixed and not g.powers(x, g.leaf("p", 1)).fixed
    assert not g.powers(g.leaf("p", 0), n).fixed


def test_choices_between_equals_and_by_a_number_are_none(g, x):
    y, condition, p = g.leaf("x", 1), g.node("less", (x, g.const(1.0)), False), g.leaf("p", 0)
    truth, falsehood = g.node("truth", (True,), True), g.node("truth", (False,), True)
    assert (g.select(truth, x, y), g.select(falsehood, x, y), g.select(condition, x, x)) == (x, y, x)
    assert not g.select(condition, p, g.const(1.0)).fixed
    fixed = g.node("less", (p, g.const(1.0)), True)
    assert (
        g.select(fixed, p, g.const(1.0)).fixed and not g.select(fixed, p, x).fixed and not g.select(fixed, x, p).fixed
    )


def test_functions_of_numbers_are_numbers(g, x):
    assert g.function("sin", g.const(0.5)).value == np.sin(0.5) and g.function("sqrt", g.const(4.0)).value == 2.0
    assert g.function("arctan2", g.const(1.0), g.const(-1.0)).value == np.arctan2(1.0, -1.0)
    assert g.function("log", g.const(0.0)).value == -math.inf  # without a warning
    assert g.function("sqrt", x) is g.power(x, 0.5)
    assert g.function("sin", g.leaf("p", 0)).fixed and not g.function("arctan2", x, g.leaf("p", 0)).fixed


def of(rhs, n=4, params=None, varied=(), **options):
    return record(rhs, n, {k: np.asarray(v) for k, v in (params or {}).items()}, varied, **options)


def test_parameters_are_flattened_in_order_and_those_that_vary_have_places():
    params = {"a": 1.0, "k": 2, "b": np.ones((2, 2)), "c": 3.0}
    traced = of(lambda xp, t, y, p: y * p["b"].sum() * p["a"] * p["k"] + p["c"], 4, params, ("c", "b"))
    assert (traced.params, traced.inputs, traced.active, traced.size) == (("a", "b", "c"), 6, (5, 1, 2, 3, 4), 4)
    kinds = {n.args[:2] for n in traced.graph.nodes if n.op == "leaf"}
    assert kinds == {*(("x", k) for k in range(4)), ("t", 0), ("p", 0), *(("u", k) for k in range(1, 6))}


def test_a_parameter_that_is_not_finite_may_be_infinite():
    traced = of(lambda xp, t, y, p: y * p["a"], 2, {"a": [1.0, np.inf]})
    assert [n.finite for n in traced.graph.nodes if n.op == "leaf" and n.args[0] == "p"] == [True, False]


def mechanical(xp, t, y, p):
    return xp.concatenate([y[2:], -p["k"] * y[:2] * t])


def test_what_is_of_second_order_and_what_is_not():
    k = {"k": 2.0}
    traced = of(mechanical, 4, k)
    assert (traced.second_order, traced.size, traced.params, traced.inputs) == (True, 2, ("k",), 1)
    assert not of(mechanical, 4, k, mechanical=False).second_order
    assert of(mechanical, 4, k, mechanical=False).size == 4
    others = {
        "damped": lambda xp, t, y, p: xp.concatenate([y[2:], -y[:2] - y[2:]]),
        "damped at the end": lambda xp, t, y, p: xp.stack([y[2], y[3], -y[0], -y[3]]),
        "swapped": lambda xp, t, y, p: xp.concatenate([y[:1:-1], -y[:2]]),
        "one of two": lambda xp, t, y, p: xp.stack([y[2], 2 * y[3], -y[0], -y[1]]),
    }
    assert [of(rhs).second_order for rhs in others.values()] == [False] * 4
    assert not of(lambda xp, t, y, p: xp.stack([y[1], -y[0], y[2]]), 3).second_order
    assert not of(lambda xp, t, y, p: xp.stack([y[1], -y[0], y[0]]), 3).second_order  # an odd number of states


def test_a_function_that_is_not_told_so_is_of_first_order():
    traced = _trace.Traced(Graph(), [], False, ())
    assert (traced.inputs, traced.active) == (0, ())


def test_too_many_parameters_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(_trace, "MOST_NODES", 4)
    monkeypatch.setattr(_graph, "MOST_NODES", 1000)
    assert of(lambda xp, t, y, p: y, 1, {"a": np.ones(4)}).inputs == 4
    for size in (5, 6):
        with pytest.raises(CannotTrace, match=f"it has {size} parameters"):
            of(lambda xp, t, y, p: y, 1, {"a": np.ones(size)})


def test_a_reason_is_one_line_of_at_most_120_characters():
    def rhs(xp, t, y, p):
        raise ValueError("x \n" * 40 + "y" * 200)

    with pytest.raises(CannotTrace) as caught:
        of(rhs)
    said = str(caught.value).removeprefix("it raised ValueError on symbols: ")
    assert said == ("x " * 40 + "y" * 200)[:120]


def test_what_outputs_depend_on():
    traced = of(
        lambda xp, t, y, p: xp.stack([y[0] + p["u"], y[1] * t, y[2] ** 2, 1.0 + 0 * y[3]]), 4, {"u": 1.0}, ("u",)
    )
    assert [depends([out], 2) for out in traced.outputs] == [False, False, True, False]
    assert [depends([out], 1) for out in traced.outputs] == [False, True, True, False]
    assert depends(traced.outputs, 0) and not depends(traced.outputs, 3)
    assert not depends([traced.graph.leaf("w", 7), traced.graph.leaf("u", 7)], 2)


@pytest.mark.parametrize(
    ("rhs", "moves"),
    [
        (lambda xp, t, y, p: xp.where(y > 0, y, 1.0), True),
        (lambda xp, t, y, p: xp.where(p["u"] > 0, y, 1.0), True),
        (lambda xp, t, y, p: xp.where(t > 0, y, 1.0), False),
        (lambda xp, t, y, p: xp.where(p["k"] > 0, y, 1.0), False),
        (lambda xp, t, y, p: y * p["u"] * t, False),
    ],
)
def test_switches_that_states_or_unknowns_move(rhs, moves):
    assert moves_switches(of(rhs, 2, {"u": 1.0, "k": 2.0}, ("u",))) is moves


def test_numbers_arrays_without_axes_and_symbols_become_expressions(g, x):
    from hessbench.discrete._symbols import Symbol

    nested = np.empty((), dtype=object)
    nested[()] = Symbol(x)
    assert canonical(g, [1.5, np.float32(0.5), True, nested, Symbol(x)]) == [
        g.const(1.5),
        g.const(0.5),
        g.const(1.0),
        x,
        x,
    ]
