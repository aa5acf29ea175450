"""With nothing but the required packages installed, comparing works: strategies without a framework are judged."""

import json
import os
import re
import subprocess
import tomllib
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

import hessbench

USERS_FILE = """
from hessbench import Problem


def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], -p["k"] * xp.sin(y[:1])])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


problem = Problem("pendulum", rhs, loss, (0.0, 3.0), [1.0, 0.2], {"k": 1.3}, wrt=("y0", "k"))
"""
ROOT = Path(__file__).parents[2]
FRAMEWORKS = ("jax", "torch", "autograd", "casadi", "diffrax", "torchdiffeq", "torchode", "heyoka", "lark")


def required(name, seen):
    """Distributions that `name` needs without extras."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    if found.name in seen:
        return
    seen[found.name] = found
    for text in found.requires or ():
        if "extra ==" not in text:
            required(re.match(r"[\w.-]+", text)[0], seen)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment that holds hessbench and what it requires, linked from this one."""
    folder = tmp_path_factory.mktemp("minimal")
    venv.create(folder, symlinks=True, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    needed = {}
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        required(re.match(r"[\w.-]+", text)[0], needed)
    for found in needed.values():
        tops = {Path(str(file)).parts[0] for file in found.files or ()}
        for top in tops - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(found.locate_file(top))
    source = Path(hessbench.__file__).parent
    (packages / "hessbench").mkdir()
    for part in source.iterdir():
        if part.name != "__pycache__":
            (packages / "hessbench" / part.name).symlink_to(part)
    from hessbench import builtin_problems, builtin_strategies, report

    for module in (builtin_problems, builtin_strategies, report):
        (packages / "hessbench" / module.__name__.rpartition(".")[2]).symlink_to(Path(module.__file__).parent)
    return folder / "bin" / "python"


def call(python, tmp_path, *arguments):
    cleaned = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    environment = {**cleaned, "HESSBENCH_CACHE": str(tmp_path / "cache")}
    return subprocess.run(
        [python, *arguments], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300, check=False
    )


def test_no_framework_is_there(python, tmp_path):
    found = call(
        python, tmp_path, "-c", f"from importlib.util import find_spec as f; print([n for n in {FRAMEWORKS} if f(n)])"
    )
    assert found.stdout.strip() == "[]", found.stderr


def test_a_users_file_is_compared_and_judged(python, tmp_path):
    (tmp_path / "pendulum.py").write_text(USERS_FILE)
    some = [
        word for name in ("discrete-adjoint", "finite-difference", "unrolled", "jax-adjoint") for word in ("-s", name)
    ]
    ran = call(python, tmp_path, "-m", "hessbench", "compare", "pendulum.py", *some, "--budget", "0", "--json")
    assert ran.returncode == 0, ran.stderr
    records = {record["strategy"]: record for record in json.loads(ran.stdout)}
    assert records["discrete-adjoint"]["status"] == "ok", records["discrete-adjoint"]
    assert records["discrete-adjoint"]["error_scaled"] < 1e-5
    assert records["jax-adjoint"]["status"] == "unavailable"
    others = {record["status"] for record in records.values()}
    assert others <= {"ok", "inaccurate", "unavailable", "unsupported", "refused"}, records


def test_a_strategy_is_advised_there_and_the_missing_ones_are_named_with_their_remedy(python, tmp_path):
    (tmp_path / "pendulum.py").write_text(USERS_FILE)
    ran = call(python, tmp_path, "-m", "hessbench", "advise", "pendulum.py", "--tried", "1", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["strategy"] == "discrete-adjoint@numpy"
    missing = {p["label"]: p["why"] for p in found["predictions"] if p["status"] == "unavailable"}
    assert {"jax-adjoint@jax", "casadi-symbolic@casadi", "heyoka-taylor@numpy"} <= set(missing)
    assert "pip install" in missing["jax-adjoint@jax"] and any("Missing here" in text for text in found["said"])


def test_a_wrong_strategy_is_wrong_there_too(python, tmp_path):
    (tmp_path / "pendulum.py").write_text(USERS_FILE)
    (tmp_path / "spoiled.py").write_text(
        "from dataclasses import replace\n"
        "from hessbench import Strategy\n"
        "from hessbench.discrete import Options, prepare\n"
        "class Spoiled(Strategy):\n"
        "    def prepare(self, problem, backend, ivp):\n"
        "        run = prepare(problem, ivp, Options())\n"
        "        return lambda x: replace(run(x), hess=1.02 * run(x).hess)\n"
    )
    ran = call(
        python, tmp_path, "-m", "hessbench", "compare", "pendulum.py", "-s", "spoiled.py", "--budget", "0", "--json"
    )
    (record,) = json.loads(ran.stdout)
    assert record["status"] == "wrong", record
