"""What `docs/adding-a-strategy.md` shows runs as it stands."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from hessbench._cli import app
from hessbench._judging import outcomes
from hessbench._plugins import registry

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "adding-a-strategy.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line.partition("  #")[0].strip() for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
FILES = {name: text for name, mark in (("gauss_newton.py", "GaussNewton"), ("second_order.py", "SecondOrder"))
         for kind, text in BLOCKS if kind == "python" and f"class {mark}" in text}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """The two files of the page, written out word for word."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def shown(command, folder, *more):
    """Run a command of the page."""
    assert command in COMMANDS, COMMANDS
    arguments = [sys.executable, "-m", *shlex.split(command), *more]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=500)


def test_the_page_names_both_files():
    assert sorted(FILES) == ["gauss_newton.py", "second_order.py"]


@pytest.mark.skipif(
    not os.environ.get("HESSBENCH_SLOW"), reason="all classes, twenty seconds; `make test-long` runs it"
)
def test_the_check_of_the_shortcut_fails_as_shown_and_finds_nothing_else(files):
    done = shown("hessbench check gauss_newton.py", files)
    (line,) = [text.strip() for kind, text in BLOCKS if kind == "text"]
    broken = [text for text in done.stdout.splitlines() if text.startswith("FAIL")]
    assert done.returncode == 1 and any(text.startswith(line) for text in broken), done.stdout
    assert all("Hessian agrees" in text or "error falls" in text for text in broken), done.stdout


def test_the_check_of_the_right_one_ends_as_said(files):
    done = shown("hessbench check second_order.py", files)
    assert (done.returncode, done.stdout.rstrip().endswith("0 broken")) == (0, True), done.stdout + done.stderr


def test_the_comparison_shows_one_wrong_and_one_right(files):
    (command,) = [text for text in COMMANDS if text.startswith("hessbench compare")]
    done = shown(command, files, "--json")
    found = {r["strategy"]: (r["status"], r["median_s"] is None) for r in json.loads(done.stdout)}
    assert found == {
        "gauss_newton.py": ("wrong", True),
        "second_order.py": ("ok", False),
        "hand-adjoint": ("ok", False),
    }


@pytest.fixture
def dropped_in(files, monkeypatch):
    """The folder of strategies, copied, with the right one put into it."""
    folder = files / "strategies"
    shutil.copytree(ROOT / "strategies", folder)
    shutil.copy(files / "second_order.py", folder)
    spec, find_spec = SimpleNamespace(submodule_search_locations=[str(folder)]), registry.find_spec
    for module in (registry, outcomes):
        monkeypatch.setattr(module, "find_spec", lambda name: spec if name.endswith("strategies") else find_spec(name))
    for cached in (registry._listing, outcomes.table):
        cached.cache_clear()
    import_module("hessbench._cli.check"), import_module("hessbench._cli.listing")
    yield folder
    for cached in (registry._listing, outcomes.table):
        cached.cache_clear()


def in_process(command):
    (line,) = [text for text in COMMANDS if text == command]
    return CliRunner().invoke(app, shlex.split(line)[1:])


@pytest.mark.skipif(not os.environ.get("HESSBENCH_SLOW"), reason="all classes, half a minute; `make test-long` runs it")
def test_a_file_put_into_the_folder_gets_a_row_of_its_own(dropped_in):
    before = (dropped_in / "outcomes.csv").read_text().splitlines()
    done = in_process("hessbench check --outcomes second-order --write")
    after = (dropped_in / "outcomes.csv").read_text().splitlines()
    (row,) = set(after) - set(before)
    assert done.exit_code == 0 and set(before) <= set(after) and row.startswith("second-order@numpy,refuses,ok,")
    assert "second-order@numpy" in in_process("hessbench list --outcomes").output


def test_it_stands_in_the_parameters_that_the_page_selects(dropped_in, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    (command,) = [text for text in COMMANDS if " asv run " in text]
    pattern = re.search(r'-b "(.*)"', command).group(1)
    names = [f"smoke.Smoke.track_status({name})" for name in import_module("benchmarks.common").contenders()]
    assert [name for name in names if re.search(pattern, name)] == ["smoke.Smoke.track_status(second-order@numpy)"]


def test_the_entry_point_is_declared_as_the_example_package_declares_its_own():
    (block,) = [text for kind, text in BLOCKS if kind == "toml"]
    example = tomllib.loads((ROOT / "tests/third_party/hessbench-example/pyproject.toml").read_text())
    assert set(tomllib.loads(block)["project"]["entry-points"]) < set(example["project"]["entry-points"])
