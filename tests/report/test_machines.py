"""Results of another machine are never mixed with one's own without being shown; neither are those of the package."""

import json
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from hessbench._cli import app, reporting
from hessbench.report import latest, load
from hessbench.report.advice import BUSY, avoid
from hessbench.report.machines import told_apart
from hessbench.report.page import provenance

from .conftest import RUN

assert reporting


@pytest.fixture
def written(tmp_path, record):
    """Write records to a file below the folder of results; a record is `(fields of the record, fields of the run)`."""

    def write(name, *records):
        path = tmp_path / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"run": {**RUN, **run}, "record": asdict(record(**fields))}) for fields, run in records]
        path.write_text("\n".join(lines) + "\n")
        return tmp_path / "results"

    return write


def test_two_machines_of_the_same_name_are_two(written):
    mine, theirs = (
        {"hardware": "aaaa", "date": "2026-01-02"},
        {"hardware": "bbbb", "date": "2026-01-01", "commit": "c" * 16},
    )
    folder = written("a.jsonl", ({"median_s": 1.0}, mine), ({"median_s": 2.0, "strategy": "other"}, theirs))
    table = load([folder]).table
    assert set(table["machine"]) == {"bench [aaaa]", "bench [bbbb]"}
    shown = latest(table)
    assert list(shown["strategy"]) == ["hand-adjoint"] and list(shown["hardware"]) == ["aaaa"]


def test_the_same_case_on_two_machines_of_the_same_name_is_two_rows(written):
    folder = written("a.jsonl", ({}, {"hardware": "aaaa"}), ({}, {"hardware": "bbbb"}))
    assert len(load([folder]).table) == 2


def test_one_machine_keeps_its_name(written):
    folder = written("a.jsonl", ({}, {"hardware": "aaaa"}), ({"strategy": "b"}, {"hardware": "aaaa"}))
    assert set(load([folder]).table["machine"]) == {"bench"}


def test_results_of_unknown_hardware_are_another_machines(written):
    folder = written("a.jsonl", ({}, {"hardware": "aaaa"}), ({"strategy": "b"}, {"commit": "d" * 16}))
    assert set(load([folder]).table["machine"]) == {"bench [aaaa]", "bench"}


def test_rows_of_asv_get_the_hardware_of_the_records_beside_them():
    rows = [
        {"machine": "vm", "commit": "c", "suite": "smoke", "hardware": "aaaa"},
        {"machine": "vm", "commit": "c", "suite": "smoke"},
        {"machine": "vm", "commit": "d", "suite": "smoke", "hardware": "bbbb"},
        {"machine": "vm", "commit": "e", "suite": "smoke"},
    ]
    names = [row["machine"] for row in told_apart(rows)]
    assert names == ["vm [aaaa]", "vm [aaaa]", "vm [bbbb]", "vm"]


def test_curated_results_are_read_when_they_are_asked_for(written):
    written("curated/later.jsonl", ({"strategy": "theirs"}, {}))
    folder = written("records/mine.jsonl", ({"strategy": "mine"}, {}))
    assert set(load([folder]).table["strategy"]) == {"mine"}
    for asked in (folder / "curated", folder / "curated" / "later.jsonl"):
        assert set(load([asked]).table["strategy"]) == {"theirs"}


@pytest.mark.parametrize(("options", "rows"), [([], 1), (["--with-curated"], 2)])
def test_the_command_reads_curated_results_on_demand(written, tmp_path, options, rows):
    written("curated/later.jsonl", ({"strategy": "theirs"}, {}))
    folder = written("records/mine.jsonl", ({"strategy": "mine"}, {}))
    out = ["-o", str(tmp_path / "page.html"), "--no-bounds", "--json"]
    done = CliRunner().invoke(app, ["report", str(folder), *out, *options])
    assert done.exit_code == 0 and json.loads(done.stdout)["rows"] == rows


def late(strategy, busy, **more):
    fields = dict.fromkeys(("error_hess", "median_s", "first_s", "prepare_s", "peak_mib", "rhs"))
    return {**fields, "status": "timeout", "strategy": strategy, **more}, {"under_load": busy}


def test_a_timeout_under_load_is_no_reason_to_avoid(written):
    folder = written(
        "a.jsonl", late("slow", False), late("unlucky", True), late("both", True), late("both", False, rtol=1e-6)
    )
    found = dict(avoid(load([folder]).table))
    assert found["Ran out of time"] == "both@numpy and slow@numpy" and found[BUSY] == "unlucky@numpy"


def test_the_page_counts_what_was_measured_under_load(written):
    folder = written("a.jsonl", ({}, {"under_load": True, "load": 3.5}), ({"strategy": "b"}, {"under_load": False}))
    table = load([folder]).table
    (run,) = provenance(table)
    assert (run["rows"], run["busy"]) == (2, 1) and sorted(table["load"].dropna()) == [3.5]
