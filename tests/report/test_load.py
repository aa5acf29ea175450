"""Loading: asv's form, stored records, `compare` output; and files that are none of these."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from hessbench import InvalidInput
from hessbench.report import export, load

NAN = float("nan")
PARAMS = [["'three-body(start=figure-8)'"], ["'a@numpy'", "'b@jax'"], ["1e-06", "1e-10"]]


def row(result, *more):
    return [result, PARAMS, "1", 1767225600000, 0.5, *more]


def status(*codes):
    return row(list(codes))


def cell(table, contender, rtol):
    return table[(table["contender"] == contender) & (table["rtol"] == rtol)].iloc[0]


def test_values_are_row_major_over_the_parameters(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_median_s": row([1.0, 2.0, 3.0, 4.0])})
    assert cell(load([folder]).table, "b@jax", 1e-6)["median_s"] == 3.0


def test_a_skipped_cell_is_missing_and_not_zero(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_peak_mib": row([1.0, NAN, 2.0, 3.0])})
    assert load([folder]).table["peak_mib"].isna().sum() == 1


def test_a_case_that_was_skipped_everywhere_is_no_row(asv_file):
    folder = asv_file({"s.S.track_status": status(0, NAN, 0, 0), "s.S.track_rhs": row([1, NAN, 2, 3])})
    assert len(load([folder]).table) == 3


def test_a_case_whose_status_failed_is_a_failed_row(asv_file):
    folder = asv_file({"s.S.track_status": status(0, None, 0, 0)})
    assert cell(load([folder]).table, "a@numpy", 1e-10)["status"] == "failed"


def test_a_failed_cell_is_missing_and_not_zero(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_rhs": row([None, 7, 8, 9])})
    assert load([folder]).table["rhs"].isna().sum() == 1


def test_a_row_without_its_trailing_nulls_is_read(asv_file):
    folder = asv_file({"s.S.track_status": [[0, 5, 0, 0], PARAMS]})
    assert cell(load([folder]).table, "a@numpy", 1e-10)["status"] == "unsupported"


def test_a_benchmark_that_failed_as_a_whole_leaves_all_cells_missing(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_median_s": row(None)})
    assert load([folder]).table["median_s"].isna().all()


def test_a_short_list_of_values_leaves_the_rest_missing(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_median_s": row([1.0])})
    assert load([folder]).table["median_s"].notna().sum() == 1


def test_an_infinite_error_is_kept(asv_file):
    folder = asv_file({"s.S.track_status": status(2, 2, 2, 2), "s.S.track_error_hess": row([float("inf")] * 4)})
    assert (load([folder]).table["error"] == float("inf")).all()


def test_a_time_benchmark_gives_the_median_and_its_interval(asv_file):
    times = row([1.0, 2.0, 3.0, 4.0], [0.9, 1.9, 2.9, 3.9], [1.1, 2.1, 3.1, 4.1])
    folder = asv_file({"h.Outcome.track_status": status(0, 0, 0, 0), "h.Time.time_hessian": times})
    found = cell(load([folder]).table, "a@numpy", 1e-6)
    assert (found["ci_low_s"], found["median_s"], found["ci_high_s"]) == (0.9, 1.0, 1.1)


def test_metrics_are_other_columns_of_the_cases_of_hessian(asv_file):
    folder = asv_file({"hessian.G.track_status": status(0, 0, 0, 0), "metrics.G.track_rhs": row([1, 2, 3, 4])})
    table = load([folder]).table
    assert table["suite"].unique().tolist() == ["hessian"] and table["rhs"].tolist() == [1, 2, 3, 4]


def test_arguments_of_the_problem_come_back_from_its_label(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0)})
    assert json.loads(load([folder]).table["arguments"].iloc[0]) == {"start": "figure-8"}


def test_benchmarks_with_other_parameters_are_left_out(asv_file):
    folder = asv_file({"o.O.time_call": [[1.0, 2.0], [["3", "12"]], "1", 0, 0.1]}, names=("n",))
    assert load([folder]).table.empty


def test_a_time_of_a_wrong_hessian_is_dropped(asv_file):
    folder = asv_file({"s.S.track_status": status(2, 0, 0, 0), "s.S.track_median_s": row([1.0, 2.0, 3.0, 4.0])})
    assert load([folder]).table["median_s"].notna().sum() == 3


def test_a_time_of_a_wrong_hessian_is_named(store, record):
    folder = store([record(status="wrong", message="error 0.7")])
    (warning,) = load([folder]).warnings
    assert "dropped" in warning and "hand-adjoint@numpy" in warning and "`wrong`" in warning


def test_a_time_without_a_gate_result_is_dropped(asv_file):
    folder = asv_file({"h.Time.time_hessian": row([1.0, 2.0, 3.0, 4.0])})
    assert load([folder]).table["median_s"].isna().all()


def test_asv_and_its_stored_record_are_one_row(asv_file, store, record):
    store([record(strategy="a", rtol=1e-6, atol=1e-6)], suite="s", date="2025-12-31T00:00:00+00:00")
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_median_s": row([1.0, 2.0, 3.0, 4.0])})
    table = load([folder]).table
    assert len(table) == 4 and cell(table, "a@numpy", 1e-6)["rhs"] == 900


def test_a_newer_record_is_not_overlaid_by_an_older_asv_file(asv_file, store, record):
    store([record(strategy="a", rtol=1e-6, median_s=0.5)], suite="s", date="2027-01-01T00:00:00+00:00")
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_median_s": row([1.0, 2.0, 3.0, 4.0])})
    assert cell(load([folder]).table, "a@numpy", 1e-6)["median_s"] == 0.5


def test_the_reason_of_a_stored_record_is_kept(results):
    assert "It is limited to 40 states & no more." in set(load([results]).table["message"])


def test_output_of_compare_is_read_as_a_list(tmp_path, record):
    path = tmp_path / "compare.json"
    path.write_text(json.dumps([record().to_json()]))
    assert load([path]).table["suite"].tolist() == ["compare"]


def test_output_of_compare_is_read_as_lines(tmp_path, record):
    path = tmp_path / "compare.jsonl"
    path.write_text(json.dumps(record().to_json()) + "\n")
    assert load([path]).table["contender"].tolist() == ["hand-adjoint@numpy"]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_an_export_is_read_back(results, tmp_path, name):
    table = load([results]).table
    back = load([export(table, tmp_path / name)]).table
    columns = ["contender", "problem_label", "status", "median_s", "error", "peak_mib", "commit", "date"]
    assert back[columns].astype(str).equals(table[columns].astype(str))


def test_a_foreign_csv_is_named_and_skipped(results, tmp_path):
    (tmp_path / "bank.csv").write_text("date,amount\n2026-01-01,3\n")
    loaded = load([results, tmp_path / "bank.csv"])
    assert len(loaded.table) == 6 and "bank.csv" in loaded.warnings[0] and "no column" in loaded.warnings[0]


def test_rows_of_other_tables_are_kept_apart(results, store_rows):
    store_rows([{"table": "overhead", "n": 3}, {"table": "unheard-of", "x": 1}])
    loaded = load([results])
    assert len(loaded.table) == 6 and [row["table"] for row in loaded.others] == ["overhead", "unheard-of"]


def test_a_row_that_names_no_table_is_named(results, store_rows):
    store_rows([{"n": 3}])
    loaded = load([results])
    assert not loaded.others and "names no table" in loaded.warnings[0]


def test_a_truncated_asv_file_is_named(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0)})
    path = folder / "bench" / "01234567-existing.json"
    path.write_text(path.read_text()[:200])
    (warning,) = load([folder]).warnings
    assert path.name in warning and "cut off" in warning


def test_a_truncated_last_line_loses_only_itself(results):
    path = results / "records" / "smoke.jsonl"
    path.write_text(path.read_text()[:-40])
    loaded = load([results])
    assert len(loaded.table) == 5 and "line 6" in loaded.warnings[0]


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '"text"', "null", '{"results": 3}', "\x00\xff", ""])
def test_a_foreign_file_is_named_and_hides_no_other(results, text):
    (results / "foreign.json").write_text(text, encoding="latin-1")
    loaded = load([results])
    assert len(loaded.table) == 6 and "foreign.json" in loaded.warnings[0]


def test_a_file_of_asv_with_damaged_parameters_is_skipped(asv_file):
    folder = asv_file({"s.S.track_status": [[0], 3, "1"]})
    loaded = load([folder])
    assert loaded.table.empty and "skipped" in loaded.warnings[0]


def test_a_damaged_benchmarks_json_falls_back_to_the_usual_parameters(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0)})
    (folder / "benchmarks.json").write_text("{")
    assert len(load([folder]).table) == 4


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(InvalidInput, match="no file or folder"):
        load([tmp_path / "nowhere"])


def test_the_path_of_an_existing_interpreter_is_no_version_of_python():
    from hessbench.report.asv_results import _python

    assert (_python("3.11"), _python("/usr/bin/python3"), _python(None)) == ("3.11", None, None)


def test_equal_lines_are_one_row_and_the_later_one_counts(store, record):
    folder = store([record(median_s=1.0), record(median_s=1.0), record(median_s=2.0), record(strategy="other")])
    table = load([folder]).table
    assert sorted(table["strategy"]) == ["hand-adjoint", "other"]
    assert cell(table, "hand-adjoint@numpy", 1e-8)["median_s"] == 2.0


def test_a_file_that_is_named_twice_counts_once(results):
    path = results / "records" / "smoke.jsonl"
    once = load([results]).table
    assert load([results, path, path.resolve()]).table.equals(once)


def test_a_later_record_replaces_an_earlier_one_as_a_whole(store, record):
    folder = store([record(rhs=900), record(rhs=None, median_s=3.0)])
    found = cell(load([folder]).table, "hand-adjoint@numpy", 1e-8)
    assert found["median_s"] == 3.0 and found["rhs"] is pd.NA


@pytest.mark.parametrize(
    ("date", "kept"), [("2025-12-31", 1.0), ("2026-01-01T00:00:00+00:00", 2.0), ("2026-01-02", 2.0)]
)
def test_what_was_measured_last_counts_whatever_the_order_of_files(store, record, date, kept):
    store([record(median_s=1.0)], name="a")
    folder = store([record(median_s=2.0)], name="b", date=date)
    assert cell(load([folder]).table, "hand-adjoint@numpy", 1e-8)["median_s"] == kept


def test_what_is_no_file_is_named_and_skipped(results):
    (results / "folder.json").mkdir()
    (results / "loop.json").symlink_to("loop.json")
    os.mkfifo(results / "pipe.jsonl")
    (results / "empty.jsonl").write_text("")
    (results / "blank.json").write_text(" \n")
    loaded = load([results])
    named = {name for name in ("folder.json", "loop.json", "pipe.jsonl", "empty.jsonl", "blank.json")}
    assert len(loaded.table) == 6 and all(any(n in w and "skipped" in w for w in loaded.warnings) for n in named)


def test_a_file_that_cannot_be_read_is_named_and_hides_no_other(results, monkeypatch):
    (results / "secret.jsonl").write_text("{}")
    read = Path.read_bytes

    def read_bytes(path):
        if path.name == "secret.jsonl":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    loaded = load([results])
    assert len(loaded.table) == 6 and "secret.jsonl: skipped, Permission denied" in loaded.warnings[0]


def test_a_truncated_parquet_file_is_named(results, tmp_path):
    path = export(load([results]).table, tmp_path / "t.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    loaded = load([results, path])
    assert len(loaded.table) == 6 and "t.parquet: skipped" in loaded.warnings[0]


def test_one_damaged_row_of_a_csv_file_is_named_and_hides_no_other(results, tmp_path):
    path = export(load([results]).table, tmp_path / "t.csv")
    lines = path.read_text().splitlines()
    lines[2] += ",more"
    path.write_bytes("\n".join(lines).encode() + b"\n\xff,\n")
    loaded = load([path])
    assert len(loaded.table) == 5 and [w.partition(": ")[0][-6:] for w in loaded.warnings] == ["line 3", "line 8"]


def test_a_csv_file_that_a_spreadsheet_saved_is_read(results, tmp_path):
    path = export(load([results]).table, tmp_path / "t.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    loaded = load([path])
    assert len(loaded.table) == 6 and not loaded.warnings


@pytest.mark.parametrize("version", [1, 3, None, "2"])
def test_asv_results_of_another_version_are_named(asv_file, version):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0)}, version=version)
    loaded = load([folder])
    assert loaded.table.empty and f"asv results of version {version}, expected 2" in loaded.warnings[0]


def test_a_status_code_of_another_version_leaves_its_case_out(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 99, 0, 0), "s.S.track_median_s": row([1.0, 2.0, 3.0, 4.0])})
    loaded = load([folder])
    assert len(loaded.table) == 3 and "code 99 of a status" in loaded.warnings[0]


def test_a_number_of_asv_that_cannot_be_leaves_its_case(asv_file):
    folder = asv_file({"s.S.track_status": status(0, 0, 0, 0), "s.S.track_median_s": row([1.0, -2.0, 3.0, 4.0])})
    loaded = load([folder])
    assert len(loaded.table) == 4 and loaded.table["median_s"].notna().sum() == 3 and "-2" in loaded.warnings[0]


def test_a_run_cannot_change_its_record(results, record):
    line = {"run": {"status": "ok", "median_s": 1.0}, "record": record(status="failed", median_s=None).to_json()}
    (results / "a.jsonl").write_text(json.dumps(line))
    assert "failed" in set(load([results / "a.jsonl"]).table["status"])
