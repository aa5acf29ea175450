"""The suites are found by asv, compare everything there is, and depend on nothing that is installed."""

import inspect
import json
import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import pytest

import hessbench
from hessbench import Case, Record
from hessbench._measuring.measure import blank
from hessbench._plugins.registry import Plugin

SUITES = ("hessian", "metrics", "overhead", "paper", "scaling", "smoke")
TABLES = {
    "smoke": ("PROBLEMS",),
    "hessian": ("PROBLEMS", "VARIANT_PROBLEMS", "STIFF_PROBLEMS", "LARGE_STIFF_PROBLEMS", "LARGE_PROBLEMS"),
    "paper": ("PROBLEMS", "LARGE_PROBLEMS"),
    "overhead": ("WHOLE",),
    "scaling": ("SIZES", "LARGE_SIZES", "STEPS", "LARGE_STEPS", "POINTS", "LARGE_POINTS", "ORBIT"),
}
KINDS = ("time_", "track_", "peakmem_", "mem_")


def classes(module):
    """The benchmark classes of a module."""
    found = [c for c in vars(import_module(f"benchmarks.{module}")).values() if inspect.isclass(c)]
    return [c for c in found if not c.__name__.startswith("_") and any(name.startswith(KINDS) for name in dir(c))]


@pytest.fixture(params=["plain", "large"])
def size(request, monkeypatch, root):
    """Suites as they are with and without `HESSBENCH_LARGE`."""
    for name in [name for name in sys.modules if name.startswith("benchmarks.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delenv("HESSBENCH_LARGE", raising=False)
    if request.param == "large":
        monkeypatch.setenv("HESSBENCH_LARGE", "1")
    return request.param


@pytest.fixture
def common(root, monkeypatch, tmp_path):
    monkeypatch.setenv("HESSBENCH_RESULTS", str(tmp_path))
    return import_module("benchmarks.common")


def test_asv_finds_no_fault_with_the_benchmarks(root):
    command = [sys.executable, "-m", "asv", "check", "-E", f"existing:{sys.executable}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def declared():
    plugins = [p for p in hessbench.strategies().values() if p.target]
    return {f"{p.name}@{b}" for p in plugins for b in p.target.backends}


@pytest.mark.parametrize("module", ["hessian", "metrics"])
def test_a_grid_compares_every_strategy_on_every_backend(size, module):
    compared = {contender for c in classes(module) for contender in c.params[1]}
    assert compared == declared()


@pytest.mark.parametrize("module", ["smoke", "overhead", "scaling"])
def test_other_suites_compare_every_plain_strategy(size, module):
    compared = {contender for c in classes(module) for contender in c.params[1] if "@" in contender}
    assert {c for c in declared() if "/" not in c} <= compared


def test_the_paper_s_experiments_name_strategies_that_exist(size):
    assert set(import_module("benchmarks.paper").CONTENDERS) <= declared()


@pytest.mark.parametrize("module", SUITES)
def test_every_benchmark_has_a_version_a_unit_and_as_many_names_as_parameters(size, module):
    for c in classes(module):
        found = [getattr(c, name) for name in dir(c) if name.startswith(KINDS)]
        assert all(function.version and function.unit for function in found)
        assert len(c.params) == len(c.param_names)


def test_large_sizes_stand_in_classes_of_their_own(size):
    found = {f"{module}.{c.__name__}" for module in SUITES for c in classes(module) if "Large" in c.__name__}
    assert bool(found) == (size == "large")


@pytest.mark.parametrize(("module", "table"), [(module, name) for module, names in TABLES.items() for name in names])
def test_every_problem_of_a_suite_can_be_built(root, module, table):
    for name, arguments in getattr(import_module(f"benchmarks.{module}"), table):
        assert hessbench.problem(name, **arguments).dim > 0


@pytest.mark.parametrize("module", ["scaling", "paper"])
def test_sizes_are_measured_in_ascending_order(root, module):
    for table in TABLES[module]:
        sizes = [[*arguments.values()] for _, arguments in getattr(import_module(f"benchmarks.{module}"), table)]
        assert sizes == sorted(sizes)


def test_metrics_are_those_of_the_cases_that_hessian_timed(size, monkeypatch, tmp_path):
    monkeypatch.setenv("HESSBENCH_RESULTS", str(tmp_path))
    monkeypatch.setattr("hessbench._measuring.grid.measure", lambda case, **limits: blank(case, "failed"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    first = import_module("benchmarks.hessian").Variants().setup_cache()
    monkeypatch.setattr("hessbench._measuring.grid.measure", None)  # nothing is measured a second time
    assert import_module("benchmarks.metrics").Variants().setup_cache() == first
    assert len(list((tmp_path / "records").iterdir())) == 1


def test_ratios_are_of_medians_and_by_the_number_of_states(root):
    paper = import_module("benchmarks.paper")
    times = {paper.PAPER_ONE_PASS: 0.5, paper.PAPER_ROWS: 4.0, "reverse-over-reverse@jax": 6.0}
    rest = ("random-quadratic(n=10)", paper.RTOL, paper.METHOD)
    records = {
        (rest[0], name, *rest[1:]): replace(blank(Case("random-quadratic", name), "ok"), size=10, median_s=t)
        for name, t in times.items()
    }
    key = (rest[0], paper.PAPER_ROWS, *rest[1:])
    assert paper.Ratio().track_ratio(records, *key) == 8.0
    assert paper.Ratio().track_ratio_by_n(records, *key) == pytest.approx(0.8)
    assert paper.Framework().track_framework(records, rest[0], "reverse-over-reverse@jax", *rest[1:]) == 1.5


def test_a_strategy_whose_file_is_broken_is_a_contender_that_is_unavailable(common, monkeypatch, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("def (:\n")
    known = {**hessbench.strategies(), "broken": Plugin("broken", str(path), error="SyntaxError: invalid syntax")}
    for module in ("hessbench._plugins.prepare", "hessbench._measuring.measure"):
        monkeypatch.setattr(f"{module}.strategies", lambda: known)
    monkeypatch.setattr(common, "strategies", lambda: known)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert "broken@numpy" in common.contenders()
    grid = common.cases([("sir", {})], (1e-6,), ["broken@numpy"])
    (record,) = common.measure_all("smoke", grid).values()
    assert record.status == "unavailable" and "SyntaxError" in record.message


def test_parameters_do_not_depend_on_what_is_installed(common, monkeypatch):
    before = common.contenders()
    monkeypatch.setattr("hessbench.backends.available", lambda name: False)
    assert common.contenders() == before


def test_importing_the_suites_imports_no_framework(root):
    frameworks = "{'jax', 'torch', 'autograd', 'casadi', 'numba'}"
    modules = ", ".join(f"benchmarks.{name}" for name in SUITES)
    code = f"import sys, {modules}; print({frameworks} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_records_are_on_disk_before_the_next_case_starts(common, monkeypatch, tmp_path):
    def measure(case, **limits):
        if case.rtol < 1e-9:
            raise KeyboardInterrupt
        return blank(case, "failed")

    monkeypatch.setattr("hessbench._measuring.grid.measure", measure)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        common.measure_all(
            "smoke", {(1,): Case("sir", "hand-adjoint", rtol=1e-6), (2,): Case("sir", "hand-adjoint", rtol=1e-10)}
        )
    (path,) = (tmp_path / "records").glob("*.jsonl")
    assert len(path.read_text().splitlines()) == 1


def test_what_is_measured_tells_how_far_it_is(common, monkeypatch, tmp_path):
    monkeypatch.setenv("HESSBENCH_PROGRESS", str(tmp_path / "told"))
    monkeypatch.setattr("hessbench._measuring.grid.measure", lambda case, **limits: blank(case, "failed"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    common.measure_all("smoke", {(1,): Case("sir", "hand-adjoint"), (2,): Case("sir", "hand-adjoint", rtol=1e-6)})
    assert json.loads((tmp_path / "told").read_text()) == {"done": 2, "total": 2}


def test_a_stored_line_says_who_measured_what_where(common, monkeypatch, tmp_path):
    monkeypatch.setattr("hessbench._measuring.grid.measure", lambda case, **limits: blank(case, "failed"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    common.measure_all("smoke", {(1,): Case("sir", "hand-adjoint", "numpy")})
    (path,) = (tmp_path / "records").glob("*.jsonl")
    line = json.loads(path.read_text())
    assert {"machine", "cpu", "commit", "sources", "date", "command", "suite"} <= set(line["run"])
    assert Record.from_json(line["record"]).problem == "sir"


def test_a_field_without_a_value_is_skipped_and_not_failed(common):
    from asv_runner.benchmarks.mark import SkipNotImplemented

    with pytest.raises(SkipNotImplemented):
        common.stored({1: blank(Case("sir", "hand-adjoint"), "timeout")}, 1, "median_s")


def test_a_part_of_a_grid_can_be_asked_for(common, monkeypatch):
    monkeypatch.setattr("hessbench._measuring.grid.measure", lambda case, **limits: blank(case, "failed"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("HESSBENCH_ONLY", "hand-adjoint@numpy")
    grid = common.cases([("sir", {})], (1e-6,), common.contenders())
    assert [key[1] for key in common.measure_all("smoke", grid)] == ["hand-adjoint@numpy"]


def test_what_a_part_of_a_grid_does_not_ask_for_keeps_what_it_had_of_whatever_age(common, monkeypatch):
    seconds = iter((1.0, 2.0, 3.0))
    run = lambda case, **limits: replace(blank(case, "ok"), median_s=next(seconds))  # noqa: E731
    monkeypatch.setattr("hessbench._measuring.grid.measure", run)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    grid = common.cases([("sir", {})], (1e-6,), ["hand-adjoint@numpy", "variational@numpy"])
    common.measure_all("smoke", grid)
    monkeypatch.setenv("HESSBENCH_SINCE", "2999-01-01T00:00:00+00:00")
    monkeypatch.setenv("HESSBENCH_ONLY", "variational")
    found = common.measure_all("smoke", grid)
    assert {key[1]: record.median_s for key, record in found.items()} == {
        "hand-adjoint@numpy": 1.0,
        "variational@numpy": 3.0,
    }


def test_every_case_of_a_grid_is_keyed_by_its_asv_parameters(common):
    grid = common.cases([("random-quadratic", {"n": 10})], (1e-6, 1e-8), common.contenders())
    assert len(grid) == 2 * len(common.contenders())
    assert grid["random-quadratic(n=10)", "hand-adjoint@numpy", 1e-8].backend == "numpy"
