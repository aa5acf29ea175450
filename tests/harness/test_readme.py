"""What the README and the first steps show runs as it stands."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "start.md")
BLOCKS = [block for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.fixture
def files(tmp_path):
    """The two files of these pages, written out word for word."""
    for name, mark in (("my_ode.py", '"lotka-volterra"'), ("rows.py", "class Rows")):
        (block,) = [b for b in BLOCKS if mark in b]
        (tmp_path / name).write_text(block)
    return tmp_path


def cli(folder, *arguments):
    command = [sys.executable, "-m", "hessbench", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500)


def test_the_users_ode_is_compared_and_right(files):
    done = cli(
        files, "compare", "my_ode.py", "-s", "hand-adjoint", "-s", "finite-difference", "--budget", "0", "--json"
    )
    assert [r["status"] for r in json.loads(done.stdout)] == ["ok", "ok"], done.stderr


def test_the_users_ode_is_short():
    (block,) = [b for b in BLOCKS if '"lotka-volterra"' in b]
    assert len([line for line in block.splitlines() if line.strip()]) <= 15


def test_the_strategy_of_the_first_steps_keeps_all_laws(files):
    done = cli(files, "check", "rows.py")
    assert done.returncode == 0, done.stdout


def test_the_strategy_of_the_first_steps_is_compared(files):
    done = cli(files, "compare", "sir", "-s", "rows.py", "-s", "hand-adjoint", "--budget", "0", "--json")
    assert [(r["strategy"], r["status"]) for r in json.loads(done.stdout)] == [
        ("rows.py", "ok"),
        ("hand-adjoint", "ok"),
    ]


def test_the_strategy_of_the_first_steps_is_one_file_of_20_to_35_lines():
    (block,) = [b for b in BLOCKS if "class Rows" in b]
    assert 20 <= len(block.splitlines()) <= 35
