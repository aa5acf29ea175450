"""What is found out about a problem, and what becomes of one that does not let itself be asked."""

import os
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Case, Data, Event, HessbenchError, InvalidInput, Problem
from hessbench._advice import probe as module
from hessbench._advice.asking import asked
from hessbench._advice.probe import Probe, growth, pieces, probe, recorded, shapes, steps
from hessbench._plugins.contenders import contenders


def linear(rates, t1=2.0, **fields):
    """`y_i' = -r_i y_i`."""

    def rhs(xp, t, y, p):
        return -p["r"] * y

    def loss(xp, y0, y1, p):
        return xp.sum(y1**2)

    return Problem("linear", rhs, loss, (0.0, t1), np.ones(len(rates)), {"r": np.array(rates)}, **fields)


def test_sizes_of_a_built_in_problem():
    found = probe(hessbench.problem("lynx-hare"), 1e-8)
    assert (found.states, found.unknowns, found.data_times) == (2, 8, 21)
    assert found.unknown == () and found.pieces == 20 and found.nonzeros == 4
    assert Probe.from_json(found.to_json()) == found


def test_operations_and_sparsity_are_counted():
    found = recorded(linear([1.0, 2.0, 3.0]))
    assert found == {"operations": 12, "nonzeros": 3, "switches": 0}


def test_a_running_loss_counts_too():
    plain, costly = (
        recorded(linear([1.0, 2.0], running_loss=g)) for g in (None, lambda xp, t, y, p: xp.sum(xp.sin(y) ** 2))
    )
    assert costly["operations"] > plain["operations"] and costly["nonzeros"] == plain["nonzeros"]


def test_switches_of_the_state_are_counted_and_those_of_time_are_not():
    def rhs(xp, t, y, p):
        return xp.where(y > 0.5, -y, -2.0 * y) + xp.where(t < 1.0, 1.0, 0.0)

    assert recorded(replace(linear([1.0]), rhs=rhs))["switches"] == 1


def test_a_stiff_problem_is_found_and_its_steps_are_those_of_stability():
    found = probe(hessbench.problem("robertson"), 1e-6)
    assert found.stiff and found.steps == round(found.stability) > 10_000 > found.rough


def test_more_steps_at_a_tighter_tolerance():
    problem = hessbench.problem("kepler")
    loose, tight = (steps(problem, rtol, {"data_times": 0}) for rtol in (1e-5, 1e-11))
    assert 1 < loose < tight / 2


@pytest.mark.parametrize("rate", [1.0, -1.0])
def test_growth_is_that_of_a_linear_problem(rate):
    assert growth(linear([rate, rate])) == pytest.approx(np.exp(-2 * rate), rel=1e-3)


def test_pieces_of_data_and_events():
    jump = Event(at=[0.5, 1.0], jump=lambda xp, t, y, p: y + 1.0)
    assert pieces(linear([1.0]), 1e-8) == 1
    assert pieces(linear([1.0], events=[jump]), 1e-8) == 3


def test_a_strategy_that_takes_data_has_one_piece_and_others_all():
    data = Data([0.5, 1.0, 1.5, 2.0], np.ones((4, 1)), lambda xp, t, y, d, p: (y - d) ** 2)
    problem = linear([1.0], data=data, wrt=("r",))
    found = shapes(problem, contenders(["discrete-adjoint", "casadi-symbolic", "variational"]), 4)
    assert found["discrete-adjoint@numpy"].pieces == found["casadi-symbolic@casadi"].pieces == 1
    assert found["variational@numpy"].pieces == 4
    assert found["variational@numpy"].unknowns > found["discrete-adjoint@numpy"].unknowns == 1


def test_refusals_come_with_their_reason():
    found = shapes(hessbench.problem("random-quadratic", n=40), contenders(["heyoka-taylor"]), 1)["heyoka-taylor@numpy"]
    if found.status != "unavailable":
        assert found.status == "unsupported" and "states" in found.why


def test_a_missing_framework_is_a_status_with_its_remedy(monkeypatch):
    from hessbench import backends

    monkeypatch.setattr(backends, "available", lambda name: name == "numpy")
    found = shapes(hessbench.problem("sir"), contenders(["jax-adjoint", "hand-adjoint"]), 1)
    assert found["jax-adjoint@jax"].status == "unavailable" and "pip install" in found["jax-adjoint@jax"].why
    assert found["hand-adjoint@numpy"].why == ""


def test_a_part_that_fails_is_named_and_the_others_go_on(monkeypatch):
    def fails(problem):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(module, "growth", fails)
    found = probe(hessbench.problem("sir"), 1e-8)
    assert found.growth is None and found.unknown == ("growth: by nothing",) and found.steps is not None


def test_what_was_known_before_the_last_part_is_reported():
    seen = []
    probe(hessbench.problem("sir"), 1e-8, seen.append)
    assert [one.steps is None for one in seen[:3]] == [True, True, False] and len(seen) == 5


def ask(tmp_path, text, **options):
    path = tmp_path / "my_ode.py"
    path.write_text(text)
    return asked(Case(str(path), "", rtol=1e-8), contenders(["hand-adjoint"]), **options)


OWN = """
import os, sys, time
from hessbench import Problem

def rhs(xp, t, y, p):
    {}
    return -p["k"] * y

def loss(xp, y0, y1, p):
    return xp.sum(y1**2)

problem = Problem("own", rhs, loss, (0.0, 1.0), [1.0, 2.0], {{"k": 1.0}}, wrt=("y0", "k"))
"""


def test_a_file_is_probed_in_a_process_of_its_own(tmp_path):
    found = ask(tmp_path, OWN.format(f'print(os.getpid(), file=open("{tmp_path}/pid", "w"))'))
    assert (found.probe.states, found.probe.unknowns, found.shapes["hand-adjoint@numpy"].why) == (2, 3, "")
    assert int((tmp_path / "pid").read_text()) != os.getpid()


def test_a_mistake_in_the_file_is_said_with_its_line(tmp_path):
    with pytest.raises(InvalidInput, match=r"my_ode\.py"):
        ask(tmp_path, OWN.format("y[0] = 5.0"))


def test_a_file_that_ends_the_process_is_an_error(tmp_path):
    with pytest.raises(HessbenchError, match="could not be probed: its process ended"):
        ask(tmp_path, OWN.format("os._exit(3)"))


def test_what_takes_too_long_leaves_what_was_found_out(tmp_path):
    sleeps = "if isinstance(t, float) and t > 0: time.sleep(60)"
    found = ask(tmp_path, OWN.format(sleeps), limit=8.0).probe
    assert found.operations is not None and found.steps is None and "stopped at 8 s" in found.unknown[-1]


def test_a_file_without_a_problem_is_an_error(tmp_path):
    with pytest.raises(InvalidInput):
        ask(tmp_path, "x = 1")
