"""`hessbench bounds`: tables that fit, JSON, and exit status 2 for bad input."""

import json
import subprocess
import sys

import pytest


def cli(*arguments, cwd=None):
    command = [sys.executable, "-m", "hessbench", "bounds", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def test_tables_fit_into_100_columns_and_name_what_is_above_a_limit():
    done = cli("kepler", "sir")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "3.25!" in done.stdout and "kepler dim=2: tangent: 3.250 w, above 2.5 (26 operations)" in done.stdout
    assert "0 above the bound by operation rules" in done.stdout and "ns" in done.stdout


def test_json_holds_fields_and_verdicts():
    shown = json.loads(cli("sir", "--no-times", "--json").stdout)
    assert (len(shown["bounds"]), shown["times"], shown["left_out"]) == (7, [], [])
    gradient = shown["bounds"][1]
    assert (gradient["operations"], gradient["w"], gradient["multiple"], gradient["verdict"]) == (11, 4, 2.75, "within")


def test_a_problem_of_ones_own_is_counted(tmp_path):
    source = """from hessbench import Problem

problem = Problem("own", lambda xp, t, y, p: -p["k"] * y, lambda xp, y0, y1, p: xp.sum(y1), (0, 1), [1.0, 2.0], {"k": 0.5})
"""
    (tmp_path / "own.py").write_text(source)
    (row, *_) = json.loads(cli("own.py", "--no-times", "--json", cwd=tmp_path).stdout)["bounds"]
    assert (row["problem"], row["w"], row["operations"]) == ("own", 2, 4)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "problem = Problem('own', lambda xp, t, y, p: y if y[0] > 0 else -y, L, (0, 1), [1.0])",
            "branches on a value",
        ),
        ("problem = Problem('own', lambda xp, t, y, p: y, L, (0, 1), [1.0])", "no arithmetic"),
        ("def problem(n):\n    return None", "needs the argument 'n'"),
        ("x = 1", "Write `problem = Problem("),
    ],
)
def test_a_file_that_cannot_be_counted_is_explained(tmp_path, source, message):
    (tmp_path / "own.py").write_text(f"from hessbench import Problem\nL = lambda xp, y0, y1, p: xp.sum(y1)\n{source}\n")
    done = cli("own.py", "--no-times", cwd=tmp_path)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_an_unknown_problem_is_explained():
    done = cli("keplr")
    assert (done.returncode, "Did you mean 'kepler'" in done.stderr) == (2, True), done.stderr
