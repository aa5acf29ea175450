"""Records and asv files made by hand."""

import json
from dataclasses import replace

import pytest

from hessbench import Record

BLANK = Record(
    problem="three-body",
    arguments='{"start": "figure-8"}',
    size=None,
    dim=12,
    strategy="hand-adjoint",
    backend="numpy",
    rtol=1e-8,
    atol=1e-8,
    method="DOP853",
    status="ok",
)
RUN = {
    "suite": "smoke",
    "machine": "bench",
    "cpu": "A Processor",
    "cores": 2,
    "os": "Linux",
    "python": "3.11",
    "commit": "0123456789abcdef",
    "dirty": False,
    "date": "2026-01-01T00:00:00+00:00",
    "command": "asv run --bench smoke",
}
COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b"]


@pytest.fixture
def record():
    """A record that is right, with the fields that are given."""

    def make(**fields):
        values = {"error_hess": 1e-9, "median_s": 0.02, "first_s": 0.05, "prepare_s": 0.01, "peak_mib": 0.5, "rhs": 900}
        return replace(BLANK, **{**values, **fields})

    return make


@pytest.fixture
def refused(record):
    """A record without a time, with the fields that are given."""
    nothing = dict.fromkeys(("error_hess", "median_s", "first_s", "prepare_s", "peak_mib", "rhs"))

    def make(status, message, **fields):
        return record(**{**nothing, "status": status, "message": message, **fields})

    return make


@pytest.fixture
def store(tmp_path):
    """Write records as a suite does; the keyword arguments change what is said about the run. Returns the folder."""

    def write(records, name="smoke", **run):
        folder = tmp_path / "results" / "records"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"run": {**RUN, **run}, "record": r.to_json()}) for r in records]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        return tmp_path / "results"

    return write


@pytest.fixture
def asv_file(tmp_path):
    """Write a file of asv results from `{benchmark: row}`, with `benchmarks.json` beside it. Returns the folder."""

    def write(results, names=("problem", "contender", "rtol"), file="01234567-existing.json", **changes):
        folder = tmp_path / "results" / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        described = {name: {"param_names": list(names)} for name in results}
        (folder.parent / "benchmarks.json").write_text(json.dumps({**described, "version": 2}))
        (folder / "machine.json").write_text('{"machine": "bench"}')
        data = {
            "commit_hash": "0123456789abcdef",
            "params": {"machine": "bench", "cpu": "A Processor", "num_cpu": "2", "os": "Linux"},
            "python": "3.11",
            "result_columns": COLUMNS,
            "results": results,
            "durations": {},
            "version": 2,
            **changes,
        }
        (folder / file).write_text(json.dumps(data))  # NaN and Infinity as bare tokens, as asv writes them
        return folder.parent

    return write


@pytest.fixture
def store_rows(tmp_path):
    """Write rows of other tables than records as the suite `overhead` does. Returns the folder."""

    def write(rows, **run):
        folder = tmp_path / "results" / "records"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"run": {**RUN, "suite": "overhead", **run}, "row": row}) for row in rows]
        (folder / "overhead.jsonl").write_text("\n".join(lines) + "\n")
        return tmp_path / "results"

    return write


@pytest.fixture
def sizes(record):
    """Records of the random quadratic over its sizes, from `{strategy@backend: seconds as a function of N}`."""

    def make(laws, numbers=(10, 20, 30, 50, 70, 100, 150), **fields):
        return [
            record(
                problem="random-quadratic",
                arguments=json.dumps({"n": n}),
                size=n,
                dim=n,
                strategy=name.partition("@")[0],
                backend=name.partition("@")[2],
                median_s=seconds(n),
                **fields,
            )
            for name, seconds in laws.items()
            for n in numbers
        ]

    return make


@pytest.fixture
def results(store, record, refused):
    """A small folder of results: two problems, right, wrong, refused and missing contenders."""
    quadratic = {"problem": "random-quadratic", "arguments": '{"n": 10}', "dim": 10, "size": 10}
    return store(
        [
            record(),
            record(strategy="unrolled", backend="jax", median_s=0.008, error_hess=4e-8, prepare_s=2.5),
            refused("wrong", "error 7.0e-01 of the Hessian", strategy="hand-adjoint/backward", error_hess=0.7),
            refused("unsupported", "It is limited to 40 states & no more.", strategy="finite-difference/loss"),
            record(**quadratic, peak_mib=None),
            refused("unavailable", "Unrolled needs `jax`", strategy="unrolled", backend="jax", **quadratic),
        ]
    )
