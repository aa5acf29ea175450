"""The orbit non-closure of three bodies: the row program by hand, the derived one, and the reference Hessian."""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hessbench
from hessbench import tcd
from hessbench.tcd.environment import from_problem
from hessbench.tcd.syntax import Call, Lambda, Name, children

HERE = Path(__file__).parent
BY_HAND = (HERE / "hessian_row_by_hand.tcd").read_text()
OBJECTIVE = (HERE / "non_closure.tcd").read_text()


def problem():
    return hessbench.problem("three-body", start="perturbed")


@cache
def derived():
    return tcd.derive(OBJECTIVE, "y_start", order="hessian")


@cache
def rows(which):
    program = tcd.parse(BY_HAND) if which == "by hand" else derived()
    environment = from_problem(problem())
    row = jax.vmap(lambda j: tcd.run(program, settings={**environment, "j": j}))
    return np.asarray(jax.jit(row)(jnp.arange(environment["dim"])))


def fields_of_solves(program):
    """Length of the state of each `ODE` in units of the problem's, in order: 2 for each `OBP` around its field."""
    (body,) = [s.expr for s in program.statements if isinstance(getattr(s, "expr", None), Lambda)]
    found, stack = [], [body]
    while stack:
        node = stack.pop()
        if isinstance(node, Call) and node.callee == Name("ODE"):
            field, length = next(a.expr for a in node.args if a.slot.name == "ydot"), 1
            while isinstance(field, Call):
                field, length = field.args[0].expr, 2 * length
            found.append(length)
        stack.extend(reversed(list(children(node))))
    return found


def test_program_by_hand_has_no_findings():
    assert tcd.check(BY_HAND) == []


@pytest.mark.parametrize("which", ["by hand", "derived"])
def test_row_program_solves_n_2n_4n_2n(which):
    program = tcd.parse(BY_HAND) if which == "by hand" else derived()
    assert fields_of_solves(program) == [1, 2, 4, 2]


def test_loss_blocks_stand_between_the_solves():
    text = tcd.show(derived())
    places = [text.index(part) for part in ("ODE(ydot{}=ydot", "T1(", "ode_s_y_end[:] =", "T01(", "T11(", "T00(")]
    assert places == sorted(places)
    assert "T0(" not in text


@pytest.mark.parametrize("which", ["by hand", "derived"])
def test_rows_are_the_reference_hessian(which):
    wanted = hessbench.reference(problem()).hess
    assert np.max(np.abs(rows(which) - wanted)) <= 1e-7 * np.max(np.abs(wanted))


def test_derived_rows_are_those_written_by_hand():
    assert np.max(np.abs(rows("derived") - rows("by hand"))) <= 1e-10


def test_derived_gradient_is_the_reference_gradient():
    wanted = hessbench.reference(problem()).grad
    gradient = tcd.run(tcd.derive(OBJECTIVE, "y_start"), problem=problem())
    assert np.max(np.abs(gradient - wanted)) <= 1e-7 * np.max(np.abs(wanted))


def test_derived_program_prints_and_parses():
    assert tcd.parse(tcd.show(derived())) == derived()
