"""A suite with broken strategies in it, run by asv: each fault gets its status, and everything else is kept."""

import json
import shutil
import subprocess

import pytest

from hessbench import STATUSES, Record
from hessbench._measuring.asv import Progress, Step, run

pytest.importorskip("asv")
STRATEGY = """
import os, signal, time
from dataclasses import dataclass
import numpy as np
from hessbench import Result, Strategy

@dataclass(frozen=True)
class Faulty(Strategy):
    {packages}
    def prepare(self, problem, backend, ivp):
        def run(x):
            {body}
            return Result(0.0, np.zeros(x.size), np.zeros((x.size, x.size)))
        return run
"""
FAULTS = {  # body, status, part of the message
    "raises": ("raise RuntimeError('the tape is empty')", "failed", "RuntimeError: the tape is empty"),
    "nan": ("return Result(0.0, np.zeros(3), np.full((3, 3), np.nan))", "wrong", "error inf"),
    "diverges": ("ivp.solve(lambda t, y: 1e4 * y**2, (0.0, 1.0), 1.0 + abs(x))", "failed", "IntegrationError"),
    "hangs": ("time.sleep(1000)", "timeout", "stopped at 15 s"),
    "segfault": ("os.kill(os.getpid(), signal.SIGSEGV)", "failed", "SIGSEGV"),
    "greedy": ("np.ones(2**28)", "failed", "more than the limit of 256 MiB"),
    "lacking": ("pass", "unavailable", "no_such_package"),
}
GOOD = "hand-adjoint"
SUITE = """
from hessbench import Case
from hessbench._measuring import provenance

from .common import declared, measure_all, stored

provenance.sources = lambda *folders: "the same"  # whatever is edited while the test runs
STRATEGIES = {strategies!r}


@declared
class Faults:
    params = (list(STRATEGIES),)
    param_names = ("contender",)

    def setup_cache(self):
        grid = {{
            (name,): Case("random-quadratic", path, "numpy", {{"n": 3}}, rtol=1e-6) for name, path in STRATEGIES.items()
        }}
        return measure_all("faults", grid, time_limit=15.0, budget=0.0, memory_limit_mib=256)

    setup_cache.timeout = 600.0

    def track_status(self, records, *key):
        return stored(records, key, "status")

    def track_median_s(self, records, *key):
        return stored(records, key, "median_s")
"""


@pytest.fixture
def repository(tmp_path, monkeypatch, root):
    """A git repository with the real `common` and one suite; `write(*faults)` makes it of these and of a good strategy."""
    home, there = tmp_path / "home", tmp_path / "repository"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))  # asv keeps the machine's description there
    for name in ("HESSBENCH_RESULTS", "HESSBENCH_ONLY", "HESSBENCH_SINCE"):
        monkeypatch.delenv(name, raising=False)
    (there / "benchmarks").mkdir(parents=True)
    (there / "benchmarks" / "__init__.py").touch()
    shutil.copy(root / "benchmarks" / "common.py", there / "benchmarks")
    config = {"version": 1, "project": "tiny", "repo": ".", "branches": ["HEAD"], "environment_type": "virtualenv"}
    (there / "asv.conf.json").write_text(
        json.dumps({**config, "launch_method": "forkserver", "results_dir": "results"})
    )
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *arguments], cwd=there, check=True)
    return there


def write(repository, *faults):
    strategies = {}
    for name in faults:
        path = repository / f"{name}.py"
        packages = "packages = ('no_such_package',)" if name == "lacking" else ""
        path.write_text(STRATEGY.format(body=FAULTS[name][0], packages=packages))
        strategies[name] = str(path)
    (repository / "benchmarks" / "faults.py").write_text(SUITE.format(strategies={**strategies, "good": GOOD}))


def records(repository):
    """Stored records by the name of the strategy."""
    (path,) = (repository / "results" / "records").glob("*.jsonl")
    found = [Record.from_json(json.loads(line)["record"]) for line in path.read_text().splitlines()]
    names = [r.strategy.rpartition("/")[2].removesuffix(".py") for r in found]
    assert len(set(names)) == len(names), "measured twice"
    return {name if name in FAULTS else "good": record for name, record in zip(names, found, strict=True)}


def asv_results(repository):
    """`{benchmark: {contender: number or None}}`, skipped cells left out."""
    (path,) = (repository / "results").glob("*/*-existing-*.json")
    data = json.loads(path.read_text())
    out = {}
    for name, values in data["results"].items():
        cell = dict(zip(data["result_columns"], values, strict=False))
        names = [text.strip("'") for text in cell["params"][0]]
        numbers = zip(names, cell["result"], strict=True)
        out[name.rpartition(".")[2]] = {contender: v for contender, v in numbers if v == v}
    return out


def test_every_fault_is_contained_and_everything_else_is_kept(repository):
    write(repository, *FAULTS)
    (step,) = [event for event in run(repository) if isinstance(event, Step)]
    assert step.status == "ok", step.message
    found = records(repository)
    for name, (_, status, message) in FAULTS.items():
        assert (found[name].status, message in found[name].message) == (status, True), (name, found[name].message)
        assert found[name].median_s is None and found[name].peak_mib is None
    assert found["good"].status == "ok" and found["good"].median_s > 0
    stored = asv_results(repository)
    expected = {name: STATUSES.index(status) for name, (_, status, _) in FAULTS.items()} | {"good": 0}
    assert stored["track_status"] == expected
    assert set(stored["track_median_s"]) == {"good"}


def test_an_interrupted_suite_continues_after_its_last_complete_case(repository):
    write(repository, "raises", "hangs")
    with pytest.raises(KeyboardInterrupt):
        for event in run(repository):
            if isinstance(event, Progress) and event.done == 1:
                raise KeyboardInterrupt  # while the second case hangs
    assert set(records(repository)) == {"raises"}
    first = records(repository)["raises"]
    (repository / "hangs.py").write_text(STRATEGY.format(body="raise RuntimeError('mended')", packages=""))
    steps = [event for event in run(repository) if isinstance(event, Step)]
    assert [step.status for step in steps] == ["ok"]
    assert set(records(repository)) == {"raises", "hangs", "good"} and records(repository)["raises"] == first


def test_a_truncated_file_of_results_is_set_aside_and_stops_nothing(repository):
    write(repository)
    for _ in run(repository):
        pass
    (path,) = (repository / "results").glob("*/*-existing-*.json")
    path.write_text(path.read_text()[:-30])
    (step,) = [event for event in run(repository, again=True) if isinstance(event, Step)]
    assert step.status == "ok" and path.name in step.message
    assert set(asv_results(repository)["track_median_s"]) == {"good"}
