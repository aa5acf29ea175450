"""A package of somebody else, installed in an environment of its own, adds a strategy and a problem by entry points."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "third_party" / "hessbench-example"
FRAMEWORKS = ("jax", "torch", "autograd", "casadi")


def run(*command, cwd):
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment that holds the package and sees everything that is installed here."""
    folder = tmp_path_factory.mktemp("third_party")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    interpreter = folder / "venv" / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(interpreter, "-c", purelib, cwd=folder).strip())
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")  # with the .pth files in it
    shutil.copytree(PACKAGE, folder / "source")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(interpreter, "-m", "pip", "install", *options, folder / "source", cwd=folder)
    return interpreter


def test_both_are_listed_with_the_package_they_come_from(python, tmp_path):
    rows = json.loads(run(python, "-m", "hessbench", "list", "--json", cwd=tmp_path))
    found = {row["name"]: row for kind in rows.values() for row in kind if "example" in row["name"]}
    assert set(found) == {"example-columns", "example-logistic"}
    assert all(row["error"] is None and "hessbench-example" in row["origin"] for row in found.values())
    assert found["example-columns"]["summary"].startswith("Central differences of the adjoint gradient")


def test_the_strategy_is_right_on_the_problem_in_closed_form(python, tmp_path):
    command = ("compare", "example-logistic", "-s", "example-columns", "-s", "hand-adjoint", "--budget", "0", "--json")
    records = json.loads(run(python, "-m", "hessbench", *command, cwd=tmp_path))
    assert [(r["strategy"], r["status"]) for r in records] == [("example-columns", "ok"), ("hand-adjoint", "ok")]


def test_the_problem_keeps_the_laws_of_a_problem(python, tmp_path):
    assert "0 broken" in run(python, "-m", "hessbench", "check", "example-logistic", cwd=tmp_path)


def test_the_strategy_stands_behind_the_built_in_ones_in_the_parameters_of_asv(python):
    code = "import json; from benchmarks.common import contenders; print(json.dumps(contenders()))"
    there, here = (json.loads(run(p, "-c", code, cwd=ROOT)) for p in (python, sys.executable))
    assert there == [*here, "example-columns@numpy"]


def test_of_its_outcomes_only_the_refusals_are_known(python, tmp_path):
    rows = json.loads(run(python, "-m", "hessbench", "list", "--outcomes", "--json", cwd=tmp_path))
    found = {row["kind"]: row["expected"] for row in rows if row["contender"] == "example-columns@numpy"}
    assert found["y0-loss"] == "" and found["long"] == "refuses"


def test_listing_it_imports_no_framework(python, tmp_path):
    code = f"import sys, hessbench; hessbench.strategies(); print([m for m in {FRAMEWORKS} if m in sys.modules])"
    assert run(python, "-c", code, cwd=tmp_path) == "[]\n"
