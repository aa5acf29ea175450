"""The suites are found by asv, compare everything there is, and depend on nothing that is installed."""

import json
import subprocess
import sys
from importlib import import_module

import pytest

import hessbench
from hessbench import Case, Record
from hessbench._measure import blank

SUITES = {"smoke": ["Smoke"], "hessian": ["Outcome", "Time", "LargeOutcome", "LargeTime"]}
CLASSES = [(module, name) for module, names in SUITES.items() for name in names]


def suite(module, name):
    return getattr(import_module(f"benchmarks.{module}"), name)


@pytest.fixture
def common(root, monkeypatch, tmp_path):
    monkeypatch.setenv("HESSBENCH_RESULTS", str(tmp_path))
    return import_module("benchmarks.common")


def test_asv_finds_no_fault_with_the_benchmarks(root):
    command = [sys.executable, "-m", "asv", "check", "-E", f"existing:{sys.executable}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_a_suite_compares_every_strategy_on_every_backend(root, module, name):
    declared = {f"{p.name}@{b}" for p in hessbench.strategies().values() if p.target for b in p.target.backends}
    wanted = {c for c in declared if "/" not in c} if module == "smoke" else declared
    assert set(suite(module, name).params[1]) == wanted


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_every_benchmark_has_a_version(root, module, name):
    found = {k: getattr(suite(module, name), k) for k in dir(suite(module, name)) if k.startswith(("time_", "track_"))}
    assert found and all(function.version for function in found.values())


@pytest.mark.parametrize(
    ("module", "table"), [("smoke", "PROBLEMS"), ("hessian", "PROBLEMS"), ("hessian", "LARGE_PROBLEMS")]
)
def test_every_problem_of_a_suite_can_be_built(root, module, table):
    for name, arguments in getattr(import_module(f"benchmarks.{module}"), table):
        assert hessbench.problem(name, **arguments).dim > 0


def test_parameters_do_not_depend_on_what_is_installed(common, monkeypatch):
    before = common.contenders()
    monkeypatch.setattr("hessbench.backends.available", lambda name: False)
    assert common.contenders() == before


def test_importing_the_suites_imports_no_framework(root):
    frameworks = "{'jax', 'torch', 'autograd', 'casadi'}"
    code = f"import sys, benchmarks.smoke, benchmarks.hessian; print({frameworks} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_records_are_on_disk_before_the_next_case_starts(common, monkeypatch, tmp_path):
    def measure(case, **limits):
        if case.rtol < 1e-9:
            raise KeyboardInterrupt
        return blank(case, "failed")

    monkeypatch.setattr(common, "measure", measure)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        common.measure_all(
            "smoke", {(1,): Case("sir", "hand-adjoint", rtol=1e-6), (2,): Case("sir", "hand-adjoint", rtol=1e-10)}
        )
    (path,) = (tmp_path / "records").glob("*.jsonl")
    assert len(path.read_text().splitlines()) == 1


def test_a_stored_line_says_who_measured_what_where(common, monkeypatch, tmp_path):
    monkeypatch.setattr(common, "measure", lambda case, **limits: blank(case, "failed"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    common.measure_all("smoke", {(1,): Case("sir", "hand-adjoint", "numpy")})
    (path,) = (tmp_path / "records").glob("*.jsonl")
    line = json.loads(path.read_text())
    assert {"machine", "cpu", "commit", "date", "command", "suite"} <= set(line["run"])
    assert Record.from_json(line["record"]).problem == "sir"


def test_a_field_without_a_value_is_skipped_and_not_failed(common):
    from asv_runner.benchmarks.mark import SkipNotImplemented

    with pytest.raises(SkipNotImplemented):
        common.stored({1: blank(Case("sir", "hand-adjoint"), "timeout")}, 1, "median_s")


def test_a_part_of_a_grid_can_be_asked_for(common, monkeypatch):
    monkeypatch.setattr(common, "measure", lambda case, **limits: blank(case, "failed"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("HESSBENCH_ONLY", "hand-adjoint@numpy")
    grid = common.cases([("sir", {})], (1e-6,), common.contenders())
    assert [key[1] for key in common.measure_all("smoke", grid)] == ["hand-adjoint@numpy"]


def test_every_case_of_a_grid_is_keyed_by_its_asv_parameters(common):
    grid = common.cases([("random-quadratic", {"n": 10})], (1e-6, 1e-8), common.contenders())
    assert len(grid) == 2 * len(common.contenders())
    assert grid["random-quadratic(n=10)", "hand-adjoint@numpy", 1e-8].backend == "numpy"
