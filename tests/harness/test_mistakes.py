"""Mistakes in a user's file: one sentence, with the exact line and what to write instead, whichever framework trips over it."""

import inspect
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hessbench
from hessbench import Case, HessbenchError, InvalidInput, Problem
from hessbench._cli import table
from hessbench._cli.output import console, say_within
from hessbench._cli.verdict import verdict
from hessbench._errors import Mistake
from hessbench._measuring.child import stages
from hessbench._measuring.measure import blank, problem_of
from hessbench._measuring.record import MISTAKE
from hessbench._model.mistakes import words_for
from hessbench._model.places import found
from hessbench._plugins.own_functions import at_line, own_functions, suspect

FOLDER = Path(__file__).parent / "mistakes"
FRAMEWORKS = ("jax", "torch", "autograd")
BUILT = {  # what is said before anything is solved
    "in_place": ("line 7: `y[0] = ...`", "changes the solver's state in place", "name of its own"),
    "loss_arguments": ("line 10: `loss` takes `(y1)`", "expected four arguments", "`def loss(xp, y0, y1, p):`"),
    "loss_vector": ("line 11: `loss` returned shape (2,)", "expected a scalar", "`xp.sum(...)`"),
    "missing_parameter": ("line 7: there is no parameter 'kk'", "there are 'k'", "Did you mean 'k'?"),
    "no_comma": ("line 14", "`y0` must be a vector of numbers, got {'k': 2.0}", "is one missing?"),
    "no_problem": ("no_problem.py defines neither a problem", "Write `problem = Problem("),
    "not_in_xp": ("line 7: `xp.sine` is not there", "numpy has no `sine`", "did you mean `xp.sin`?"),
    "odeint_order": ("line 6: `rhs` takes `(y, t)`", "expected four arguments", "`def rhs(xp, t, y, p):`"),
    "one_other_name": ("`pendulum` (line 14)", "expected `problem`", "write `problem = Problem(...)`"),
    "ragged_parameter": ("line 14", "`params['k']` has rows of 1 and 2 numbers", "make them as long as each other"),
    "returns_column": ("line 7: `rhs` returned shape (2, 1)", "expected (2,)", "`return xp.stack([...])`"),
    "returns_nothing": ("line 6: `rhs` returned nothing", "expected (2,)", "`return xp.stack([...])`"),
    "rhs_order": ("line 6: the arguments of `rhs` are `(xp, y, t, p)`", "another order", "`def rhs(xp, t, y, p):`"),
    "scipy_order": ("line 6: `rhs` takes `(t, y)`", "expected four arguments", "`def rhs(xp, t, y, p):`"),
    "string_parameter": ("line 14", "`params['k']` is the text '2.0'", "without quotation marks"),
    "swapped": ("line 14", "`t_span` must be two numbers", "Are `t_span` and `y0` swapped?"),
    "two_problems": ("`first` (line 14) and `second` (line 15)", "none is called `problem`", "write `problem = first`"),
    "typo": ("NameError: name 'rsh' is not defined", "line 14"),
    "unknown": ("unknown.py, line 7", "raised ValueError: 3 is not in list"),
}
CALLED = {  # what is said where a strategy fails, and the frameworks that have to trip over it
    "np_array": ("line 9: `np.array` makes NumPy's arrays only", "write `xp.stack(...)`", FRAMEWORKS),
    "np_concatenate": ("line 10: `np.concatenate` makes NumPy's", "write `xp.concatenate(...)`", FRAMEWORKS),
    "np_sin": ("line 9: `np.sin` makes NumPy's arrays only", "write `xp.sin(...)`", ("jax", "torch")),
    "assignment": ("line 8: `dy[0] = ...` assigns into an array", "`return xp.stack([...])`", ("jax", "autograd")),
    "np_zeros": ("line 10: `dy[0] = ...` assigns into an array", "`return xp.stack([...])`", FRAMEWORKS),
    "if_state": ("line 8: Python decides here by `y[0] > 0.0`", "`xp.where(y[0] > 0.0, ..., ...)`", ("jax", "torch")),
    "max_state": ("line 7: `max(y[0], 0.0)`", "write `xp.maximum(y[0], 0.0)`", ("jax", "torch")),
    "float_state": ("line 7: `float(y[0])` makes a plain number", "write `y[0]`", (*FRAMEWORKS, "auto")),
    "item_state": ("line 7: `y[0].item()` takes out a plain number", "write `y[0]`", FRAMEWORKS),
    "math_sin": ("line 9: `math.sin(y[0])` takes plain numbers", "write `xp.sin(y[0])`", (*FRAMEWORKS, "auto")),
    "returns_tuple": ("line 7: `rhs` returns a tuple", "write `return xp.stack([...])`", FRAMEWORKS),
    "returns_list": ("line 7: `rhs` returns a list", "write `return xp.stack([...])`", FRAMEWORKS),
}


def built(name):
    return problem_of(Case(str(FOLDER / f"{name}.py"), "a"))


def within_80_columns(message, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    say_within(message, console())
    shown = capsys.readouterr().out
    return max(map(len, shown.splitlines())) <= 80 and " ".join(shown.split()) == " ".join(message.split())


def test_every_file_has_its_words():
    known = {*BUILT, *CALLED, "integers"}
    assert {path.stem for path in FOLDER.glob("*.py")} == known


@pytest.mark.parametrize("name", BUILT)
def test_what_cannot_be_built_is_explained_with_its_line(name, monkeypatch, capsys):
    with pytest.raises(HessbenchError) as caught:
        built(name)
    said = str(caught.value)
    assert all(words in said for words in BUILT[name]), said
    assert "\n" not in said and within_80_columns(said, monkeypatch, capsys)


@pytest.mark.parametrize("name", CALLED)
def test_what_a_framework_trips_over_has_the_same_words_in_all(name):
    *words, frameworks = CALLED[name]
    said = set()
    for framework in frameworks:
        if framework != "auto":
            pytest.importorskip(framework)
        strategy = "auto" if framework == "auto" else f"forward-over-reverse@{framework}"
        with pytest.raises(Mistake) as caught:
            hessbench.hessian(built(name), strategy=strategy, rtol=1e-4)
        assert isinstance(caught.value.__cause__, Exception)  # what the framework said is kept
        said.add(str(caught.value))
    assert len(said) == 1 and all(part in min(said) for part in (f"{name}.py, ", *words)), said


def test_integers_are_as_good_as_floats():
    assert built("integers").y0.dtype == np.float64
    found_hess = hessbench.hessian(built("integers"), rtol=1e-8).hess
    assert np.allclose(
        found_hess, hessbench.hessian(replace(built("integers"), y0=np.array([1.0, 2.0])), rtol=1e-8).hess
    )


SOURCE = """
from hessbench import Problem

def helper(y):
    return y[0].of_nobody()

def rhs(xp, t, y, p):
    return -y if isinstance(y, {kind}) else xp.stack([helper(y)])

problem = Problem("planted", rhs, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0])
"""


def test_a_mistake_that_nobody_knows_keeps_its_own_words_and_has_its_line(write):
    pytest.importorskip("autograd")
    planted = problem_of(Case(write("planted.py", SOURCE.format(kind="__import__('numpy').ndarray")), "a"))
    with pytest.raises(AttributeError, match="of_nobody") as caught:
        hessbench.hessian(planted, strategy="forward-over-reverse@autograd", rtol=1e-4)
    assert at_line(caught.value, planted) == " (planted.py, line 5)"  # the innermost one in the file
    assert words_for(caught.value, own_functions(planted), {}) is None


def test_in_a_measuring_process_it_is_the_message_of_the_record():
    pytest.importorskip("jax")
    case = Case(str(FOLDER / "np_sin.py"), "forward-over-reverse", "jax", rtol=1e-4)
    with pytest.raises(Mistake, match=r"np_sin.py, line 9: `np.sin`"):
        list(stages(case, None, 0.0, 0, None))


def test_a_problem_without_a_mistake_is_not_suspected():
    """Planted: sizes and times as plain numbers are right."""

    def rhs(xp, t, y, p):
        return -(y**3) / float(len(y)) + 0.0 * float(t) + int(y.shape[0]) - int(y.shape[0])

    fine = Problem("fine", rhs, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), np.array([1.0, 2.0]))
    assert suspect(fine) == "" and hessbench.hessian(fine, rtol=1e-6).hess.shape == (2, 2)
    said = suspect(built("float_state"))
    assert said.startswith("problem 'pendulum': float_state.py, line 7: `float(y[0])`")


def test_numpys_own_errors_are_not_taken_for_mistakes_of_the_namespace():
    """Planted: a singular matrix in a right-hand side that calls NumPy with NumPy's numbers."""

    def rhs(xp, t, y, p):
        return y * np.linalg.inv(np.zeros((1, 1)))[0]

    bad = Problem("bad", rhs, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0])
    line = inspect.getsourcelines(rhs)[1] + 1
    with pytest.raises(InvalidInput, match=f"test_mistakes.py, line {line}: .*LinAlgError: Singular matrix") as caught:
        bad.validate()
    assert not isinstance(caught.value, Mistake)


def test_the_place_is_the_innermost_one_in_the_users_files():
    def inner():
        raise ValueError("planted")

    try:
        exec(compile("f()", "elsewhere.py", "exec"), {"f": inner})
    except ValueError as error:
        place, nothing = found(error, {"rhs": inner}), found(error, {"rhs": textwrap.dedent})
        assert place is not None and place.where.endswith(f", line {inspect.getsourcelines(inner)[1] + 1}")
        assert nothing is None


def stopped(name, message):
    case = Case("mine.py", name, "jax")
    return replace(blank(case, "failed"), message=message, diagnosis=MISTAKE)


def test_contenders_that_the_same_mistake_stops_are_one_row(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    same = "problem 'a': mine.py, line 7: `np.sin` makes NumPy's arrays only: write `xp.sin(...)`."
    records = [stopped("a", same), stopped("b", same), stopped("c", same), stopped("d", "another mistake")]
    other = replace(stopped("e", same), diagnosis="")  # planted: of the same words, and no mistake
    table.show([*records, other])
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80 and out.count("failed") == 3 and out.count("np.sin") == 1
    assert "a@jax, 2 more" in out and "b@jax" not in out and "d@jax" in out and "e@jax" in out
    assert "a mistake in the problem's code stops 4 of them" in verdict(records)[0]
    with table.growing(2, silent=False) as grows:
        for record in records[:2]:
            grows.add(record)
    assert "2/2 b@jax: failed by the same mistake" in capsys.readouterr().err
