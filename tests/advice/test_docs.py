"""What `docs/advice.md` says is there: its commands, and the records that the shipped model is fitted to."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from hessbench import Record
from hessbench._advice.model import shipped
from hessbench._measuring.measure import problem_of
from hessbench._measuring.record import Case

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "advice.md").read_text()


def records(name):
    lines = (ROOT / "benchmarks" / "advice_records" / f"{name}.jsonl").read_text().splitlines()
    return [Record.from_json(json.loads(line)["record"]) for line in lines]


def test_the_shipped_model_says_how_many_records_it_is_fitted_to_and_the_page_says_it_too():
    found = records("training")
    families = {(r.problem, r.arguments) for r in found}
    said = f"{len(found)} records of {len(families)} problems"
    assert said in shipped().origin and said in PAGE


def test_no_held_out_problem_taught_the_model_anything():
    assert not {r.problem for r in records("training")} & {r.problem for r in records("held-out")}
    assert not any("held_out" in r.problem for r in records("training"))


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "held_out").glob("*.py")), ids=lambda p: p.stem)
def test_a_held_out_problem_is_one_and_was_measured(path):
    problem = problem_of(Case(str(path), ""))
    assert problem.name == path.stem.replace("_", "-")
    assert any(r.problem.endswith(f"/{path.name}") and r.status == "ok" for r in records("held-out"))


def test_commands_of_the_page_exist():
    for module in re.findall(r"python -m (benchmarks\.\w+)", PAGE):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    options = set(re.findall(r"hessbench advise.*?(--[a-z-]+)", PAGE))
    source = (ROOT / "src" / "hessbench" / "_cli" / "advise.py").read_text()
    assert options >= {"--calls", "--accuracy", "--calibrate"}
    assert all(option in source or f" {option[2:].replace('-', '_')}:" in source for option in options)


def test_every_package_is_installed_and_the_model_with_it():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent for path in (ROOT / "src" / "hessbench").rglob("__init__.py")}
    assert {".".join(folder.relative_to(ROOT / "src").parts) for folder in folders} <= set(settings["packages"])
    assert "*.json" in settings["package-data"]["*"]
