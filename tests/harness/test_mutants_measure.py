"""What `measure` makes of what its child reports, with children that are lists of lines."""

import dataclasses
import json
import os
import signal

import pytest

from hessbench import Case, InvalidInput, Unavailable, measure
from hessbench._measuring import measure as _measure
from hessbench._measuring.measure import ONE_THREAD, REFERENCE_LIMIT, blank, child_environment, outline, refuse_early
from hessbench._processes.contain import Ended

CASE = Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, 1e-6)
EARLIER = Case("brusselator", "hand-adjoint/backward", "numpy", {"n": 32})


def line(stage, record=None, **more):
    return json.dumps({"stage": stage, "record": (record or blank(CASE, "failed")).to_json(), **more})


def ended(*lines, why="done", status=0, processes=()):
    return Ended(lines, why, status, tuple(processes))


OK = dataclasses.replace(blank(CASE, "ok"), best_s=1.0, median_s=2.0, note="as it was")


@pytest.fixture
def children(monkeypatch):
    """`children(ended, ...)`: what child after child will do; a list of what each was asked, and for how long."""
    asked, coming = [], []

    def run(request, limit):
        asked.append((request, limit))
        return coming.pop(0)

    def plan(*those):
        coming[:] = those
        return asked

    monkeypatch.setattr(_measure, "spawned", run)
    return plan


def test_a_child_is_asked_for_everything_that_was_given(children, tmp_path):
    asked = children(ended(line("done", OK)))
    record = measure(CASE, time_limit=7.0, memory_limit_mib=99, budget=0.25, keep=tmp_path / "k", gate_seed=3)
    (((request), limit),) = asked
    assert record == OK and limit == 7.0
    assert Case(**request["case"]) == CASE and request["keep"] == str(tmp_path / "k")
    assert [request[k] for k in ("memory_limit_mib", "budget", "gate_seed")] == [99, 0.25, 3]
    assert "only_reference" not in request and "has_reference" not in request


def test_what_is_not_given_has_its_default(children, monkeypatch):
    monkeypatch.setenv("HESSBENCH_GATE_SEED", "77")
    ((request, limit),) = (children(ended(line("done", OK))), measure(CASE))[0]
    assert limit == 120.0
    assert [request[k] for k in ("memory_limit_mib", "budget", "gate_seed", "keep")] == [8192, 1.0, 77, None]
    children(ended(line("done", OK)))
    measure(CASE, gate_seed=0)


def test_zero_is_a_seed_and_a_budget_but_no_time(children):
    asked = children(ended(line("done", OK)))
    measure(CASE, gate_seed=0, budget=0.0, time_limit=1e-3)
    assert (asked[0][0]["gate_seed"], asked[0][0]["budget"]) == (0, 0.0)
    for wrong in ({"time_limit": 0.0}, {"budget": -1e-9}, {"gate_seed": -1}):
        with pytest.raises(InvalidInput, match="expected"):
            measure(CASE, **wrong)


def test_a_reference_is_computed_first_with_a_limit_of_its_own(children):
    asked = children(ended(line("reference")), ended(line("done")), ended(line("done", OK)))
    assert measure(CASE, time_limit=5.0) == OK
    assert [limit for _, limit in asked] == [5.0, REFERENCE_LIMIT, 5.0] == [5.0, 900.0, 5.0]
    assert [request.get("only_reference") for request, _ in asked] == [None, True, None]
    assert [request.get("has_reference") for request, _ in asked] == [None, None, True]


def test_a_reference_that_cannot_be_had_ends_the_case_but_not_one_that_nobody_can_judge(children):
    failed = dataclasses.replace(blank(CASE, "failed"), message="RuntimeError: no")
    asked = children(ended(line("reference")), ended(line("done", failed)))
    assert measure(CASE) == failed and len(asked) == 2
    nothing = dataclasses.replace(blank(CASE, "unjudged"), message="no reference")
    asked = children(ended(line("reference")), ended(line("done", nothing)), ended(line("done", OK)))
    asked.clear()
    assert measure(CASE) == OK and len(asked) == 3
    children(ended(line("reference")), ended(why="limit"))
    record = measure(CASE)
    assert (record.status, record.message) == ("timeout", "stopped at 900 s, while its reference was computed")


def test_a_problem_that_is_none_is_refused(children):
    children(ended(line("invalid", dataclasses.replace(blank(CASE, "failed"), message="`y0` is text"))))
    with pytest.raises(InvalidInput, match="`y0` is text"):
        measure(CASE)


@pytest.mark.parametrize(
    ("found", "status", "message"),
    [
        (ended(line("called", OK), why="limit"), "timeout", "stopped at 120 s, after the stage 'called'"),
        (ended(why="limit"), "timeout", "stopped at 120 s, at its start"),
        (
            ended(line("called", OK), why="done"),
            "failed",
            "the process reported what is no record after the stage 'called'",
        ),
        (ended(line("loaded", OK), why="limit"), "timeout", "stopped at 120 s, after the stage 'loaded'"),
        (ended(why="asked"), "failed", "the process that watches over it was ended at its start"),
        (ended(why="lost"), "failed", "the process that watches over it was ended at its start"),
        (ended(why="exit", status=3), "failed", "the process ended with exit status 3 at its start"),
        (ended(why="exit", status=0), "failed", "the process ended with exit status 0 at its start"),
        (ended(why="exit", status=-signal.SIGSEGV), "failed", "the process was killed by SIGSEGV at its start"),
        (ended(why="exit", status=-1), "failed", "the process was killed by SIGHUP at its start"),
    ],
)
def test_a_case_that_was_cut_short_says_how_and_when_and_has_no_times(children, found, status, message):
    children(found)
    record = measure(CASE)
    assert (record.status, record.message, record.best_s, record.median_s) == (status, message, None, None)


def test_the_last_line_that_is_a_record_counts(children):
    broken = ['{"stage": "done", "rec', '{"stage": "done"}', "[]", '{"stage": "done", "record": 3}', "[" * 100_000]
    unknown = json.dumps({"stage": "done", "record": {**OK.to_json(), "status": "unheard-of"}})
    children(ended(line("loaded"), line("done", OK), *broken, unknown))
    assert measure(CASE) == OK


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c", "d", "e", "f")])
def test_processes_that_were_left_are_named_in_the_note_of_a_right_case(children, names):
    said = f"it left processes running, which were ended: {', '.join(names[:5])}"
    children(ended(line("done", OK), processes=names))
    assert measure(CASE).note == f"as it was; {said}"
    children(ended(line("done", dataclasses.replace(OK, note="")), processes=names))
    assert measure(CASE).note == said
    wrong = dataclasses.replace(blank(CASE, "wrong"), note="as it was")
    children(ended(line("done", wrong), processes=names))
    assert measure(CASE) == wrong


def test_what_is_refused_needs_no_child(children):
    asked = children()
    record = measure(EARLIER)
    assert (record.status, record.dim, record.size) == ("unsupported", 32, 32) and "backward" in record.message
    assert record.backend == "numpy" and not asked
    assert refuse_early(CASE) is None


def test_a_missing_package_needs_no_child(children, monkeypatch):
    def resolve(*_):
        raise Unavailable("no jax")

    asked = children()
    monkeypatch.setattr(_measure, "resolve", resolve)
    record = measure(CASE)
    assert (record.status, record.message, record.dim) == ("unavailable", "no jax", 3) and not asked


def test_a_case_of_a_file_is_not_looked_at_before_its_child_is(children, write):
    path = write("mine.py", "raise SystemExit")
    asked = children(ended(line("done", OK)))
    problem = write("ode.py", "from hessbench import *\nproblem = problems()['sir'].load()()\n")
    assert measure(dataclasses.replace(EARLIER, problem=problem)) == OK and len(asked) == 1
    with pytest.raises(InvalidInput):
        measure(Case("sir", path))


def test_a_blank_record_knows_its_case():
    record = blank(Case("sir", "a", "jax", {"b": 1, "a": 2}, 1e-5, None, "RK45"), "failed")
    assert (record.problem, record.strategy, record.backend, record.arguments) == (
        "sir",
        "a",
        "jax",
        '{"a": 2, "b": 1}',
    )
    assert (record.rtol, record.atol, record.method, record.status) == (1e-5, 1e-5, "RK45", "failed")
    assert (record.size, record.dim) == (None, None)
    assert blank(Case("sir", "a", rtol=1e-5, atol=1e-7), "ok").atol == 1e-7


def test_every_library_of_a_child_has_one_thread(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    found = child_environment()
    assert found["XLA_FLAGS"] == "--mine --xla_cpu_multi_thread_eigen=false"
    assert (
        {found[name] for name in ONE_THREAD} == {"1"} and len(ONE_THREAD) == 4 and found["PATH"] == os.environ["PATH"]
    )
    monkeypatch.delenv("XLA_FLAGS")
    assert child_environment()["XLA_FLAGS"] == "--xla_cpu_multi_thread_eigen=false"


def test_the_outline_of_a_problem_is_its_states_and_unknowns(children, write):
    asked = children(ended(line("done", outline=[5, ["y0", "k"], "torch"])))
    assert outline(Case("sir", "hand-adjoint")) == (3, ("y0",), None) and not asked
    path = write("ode.py", "from hessbench import Problem\nproblem = Problem\n")
    case = dataclasses.replace(CASE, problem=path)
    assert outline(case) == (5, ("y0", "k"), "torch")
    assert asked[0][0]["only_problem"] is True and asked[0][0]["memory_limit_mib"] is None
    children(ended(line("invalid", dataclasses.replace(blank(CASE, "failed"), message="`y0` is text"))))
    with pytest.raises(InvalidInput, match=r"^`y0` is text"):
        outline(case)
    children(ended(why="exit", status=3))
    with pytest.raises(InvalidInput, match=r"ode.py: the process ended with exit status 3 while it was built"):
        outline(case)


def test_a_file_without_a_problem_or_of_another_name_is_refused(write):
    with pytest.raises(InvalidInput, match="defines neither a problem nor a strategy"):
        measure(dataclasses.replace(CASE, problem=write("empty.py", "x = 1")))
    with pytest.raises(InvalidInput):
        measure(dataclasses.replace(CASE, problem="no-such-problem"))
    with pytest.raises(InvalidInput):
        measure(dataclasses.replace(CASE, strategy="no-such-strategy"))
