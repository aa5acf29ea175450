"""`hessbench.advise` and the command, with measuring made up; at the end once for real, with a planted wrong strategy."""

import importlib
import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

import hessbench
from hessbench import Advice, InvalidInput, Problem
from hessbench._advice import race as race_module
from hessbench._advice import words
from hessbench._advice.advice import as_file, checked
from hessbench._advice.predict import Prediction, interval
from hessbench._cli.advise import advise as command
from hessbench._measuring.measure import problem_of
from hessbench._measuring.record import MISTAKE, Case

from .records import PROBE, STIFF, certain, model, other, right

ASKED = ["discrete-adjoint", "hand-adjoint", "variational", "finite-difference"]
MODEL = model(**{
    "discrete-adjoint": certain(1e-3, first=2.0),
    "hand-adjoint": certain(1e-2, first=0.1),
    "variational": certain(1e-1),
    "finite-difference": certain(1.0),
})  # fmt: skip


@pytest.fixture
def measured(monkeypatch):
    """Stands for measuring: records by the strategy's name, by default right ones that take as long as they are expected to."""

    def by(**known):
        def measure(case, **limits):
            name = case.strategy
            if name.replace("-", "_") in known:
                return replace(known[name.replace("-", "_")], strategy=name, backend=case.backend)
            line = MODEL.known[f"{name}@numpy"].lines
            return right(name, float(np.exp(line["seconds"].mean[0])), first=float(np.exp(line["first"].mean[0])))

        monkeypatch.setattr(race_module, "measure", measure)

    by()
    return by


def advise(problem="sir", **options):
    return hessbench.advise(problem, strategies=ASKED, model=MODEL, **options)


def test_the_fastest_right_one_is_advised_and_three_are_tried(measured):
    found = advise()
    assert isinstance(found, Advice) and found.strategy == "discrete-adjoint@numpy"
    assert [r.strategy for r in found.records] == ASKED[:3]
    assert found.probe.states == 3 and found.probe.unknown == ()


@pytest.mark.parametrize("status", ["wrong", "inaccurate", "failed", "timeout"])
def test_a_first_choice_that_is_not_right_is_not_advised_and_is_named(measured, status):
    measured(discrete_adjoint=other("x", status, "some reason"))
    found = advise()
    assert found.strategy == "hand-adjoint@numpy"
    assert f"Tried and not to be used: discrete-adjoint@numpy ({status}): some reason" in str(found)


def test_with_none_right_nothing_is_advised_and_all_were_tried(measured):
    measured(**{name.replace("-", "_"): other("x", "wrong") for name in ASKED})
    found = advise()
    assert found.strategy is None and len(found.records) == 4
    assert "none of the 4 that were tried is right" in str(found) and "Use " not in str(found)


def test_what_cannot_be_judged_is_not_advised(measured):
    measured(**{name.replace("-", "_"): other("x", "unjudged", "No two agree.") for name in ASKED})
    found = advise()
    assert found.strategy is None and "there is no reference to judge by. No two agree." in str(found)


def test_a_mistake_of_the_user_s_is_said_once(measured):
    bad = other("x", "failed", "my_ode.py, line 3: write xp.sin", diagnosis=MISTAKE)
    measured(**{name.replace("-", "_"): bad for name in ASKED})
    assert str(advise()).count("write xp.sin") == 1


def test_the_number_of_calls_changes_the_advice_and_where_it_turns_is_said(measured):
    few = advise(calls=10)
    assert few.strategy == "hand-adjoint@numpy"
    assert "From 213 Hessians on, discrete-adjoint@numpy costs less (1 ms each)." in str(few)
    assert "For fewer than 213 Hessians, hand-adjoint@numpy costs less (100 ms for the first)." in str(advise())


def test_an_accuracy_is_kept(measured):
    measured(discrete_adjoint=right("x", 1e-3, error=1e-5))
    found = advise(accuracy=1e-7)
    assert found.strategy == "hand-adjoint@numpy"
    assert "Tried and not accurate enough: discrete-adjoint@numpy, error 1.0e-05." in str(found)


def test_who_refuses_is_said_with_the_reason_and_not_tried(measured):
    found = hessbench.advise("random-quadratic", arguments={"n": 40}, strategies=ASKED, model=MODEL)
    assert "Refuses: variational@numpy: It is limited to" in str(found)
    assert "variational" not in [r.strategy for r in found.records]


def test_whose_package_is_missing_is_said_once_with_the_remedy():
    remedy = "JaxAdjoint needs `jax`: pip install 'hessbench[jax]'"
    missing = [Prediction(f"{name}@jax", why=remedy, status="unavailable") for name in ("a", "b", "c", "d")]
    assert words.refused(missing) == [f"Missing here: a@jax, b@jax, 2 more: {remedy}"]
    assert words.cells(missing, [], None) == []


def test_a_strategy_of_which_nothing_is_known_is_tried_last(measured):
    measured(**{name.replace("-", "_"): other("x", "wrong") for name in ASKED}, hand_adjoint_rows=right("x"))
    found = hessbench.advise("sir", strategies=[*ASKED, "hand-adjoint-rows"], model=MODEL)
    assert found.strategy == "hand-adjoint-rows@numpy" and len(found.records) == 5


def test_it_shows_itself_in_notebooks_with_text_escaped(measured):
    measured(discrete_adjoint=other("x", "failed", "<script>"))
    html = advise()._repr_html_()
    assert "hand-adjoint@numpy" in html and "<script>" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"calls": 0}, "`calls` is 0; expected a whole number of at least 1"),
        ({"calls": 1.5}, "`calls` is 1.5"),
        ({"tried": 0}, "`tried` is 0"),
        ({"accuracy": 0.0}, "`accuracy` is 0.0; expected a relative error"),
        ({"rtol": -1.0}, "rtol"),
    ],
)
def test_bad_options_are_said(options, match):
    with pytest.raises(InvalidInput, match=match):
        advise(**options)
    checked(None, 3, None, 1e-8)


def test_bad_problems_are_said():
    with pytest.raises(InvalidInput, match="`problem` is int; expected a `Problem`"):
        hessbench.advise(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="There is no problem 'sirr'"):
        advise("sirr")
    with pytest.raises(InvalidInput, match=r"There is no file 'nowhere\.py'"):
        advise("nowhere.py")


MODULE = """
from hessbench import Problem

def rhs(xp, t, y, p):
    return -p["k"] * y

def loss(xp, y0, y1, p):
    return xp.sum(y1**2)

problem = Problem("decay", rhs, loss, (0.0, 1.0), [1.0], {"k": 2.0}, wrt=("k",))
"""


def test_a_problem_object_is_asked_in_other_processes_and_its_file_is_gone_after(tmp_path, monkeypatch, measured):
    (tmp_path / "decay_of_mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    problem = importlib.import_module("decay_of_mine").problem
    with as_file(problem) as path:
        again = problem_of(Case(path, ""))
        assert again.name == "decay" and again.params["k"] == 2.0
    assert not Path(path).exists()
    found = advise(problem)
    assert (found.probe.name, found.probe.unknowns, found.strategy) == ("decay", 1, "discrete-adjoint@numpy")


def test_a_problem_object_that_cannot_be_pickled_is_said():
    lock = threading.Lock()

    def held(xp, t, y, p):
        return -y if lock else y

    problem = Problem("held", held, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0])
    with pytest.raises(InvalidInput, match="cannot be"), as_file(problem):
        pass


def test_stiffness_is_the_reason_where_it_is_there():
    assert "stability asks for some 100000 explicit steps" in words.reason(STIFF, right("a"))
    assert words.reason(PROBE, right("a")).startswith("The problem is not stiff")


def test_without_a_compiler_it_is_said():
    said = words.paragraphs(PROBE, [], [], [], None, None, ("", ""), None)
    assert any("There is no C compiler here" in text for text in said)


def test_how_many_intervals_hold_is_said():
    known = [replace(Prediction(f"{name}@numpy"), seconds=interval(np.log(1e-3), 0.1, 9.0, 0.1)) for name in "ab"]
    said = words.expected([*known, Prediction("new@numpy")], [right("a"), right("b", 1.0)], "from there", "here")
    assert "Of 2 measured here, 1 is in theirs." in said
    assert said.endswith("Nothing is predicted of new@numpy: no record is known.")


def run(capsys, monkeypatch, columns, **options):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("hessbench._advice.advice.shipped", lambda: MODEL)
    status = 0
    try:
        command("sir", strategy=ASKED, **options)
    except SystemExit as stop:
        status = stop.code
    return status, capsys.readouterr()


def test_nothing_is_wider_than_80_columns_and_no_word_is_cut(measured, capsys, monkeypatch):
    measured(hand_adjoint=other("x", "failed", "a reason of many words " * 10))
    status, shown = run(capsys, monkeypatch, 80)
    lines = shown.out.splitlines()
    assert status == 0 and max(map(len, lines)) <= 80
    assert any(line.startswith("*  discrete-adjoint@numpy") for line in lines)
    assert "Use discrete-adjoint@numpy: 1 ms a Hessian" in shown.out
    assert "hand-adjoint@numpy: failed" in shown.err


def test_the_exit_status_tells_that_nothing_is_advised(measured, capsys, monkeypatch):
    measured(**{name.replace("-", "_"): other("x", "wrong") for name in ASKED})
    assert run(capsys, monkeypatch, 80)[0] == 1


def test_json_holds_all_of_it(measured, capsys, monkeypatch):
    _, shown = run(capsys, monkeypatch, 80, as_json=True)
    data = json.loads(shown.out)
    assert data["strategy"] == "discrete-adjoint@numpy" and len(data["records"]) == 3
    assert data["predictions"][0]["seconds"]["middle"] == pytest.approx(1e-3) and data["probe"]["states"] == 3


def test_a_problem_is_asked_for(monkeypatch):
    with pytest.raises(InvalidInput, match="needs a problem's name or file"):
        command(None)
    with pytest.raises(InvalidInput, match="`--time-limit` is 0"):
        command("sir", time_limit=0.0)


def test_calibrating_needs_no_problem(monkeypatch, capsys):
    monkeypatch.setattr("hessbench._cli.advise.calibrated", lambda model, tell: type("S", (), {"said": "scaled"})())
    command(None, calibrate=True)
    assert "Predictions are now scaled." in capsys.readouterr().err


def test_the_command_is_there():
    from hessbench._cli import app

    assert "advise" in typer.main.get_command(app).commands  # type: ignore[attr-defined]


PLANTED = """
from dataclasses import dataclass, replace
import hessbench
from hessbench import Result, Strategy

@dataclass(frozen=True)
class Planted(Strategy):
    '''Zero at once: the fastest there is, and wrong.'''

    def prepare(self, problem, backend, ivp):
        import numpy as np
        n = problem.x0.size
        return lambda x: Result(0.0, np.zeros(n), np.zeros((n, n)))
"""


def test_for_real_a_planted_wrong_strategy_is_tried_and_never_advised(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text(PLANTED)
    known = {f"{path}@numpy": certain(1e-6), "hand-adjoint@numpy": certain(1e-2)}
    found = hessbench.advise(
        "harmonic-oscillator",
        strategies=[str(path), "hand-adjoint"],
        model=replace(MODEL, known=known),
        tried=2,
        budget=0.02,
    )
    assert [r.status for r in found.records] == ["wrong", "ok"]
    assert found.strategy == "hand-adjoint@numpy" and "planted.py@numpy (wrong)" in str(found)
