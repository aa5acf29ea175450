"""The published row program: its dialect runs, its two mistakes are found, and its corrected form agrees with the others."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import hessbench
from hessbench import Problem, tcd
from hessbench.tcd.cli import app
from hessbench.tcd.environment import from_problem
from hessbench.tcd.errors import TcdError
from hessbench.tcd.renaming import renamed_types, renamed_values
from hessbench.tcd.types import problem_types
from hessbench.tcd.typeset import equations, show_name, typeset

HERE = Path(__file__).parent
PROGRAM = (HERE / "published_row.tcd").read_text()
OBJECTIVE = (HERE / "non_closure.tcd").read_text()
NAMES = {"pos0": "y0", "pos1": "y1"}
SLOTS = ["--slot", "pos0=y0", "--slot", "pos1=y1"]
TIMES = "      t0[]=t_start,\n      t1[]=t_end)"
WITHOUT_TIMES = PROGRAM.replace(f"z_s_T_y_start),\n{TIMES}", "z_s_T_y_start))")
OF_THE_START = PROGRAM.replace(
    "z_s_T_y_final @ b -> a)  # from F4\n    + ODE", "z_s_T_y_start @ b -> a)  # from F4\n    + ODE"
)


def bent():
    """Van der Pol's oscillator with a loss of both ends whose mixed block is not symmetric, at a point that is no orbit."""
    return Problem(
        name="bent",
        rhs=lambda xp, t, y, p: xp.stack([y[1], 0.6 * (1 - y[0] * y[0]) * y[1] - y[0]]),
        loss=lambda xp, y0, y1, p: xp.sum((y1 - y0) ** 2) + y0[0] * y0[0] * y1[1] + y1[0] ** 3,
        t_span=(0.0, 1.7),
        y0=np.array([0.8, -0.5]),
        autonomous=True,
    )


def rows(program, slots=NAMES):
    environment = from_problem(bent())
    settings = {**(renamed_values(environment, slots) if slots else environment)}
    row = jax.vmap(lambda j: tcd.run(program, settings={**settings, "j": j}))
    return np.asarray(jax.jit(row)(jnp.arange(2)))


@pytest.fixture(scope="module")
def wanted():
    return hessbench.hessian(bent(), strategy="discrete-adjoint", rtol=1e-11).hess


def close(got, wanted):
    return np.max(np.abs(got - wanted)) <= 1e-8 * np.max(np.abs(wanted))


def test_the_corrected_program_has_no_findings():
    assert tcd.check(PROGRAM, renamed_types(problem_types(), NAMES)) == []


def test_the_corrected_program_agrees_with_the_default_strategy(wanted):
    assert close(rows(PROGRAM), wanted)


@pytest.mark.skipif(not os.environ.get("HESSBENCH_SLOW"), reason="HESSBENCH_SLOW=1: it compiles for seconds")
def test_the_corrected_program_agrees_with_the_derived_one(wanted):
    derived = tcd.derive(OBJECTIVE, "y_start", order="hessian")
    assert np.max(np.abs(rows(PROGRAM) - rows(derived, {}))) < 1e-9 * np.max(np.abs(wanted))


def test_missing_times_of_the_long_solve_are_reported_at_the_call():
    assert WITHOUT_TIMES != PROGRAM
    (found,) = tcd.check(WITHOUT_TIMES, renamed_types(problem_types(), NAMES))
    line = next(k for k, text in enumerate(WITHOUT_TIMES.split("\n"), 1) if "z_obp[:] = ODE(" in text)
    assert (found.severity, found.pos.line) == ("error", line)
    assert found.message == "`ODE` is called without `t0[]`, `t1[]`"
    for program in ("ODE(ydot{}=ydot, y[:]=y_start)[1:] + y_start[1:]", "a[:] = ODE(ydot{}=ydot, y[:]=y_start)\na"):
        with pytest.raises(TcdError, match=r"`ODE` is called without `t0\[\]`, `t1\[\]`"):
            tcd.run(program, problem=bent())


def test_the_contraction_with_the_wrong_sensitivity_is_far_off_at_a_generic_point(wanted):
    assert OF_THE_START != PROGRAM and tcd.check(OF_THE_START, renamed_types(problem_types(), NAMES)) == []
    assert np.max(np.abs(rows(OF_THE_START) - wanted)) > 0.1 * np.max(np.abs(wanted))


def test_a_flow_whose_times_come_later_is_no_mistake():
    program = "flow{} = ODE(ydot{}=ydot, y[:]=y_start)\nflow(t0[]=t_start, t1[]=t_end)"
    assert tcd.check(program) == [] and tcd.run(program, problem=bent()).shape == (2,)


def test_the_field_may_be_a_slot_of_the_objective():
    with_slot = OBJECTIVE.replace("y_start[:],", "ydot{},\n    y_start[:],", 1)
    for order in ("gradient", "hessian"):
        plain, program = (tcd.derive(text, "y_start", order=order) for text in (OBJECTIVE, with_slot))
        assert tcd.show(program) == tcd.show(plain).replace("    y_start[:],", "    ydot{},\n    y_start[:],", 1)
    gradient = tcd.derive(with_slot, "y_start")
    by_adjoint = hessbench.hessian(bent(), strategy="discrete-adjoint", rtol=1e-11).grad
    assert np.allclose(tcd.run(gradient, problem=bent()), by_adjoint, rtol=1e-8)
    with pytest.raises(TcdError, match="`ydot` is a function"):
        tcd.derive(with_slot, "ydot")


def test_renamed_slots_still_have_the_loss_s_own_blocks():
    text = OBJECTIVE.replace("T(y0[:]=", "T(pos0[:]=").replace("y1[:]=y_end", "pos1[:]=y_end")
    program = tcd.derive(text, "y_start", order="hessian", types=renamed_types(problem_types(), NAMES))
    assert all(f"{block}(pos0[:]=y_start, pos1[:]=y_end)" in tcd.show(program) for block in ("T00", "T01", "T11"))


@pytest.mark.parametrize(
    ("names", "said"),
    [({"a": "y9"}, "no function has a slot `y9`"), ({"y1": "y0"}, "two slots of one function would be called `y1`")],
)
def test_names_that_cannot_be_are_refused(names, said):
    with pytest.raises(TcdError, match=said):
        renamed_types(problem_types(), names)
    ((new, old),) = names.items()
    path = str(HERE / "non_closure.tcd")
    result = CliRunner().invoke(app, ["check", path, "--slot", f"{new}={old}"])
    assert result.exit_code == 2 and said in result.stderr


@pytest.mark.parametrize("bad", ["pos0", "pos0=", "=y0", "a b=y0"])
def test_a_misspelt_slot_is_bad_use(bad):
    result = CliRunner().invoke(app, ["check", str(HERE / "non_closure.tcd"), "--slot", bad])
    assert result.exit_code == 2 and "--slot pos0=y0" in result.stderr


def values(program, **settings):
    return np.asarray(tcd.run(program, settings=settings)).tolist()


def test_indices_divide_integers_and_round_down():
    x = np.arange(7.0)
    assert values("x[n / 2:(2 n) / 3]", x=x, n=7) == [3.0]
    assert values("x[-n / 2]", x=x, n=3) == 6.0  # the sign belongs to the quotient
    assert values("&zeros(n / 2 * 2)", n=5) == [0.0] * 4
    assert values("&es(&onehot(6 / 4, 4) @ i; x[:4] @ i ->) / 2", x=x) == 0.5  # outside of indices, a quotient is one


def test_quotients_print_and_parse_and_have_lengths():
    program = tcd.parse("x[n / 2:2 n / m, k/3]")
    assert tcd.parse(tcd.show(program)) == program and tcd.show(program) == "x[n / 2:2 n / m, k / 3]\n"
    (found,) = tcd.check("y_start[:(2 dim) / 2] + &zeros(2)[:4 / 3] + &zeros(3)")
    assert "lengths" in found.message or "sum of" in found.message
    (found,) = tcd.check("y_start[1 / 0:]")
    assert found.message == "an index is divided by zero"
    with pytest.raises(TcdError, match="divided by zero"):
        tcd.run("x[1 / n]", settings={"x": np.arange(3.0), "n": 0})


def test_names_read_as_on_paper():
    assert show_name("y_end") == r"y_{\mathrm{end}}" and show_name("T01") == "T_{01}"
    assert show_name("s_y_end") == r"s_{y_{\mathrm{end}}}" and show_name("ydot") == r"\dot{y}"


PROGRAMS = {
    "derivation": (tcd.derive(OBJECTIVE, "y_start", order="hessian"), 14),
    "published": (tcd.parse(PROGRAM), 8),
    "everything": (
        tcd.parse(
            "k[] = 2e-3\nA[:, :] = &stack(0, x, &pow(x, 2), &exp(x) / &log(x))\n"
            "f{} = ^(u[:], v[:]=u * u) -> -u + v * 3\ng = f[:, d u[:]](u[:]=x)[+, 1:n / 2, 0:4:2]\n"
            "&es(A @ i, j; x @ j -> i) + &reshape(&concat(0, x, &zeros(2)), n, 2)[0] - &onehot(j, dim)"
        ),
        5,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_quantity_has_an_equation_that_is_well_formed(name):
    from matplotlib.mathtext import MathTextParser

    program, count = PROGRAMS[name]
    found = equations(program)
    assert len(found) == count
    parser = MathTextParser("path")
    for text in found:
        assert text.count("{") == text.count("}") and text.count(r"\left") == text.count(r"\right")
        parser.parse(f"${text}$")  # raises for anything that is no formula


def test_a_formula_that_is_not_well_formed_is_found():
    from matplotlib.mathtext import MathTextParser

    text = equations(PROGRAMS["derivation"][0])[0].replace(r"\right)", "")
    with pytest.raises(ValueError, match="Expected"):
        MathTextParser("path").parse(f"${text}$")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_a_document_compiles(tmp_path):
    (tmp_path / "a.tex").write_text(typeset(PROGRAMS["derivation"][0], document=True))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0


def test_the_command_typesets_a_program_and_a_derivation():
    path = str(HERE / "non_closure.tcd")
    run = CliRunner().invoke
    plain, document = run(app, ["latex", path]), run(app, ["latex", path, "--wrt", "y_start", "--document"])
    assert r"\Phi^{t_{\mathrm{start}} \to t_{\mathrm{end}}}_{\dot{y}}" in plain.stdout
    assert document.stdout.startswith(r"\documentclass") and r"\text{from the objective}" in document.stdout
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", document.stdout)
    assert environments and sum(1 if what == "begin" else -1 for what, _ in environments) == 0
    as_json = json.loads(run(app, ["latex", path, "--json"]).stdout)
    assert as_json["latex"] == plain.stdout
    assert run(app, ["latex", path, "--hessian"]).exit_code == 2
