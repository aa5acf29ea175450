"""Every command of README and docs: run here, run by another test, or long and run by `make docs-commands`.

Commands run in this process, in an empty folder, without their `--out`, whose figures other tests look at.
"""

import os
import re
import shlex

import pytest
from typer.testing import CliRunner

from hessbench._cli import app, tools

from .pages import COMMANDS, PAGES, ROOT

HERE = {
    "hessbench list": ["discrete-adjoint", "three-body"],
    "hessbench list --outcomes": ["torchdiffeq-adjoint", "observed with"],
    "hessbench compare --explain": ["statuses", "columns", "as the framework differentiates"],
    "hessbench orbit list": ["figure-8", "arenstorf-1"],
    "hessbench orbit analyse figure-8": ["translation x", "time shift"],
    "hessbench orbit simo": ["Simó's distorted figure-8", "multipliers"],
    "hessbench orbit oscillator": ["largest relative error"],
    "hessbench orbit oscillator -d 6": ["4.51538 x 12", "36 of 36 have the multiplicities"],
    "hessbench orbit kepler": ["closed form"],
    "hessbench orbit configurations": ["27 sigma = 9.0000", "7: 2.453"],
    "hessbench orbit determinant examples/double_well.py": ["0.0208333", "3.19153"],
    "hessbench orbit determinants": ["largest relative error"],
    "hessbench directions three-body": ["rotation", "boost x and boost y"],
    "hessbench directions three-body --want 'y0[0]=+0.02' --want 'y0[2]=0' --want 'y0[4]=0'": ["constrained minimum"],
    "hessbench bounds": ["0 above the bound by operation rules"],
    "hessbench tcd derive tests/tcd/non_closure.tcd --wrt y_start --hessian": ["ode_z_ode_s_y_end"],
}
BY_NUMBERS = (
    "hessbench bounds",
    "hessbench orbit simo",
    "hessbench orbit simo --scan",
)  # run once, by `test_numbers.py`
LONG = {
    "hessbench orbit find dragonfly": ["period 21.270978"],
    "hessbench orbit find broucke-r1 --digits 4": ["period 5.226"],
    "hessbench orbit find super-eight": ["closed to", "period 6.28318537"],
    "hessbench orbit find chain-5": ["closed to", "period 6.28318534"],
    "hessbench orbit analyse super-eight": ["choreography defect", "-2.57355"],
    "hessbench orbit family figure-8 --parameter mass --arc 1e-3 -n 7": ["fold at mass = 1.0000403"],
    "hessbench orbit explore figure-8 -n 11": ["107 starts", "14 starts", "1.09587"],
    "hessbench orbit family simo --parameter mass --to 1.02 -n 6": ["1.0958744", "2.77424"],
    "hessbench orbit family jpl-em-lyapunov-l1-c-3.15001683 --parameter energy --to 3.05 -n 11": ["1878.07", "600.906"],
    "hessbench compare my_ode.py": ["my_ode.py: 2 states", "discrete-adjoint@numpy"],
    "hessbench advise my_ode.py": ["Use discrete-adjoint"],
}
ELSEWHERE = {  # the beginning of a command: where it runs
    "hessbench check rows.py": "tests/harness/test_readme.py",
    "hessbench compare sir -s rows.py": "tests/harness/test_readme.py",
    "hessbench check gauss_newton.py": "tests/harness/test_adding_a_strategy.py",
    "hessbench check second_order.py": "tests/harness/test_adding_a_strategy.py",
    "hessbench compare driven-pendulum": "tests/harness/test_adding_a_strategy.py",
    "hessbench check --outcomes second-order": "tests/harness/test_adding_a_strategy.py",
    "hessbench check strategies/my_way.py": "tests/harness/test_readme.py",
    "hessbench check my_way.py": "tests/harness/test_readme.py",
    "hessbench check problems/my_ode.py": "tests/harness/test_cli.py",
    "hessbench check my_ode.py": "tests/harness/test_cli.py",
    "hessbench bounds my_ode.py": "tests/costs/test_cli.py",
    "hessbench report": "tests/report/test_page.py",
    "hessbench publish": "tests/report/test_board.py",
    "hessbench advise my_ode.py --": "tests/advice/test_advise.py",
    "hessbench petab ": "tests/sbml/test_petab.py",
    "hessbench tcd check FILE": "tests/tcd/test_docs.py",
    "hessbench tcd run FILE": "tests/tcd/test_docs.py",
    "hessbench tcd derive FILE": "tests/tcd/test_docs.py",
    "hessbench tcd latex FILE": "tests/tcd/test_docs.py",
    "OMP_NUM_THREADS=1 python examples/stiff": "tests/examples/test_recurrent.py",
    "OMP_NUM_THREADS=1 python examples/periodic": "tests/orbits/test_along.py",
    "OMP_NUM_THREADS=1 python examples/": "tests/examples/test_examples.py",
    "make ": ".ci/run",
    "asv ": ".ci/run",
}
MEASURING = (  # minutes to hours on a machine of its own: the numbers of a page are those of the day that it names
    "hessbench run",
    "hessbench compare three-body --all",
    "hessbench compare random-quadratic --all",
    "hessbench compare --all",
    "hessbench check --outcomes --write",
    "hessbench check --outcomes NAME",
    "hessbench check --faults",
    "hessbench compare-commits",
    "hessbench advise --calibrate",
    "HESSBENCH_LARGE=1 hessbench run",
    "HESSBENCH_ONLY=second-order asv run",
    "OMP_NUM_THREADS=1 hessbench bounds",
    "python -m benchmarks.",
    "python -m pytest",
    "python -m tests.discrete.differential",
)
WORDS = {
    "hessbench check",
    "hessbench compare",
    "hessbench report",
    "hessbench orbit",
    "hessbench petab",
}  # a command's name in a sentence


def plain(command: str) -> str:
    """Without the folder of the environment, a thread count and `--out`, which change nothing that is printed."""
    command = command.replace(".venv/bin/", "").replace("OMP_NUM_THREADS=1 python -m", "python -m")
    drawing = command.startswith(("hessbench orbit", "hessbench directions"))
    return re.sub(r" --out \S+", "", command) if drawing else command


def place(command: str) -> str | None:
    """Where a command of the docs runs; `None` for one that nobody runs."""
    command = plain(command)
    if command in HERE or command in BY_NUMBERS:
        return "here"
    if command in LONG:
        return "make docs-commands"
    if command in WORDS or command.startswith(MEASURING):
        return "measuring"
    return next((where for start, where in ELSEWHERE.items() if command.startswith(start)), None)


def output(command: str) -> str:
    arguments = shlex.split(command)[1:]
    tools.mount(arguments)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("page", COMMANDS)
def test_somebody_runs_every_command(page):
    assert [command for command in COMMANDS[page] if place(command) is None] == []


def test_a_command_that_nobody_runs_is_seen():
    assert place("hessbench advice") is None


def test_what_is_said_of_commands_is_not_outdated():
    known = {plain(command) for commands in COMMANDS.values() for command in commands}
    assert set(HERE) | set(LONG) <= known
    assert [start for start in ELSEWHERE if not any(command.startswith(start) for command in known)] == []
    assert all((ROOT / where).exists() for where in ELSEWHERE.values() if where.startswith("tests/"))


@pytest.mark.parametrize("command", [command for command in HERE if command not in BY_NUMBERS])
def test_a_command_prints_what_the_page_says(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    printed = output(command)
    assert [text for text in HERE[command] if text not in printed] == [], printed


long = pytest.mark.skipif("DOCS_LONG" not in os.environ, reason="minutes; `make docs-commands` runs them")


@long
@pytest.mark.parametrize("command", LONG)
def test_a_long_command_prints_what_the_page_says(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (source,) = re.findall(r'```python\n([^`]*?"lotka-volterra".*?)```', PAGES["README.md"], re.DOTALL)
    (tmp_path / "my_ode.py").write_text(source)
    printed = output(command)
    assert [text for text in LONG[command] if text not in printed] == [], printed
