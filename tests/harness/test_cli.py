"""The command line: what it prints, its JSON, and its exit status for bad input."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest


def cli(*arguments, cwd=None):
    command = [sys.executable, "-m", "hessbench", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "three-bdy"], "Did you mean 'three-body'"),
        (["compare", "sir", "-s", "hand-adjont"], "Did you mean 'hand-adjoint'"),
        (["compare-commits", "HEAD", "-p", "nope"], "hessbench: There is no problem 'nope'"),
        (["compare-commits", "."], "Both are .: name a commit"),
        (["publish", "board", "no-such-file"], "There is no file or folder 'no-such-file'"),
        (["compare", "sir", "-s", "hand-adjoint@jax"], "runs on numpy, tensorflow, not on 'jax'"),
        (["compare", "sir", "--rtol", "-1"], "`rtol` is -1.0"),
        (["compare", "sir", "--method", "Euler"], "`method` is 'Euler'"),
        (["compare", "sir", "-n", "4"], "one size only"),
        (["compare", "sir", "--set", "beta"], "write KEY=VALUE"),
        (["compare", "sir", "--set", "bta=3"], "no argument 'bta'"),
        (["compare", "brusselator", "-n", "7"], "even number"),
        (["compare", "random-quadratic", "-n", "0"], "at least 1"),
        (["compare", "sir", "--time-limit", "0"], "positive"),
        (["compare", "no_such_file.py"], "no file"),
        (["compare", "sir", "--gate-seed", "-1"], "--gate-seed"),
        (["check", "no-such-thing"], "There is no strategy"),
        (["check"], "needs a name or a file"),
        (["check", "sir", "--write"], "needs a name or a file"),
        (["check", "--outcomes", "no-such-thing"], "There is no strategy"),
        (["report", "no_such_folder"], "no file or folder"),
    ],
)
def test_bad_input_is_explained_with_exit_status_2(arguments, message):
    done = cli(*arguments)
    assert (done.returncode, message in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "Write `problem = Problem("),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError"),
        ("problem = 3", "expected a `Problem` or a function"),
        ("def problem():\n    return 3", "returned int, expected a `Problem`"),
    ],
)
def test_a_file_without_a_usable_problem_is_told_what_to_write(tmp_path, source, message):
    (tmp_path / "my_ode.py").write_text(source)
    done = cli("compare", "my_ode.py", cwd=tmp_path)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_list_prints_json():
    rows = json.loads(cli("list", "--json").stdout)
    assert {"hand-adjoint", "finite-difference/loss"} <= {row["name"] for row in rows["strategies"]}


def test_list_puts_variants_below_their_strategy():
    names = [(line.split() or [""])[0] for line in cli("list").stdout.splitlines()]
    names = [name for name in names if name.startswith(("/back", "hand-adjoint"))]
    at = names.index("hand-adjoint")
    assert names[at : at + 4] == ["hand-adjoint", "/backward", "/backward-unguarded", "hand-adjoint-rows"]


def test_list_prints_the_table_of_outcomes_with_a_word_on_each_class():
    done = cli("list", "--outcomes")
    assert "hand-adjoint/backward-unguarded@numpy" in done.stdout and "dissipative: brusselator" in done.stdout, (
        done.stderr
    )


@pytest.mark.skipif(not os.environ.get("HESSBENCH_SLOW"), reason="all classes, half a minute; `make test-long` runs it")
def test_check_compares_outcomes_with_the_table():
    done = cli("check", "--outcomes", "hand-adjoint/backward-unguarded", "--json")
    found = {row["kind"]: (row["observed"], row["expected"]) for row in json.loads(done.stdout)}
    assert done.returncode == 0 and found["dissipative"] == ("wrong", "wrong"), done.stdout + done.stderr


def test_compare_prints_a_table_and_marks_the_best():
    done = cli(
        "compare", "random-quadratic", "-n", "3", "-s", "hand-adjoint", "-s", "finite-difference", "--budget", "0"
    )
    assert "*  hand-adjoint@numpy" in done.stdout and done.returncode == 0, done.stdout + done.stderr


def test_compare_json_holds_one_flat_record_for_each_contender():
    done = cli(
        "compare", "random-quadratic", "-n", "3", "-s", "hand-adjoint", "--budget", "0", "--json", "--gate-seed", "4"
    )
    (record,) = json.loads(done.stdout)
    assert (record["status"], record["arguments"], record["gate_seed"]) == ("ok", '{"n": 3}', 4)


def test_compare_writes_records_that_report_reads(tmp_path):
    out = tmp_path / "records.jsonl"
    cli("compare", "random-quadratic", "-n", "3", "-s", "hand-adjoint", "--budget", "0", "-o", str(out))
    done = cli(
        "report", str(out), "--out", "page.html", "--export", "t.csv", "--figures", "figs", "--json", cwd=tmp_path
    )
    shown = json.loads(done.stdout)
    assert (shown["rows"], shown["warnings"]) == (1, []), done.stderr
    assert all((tmp_path / name).stat().st_size > 0 for name in ("page.html", "t.csv", "figs/overview.png"))


def test_check_of_a_problem_compares_its_derivatives(write):
    path = write(
        "wrong_ode.py",
        """
        import numpy as np
        from hessbench import Derivatives, Problem

        problem = Problem(
            "wrong-ode", lambda xp, t, y, p: -y * y, lambda xp, y0, y1, p: xp.sum(y1 * y1), (0.0, 1.0), [0.5],
            derivatives=Derivatives(
                vjp=lambda t, y, s, p: -2 * y * s,
                jac=lambda t, y, p: -2 * y[..., None],
                vhp=lambda t, y, s, p: -1.9 * s[..., None],
            ),
        )
        """,
    )
    done = cli("check", path)
    assert done.returncode == 1 and "FAIL  wrong-ode: hand-written derivatives" in done.stdout, (
        done.stdout + done.stderr
    )


def test_brackets_in_a_message_reach_the_reader(capsys):
    from hessbench import Case
    from hessbench._cli.compare import show
    from hessbench._measuring.measure import blank

    message = "pip install 'hessbench[jax]'"
    show([replace(blank(Case("sir", "unrolled", "jax"), "unavailable"), message=message)])
    assert message in capsys.readouterr().out
