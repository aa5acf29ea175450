"""What users, plugins and stored results rely on stays: names of the package, commands, fields of records, codes, asv's names.

The lists stand in `public_names.txt`. A name may be added here; one that goes breaks somebody's file.
"""

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import hessbench
from hessbench import Record
from hessbench._measuring.statuses import STATUSES, TABLE

ROOT = Path(__file__).parents[2]
KNOWN: dict[str, list[str]] = {}
for part in re.split(r"^(?=\w+:$)", Path(__file__).with_name("public_names.txt").read_text(), flags=re.M):
    if part:
        title, _, words = part.partition(":")
        KNOWN[title] = words.split()


def test_every_name_of_the_package_is_still_there_and_says_what_it_is():
    assert set(KNOWN["names"]) <= set(hessbench.__all__)
    for name in hessbench.__all__:
        assert name == "STATUSES" or getattr(hessbench, name).__doc__, name


def test_every_name_that_backends_are_made_and_found_by_is_still_there():
    assert set(KNOWN["backends"]) <= set(hessbench.backends.__all__)
    assert all(hasattr(hessbench.backends, name) for name in KNOWN["backends"])
    assert dict(hessbench.backends.PACKAGES)["jax"] == "jax"


def test_every_command_is_still_there():
    shown = subprocess.run(
        [sys.executable, "-m", "hessbench", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert set(KNOWN["commands"]) <= {
        line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line.split()
    }


def test_fields_of_records_keep_their_names():
    assert set(KNOWN["fields"]) <= {field.name for field in fields(Record)}


def test_statuses_keep_their_codes():
    first = ["ok", "inaccurate", "wrong", "failed", "timeout", "unsupported", "unavailable", "unjudged"]
    assert list(STATUSES[: len(first)]) == first
    assert sorted(row.code for row in TABLE) == list(range(len(TABLE)))


@pytest.mark.parametrize("name", KNOWN["benchmarks"])
def test_benchmarks_keep_their_names(name):
    module, owner, function = name.split(".")
    classes = {
        n.name: n for n in ast.parse((ROOT / "benchmarks" / f"{module}.py").read_text()).body if hasattr(n, "bases")
    }
    assert function in {n.name for n in classes[owner].body if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("strategies/*.py"), *ROOT.glob("problems/*.py")]), ids=lambda p: p.name
)
def test_no_plugin_of_this_package_imports_what_another_could_not(path):
    tree = ast.parse(path.read_text())
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [
        name for name in names if name.startswith("hessbench") and any(part.startswith("_") for part in name.split("."))
    ]
