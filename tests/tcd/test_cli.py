"""`hessbench tcd`: exit status, messages, `--json`."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from hessbench.tcd.cli import app

GOOD = "^(y_start[:], a[:]=y_start * y_start) -> &es(a @ i ->)"


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **files):
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return run


def test_check_of_a_good_program_exits_0(call):
    result = call("check", "a.tcd", a_tcd=GOOD)
    assert result.exit_code == 0
    assert "1 program checked: 0 errors, 0 warnings" in result.stdout


def test_check_of_a_bad_program_exits_1_and_shows_the_place(call):
    result = call("check", "a.tcd", a_tcd="a = 1\nb + a")
    assert result.exit_code == 1
    assert "a.tcd:2:1: error[unbound]: nothing is named `b` here\n    b + a\n    ^" in result.stdout


def test_warnings_alone_exit_0(call):
    assert call("check", "a.tcd", a_tcd="a = 1\n2").exit_code == 0


def test_check_takes_several_files(call):
    result = call("check", "a.tcd", "b.tcd", a_tcd="x", b_tcd="y +")
    assert result.exit_code == 1
    assert "a.tcd:1:1" in result.stdout and "b.tcd:1:4" in result.stdout


def test_check_of_latex_lists_unchecked_blocks(call):
    block = "%%%% TCD-DSL-EQUATION{}\n\\begin{{verbatim}}\n{}\n\\end{{verbatim}}\n"
    result = call("check", "a.tex", a_tex=block.format("", "y_start + 1") + block.format(":unchecked", "("))
    assert result.exit_code == 1
    assert "a.tex:3:11: error[rank]" in result.stdout
    assert "a.tex:6: marked `:unchecked`, not checked" in result.stdout


def test_check_as_json(call):
    result = call("check", "--json", "a.tcd", a_tcd="x")
    report = json.loads(result.stdout)
    assert report["errors"] == 1
    (found,) = report["files"][0]["diagnostics"]
    assert (found["line"], found["column"], found["code"], found["file"]) == (1, 1, "unbound", "a.tcd")


def test_run_prints_the_result(call):
    result = call("run", "a.tcd", "--set", "y_start=[1, 2]", a_tcd=GOOD)
    assert (result.exit_code, result.stdout.strip()) == (0, "5.")


def test_run_as_json(call):
    result = call("run", "a.tcd", "--set", "x=[1, 2.5]", "--set", "j=1", "--json", a_tcd="x * &onehot(j, 2)")
    assert json.loads(result.stdout) == {"shape": [2], "result": [0.0, 2.5]}


def test_run_on_a_problem(call):
    result = call("run", "a.tcd", "--problem", "harmonic-oscillator", "--json", a_tcd="ydot(y[:]=y_start)")
    assert result.exit_code == 0
    assert np.isfinite(json.loads(result.stdout)["result"]).all()


def test_failed_run_exits_1_with_the_place(call):
    result = call("run", "a.tcd", "--set", "x=[0]", "--set", "j=5", a_tcd="x[j]")
    assert result.exit_code == 1
    assert "a.tcd:1:3: error[index]" in result.stderr


def test_derive_prints_a_program(call):
    result = call("derive", "a.tcd", "--wrt", "y_start", a_tcd=GOOD)
    assert result.exit_code == 0
    assert result.stdout.rstrip().endswith(") -> s_y_start")


def test_derive_as_json(call):
    result = call("derive", "a.tcd", "--wrt", "y_start", "--hessian", "--row", "k", "--json", a_tcd=GOOD)
    report = json.loads(result.stdout)
    assert report["order"] == "hessian" and "&onehot(k, dim)" in report["program"]


def test_derive_with_sizes(call):
    result = call("derive", "a.tcd", "--wrt", "x", "--size", "x=3", a_tcd="^(x[:]) -> &es(x @ i ->)")
    assert "&zeros(3)" in result.stdout


def test_refused_derivation_exits_1_with_the_place(call):
    result = call("derive", "a.tcd", "--wrt", "x", a_tcd="^(x[:]) -> x")
    assert result.exit_code == 1
    assert "a.tcd:1:1: error[derive]" in result.stderr


BAD_USE = {
    "missing file": ["check", "none.tcd"],
    "unknown problem": ["run", "a.tcd", "--problem", "no-such-problem"],
    "argument a problem does not take": ["run", "a.tcd", "--problem", "kepler", "--problem-set", "nonsense=1"],
    "setting without a value": ["run", "a.tcd", "--set", "x"],
    "setting that is no number": ["run", "a.tcd", "--set", "x=hello"],
    "tolerance": ["run", "a.tcd", "--rtol", "2"],
    "size without lengths": ["derive", "a.tcd", "--wrt", "x", "--size", "x"],
    "no option": ["derive", "a.tcd"],
    "problem that depends on time": ["run", "a.tcd", "--problem", "driven-pendulum"],
}


@pytest.mark.parametrize("arguments", BAD_USE.values(), ids=BAD_USE.keys())
def test_bad_use_exits_2_with_a_message(call, arguments):
    result = call(*arguments, a_tcd="1")
    assert result.exit_code == 2
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr
