"""`hessbench.compare` judges contenders from Python, also of a problem that only a notebook knows, and shows them."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput, Unavailable

from .closed_forms import X, decay

SPOILED = """
from dataclasses import replace
from hessbench import Strategy
from hessbench.discrete import Options, prepare


class Spoiled(Strategy):
    def prepare(self, problem, backend, ivp):
        run = prepare(problem, ivp, Options())
        return lambda x: replace(run(x), hess=1.02 * run(x).hess)
"""
# What a notebook's cell or a console holds: functions of `__main__`, for which there is no file.
CELL = """
import hessbench
k = 0.6
def rhs(xp, t, y, p):
    return -p["k"] * y
def loss(xp, y0, y1, p):
    return xp.sum((y1 - 0.3) ** 2)
problem = hessbench.Problem("cell", rhs, loss, (0.0, 1.0), [1.7, -0.4], {"k": k}, wrt=("y0", "k"))
found = hessbench.compare(problem, ["hand-adjoint"], budget=0.0, each=lambda record: print(record.status))
print(found.best.strategy, found.best.error < 1e-6, found.best.problem)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    spoiled = tmp_path_factory.mktemp("strategies") / "spoiled.py"
    spoiled.write_text(SPOILED)
    return hessbench.compare(decay(), [str(spoiled), "hand-adjoint", "autograd-odeint"], budget=0.05)


def test_right_ones_come_first_and_a_wrong_one_is_wrong(found):
    assert len(found) == 3 and found.problem == "decay"
    assert found.best.strategy == "hand-adjoint" and found.best is next(iter(found))
    wrong = next(r for r in found if "spoiled" in r.strategy)
    assert wrong.status == "wrong" and wrong.median_s is None
    assert any(said.startswith("Wrong here: ") and "spoiled" in said for said in found.verdict)
    assert {r.problem for r in found} == {"decay"} and "hand-adjoint@numpy: ok" in str(found)


def test_as_a_data_frame(found):
    pandas = pytest.importorskip("pandas")
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 3
    assert frame.set_index("strategy").loc["hand-adjoint", "median_s"] == found.best.median_s
    assert frame.set_index("strategy").loc["hand-adjoint", "error"] == found.best.error
    assert frame["best"].sum() >= 1 and frame.loc[frame["best"], "status"].eq("ok").all()


def test_the_hessian_as_a_data_frame():
    pytest.importorskip("pandas")
    result = hessbench.hessian(decay(), X)
    frame = result.to_frame()
    assert list(frame.columns) == list(frame.index) == ["y0[0]", "y0[1]", "k"]
    assert frame.loc["k", "y0[1]"] == result.hess[2, 1] and np.array_equal(frame.to_numpy(), result.hess)


def test_without_pandas_there_is_a_clear_error(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for show in (found.to_frame, hessbench.hessian(decay(), X).to_frame):
        with pytest.raises(Unavailable, match="pip install pandas"):
            show()


def test_a_notebook_shows_table_and_verdict_escaped(found):
    html = found._repr_html_()
    texts = [text for part in html.split("</table>")[:-1] for text in ET.fromstring(part + "</table>").itertext()]
    assert {"Strategies on decay", "hand-adjoint@numpy", "wrong", "Verdict", *found.verdict} <= set(texts)


def test_a_problem_that_only_a_console_knows_is_measured_in_children(tmp_path):
    pytest.importorskip("cloudpickle")
    done = subprocess.run([sys.executable, "-"], input=CELL, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.stdout.split() == ["ok", "hand-adjoint", "True", "cell"], done.stderr


def test_a_built_in_problem_by_its_name():
    assert hessbench.compare("harmonic-oscillator", ["hand-adjoint"], budget=0.0, rtol=1e-6).best.rtol == 1e-6


@pytest.mark.parametrize(
    "problem, strategies, said",
    [
        ("harmonic-oscillator", "hand-adjoint", "expected a list of names"),
        ("harmonic-oscillator", [], "`strategies` is empty"),
        ("harmonic-oscillater", ["hand-adjoint"], "Did you mean 'harmonic-oscillator'"),
        ("harmonic-oscillator", ["hand-adjoynt"], "There is no strategy 'hand-adjoynt'"),
    ],
)
def test_what_cannot_be_compared_is_a_clear_error(problem, strategies, said):
    with pytest.raises(InvalidInput, match=said):
        hessbench.compare(problem, strategies)


def test_arguments_belong_to_families():
    with pytest.raises(InvalidInput, match="has its own already"):
        hessbench.compare(decay(), ["hand-adjoint"], arguments={"n": 3})
    assert "n=10" in hessbench.compare("random-quadratic", ["hand-adjoint"], arguments={"n": 10}, budget=0.0).problem
