"""Reading of results pinned where only the way it is done differs: names, order, files beside files."""

import dataclasses
import json

import pytest

from hessbench.report import export, load


def test_what_was_loaded_cannot_be_changed_and_is_compared_by_identity(results):
    loaded = load([results])
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.warnings = ()
    assert loaded == loaded and loaded != dataclasses.replace(loaded)


def test_rows_of_other_tables_are_sorted_by_their_date(tmp_path):
    rows = [("2026-03-01", "c"), (None, "a"), ("2026-02-01", "b")]
    lines = [
        json.dumps({"run": {"date": date} if date else {}, "row": {"table": "overhead", "package": name}})
        for date, name in rows
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    assert [row["package"] for row in load([tmp_path]).sorted_others()] == ["a", "b", "c"]


def test_a_file_of_another_name_is_read_as_json(record, tmp_path):
    path = tmp_path / "results.txt"
    path.write_text(json.dumps([record().to_json(), record(strategy="b").to_json()], indent=1))
    loaded = load([path])
    assert not loaded.warnings and set(loaded.table["strategy"]) == {"hand-adjoint", "b"}


def test_whether_a_tree_was_changed_survives_a_table(store, record, tmp_path):
    for dirty in (True, False):
        folder = store([record()], dirty=dirty)
        assert load([folder]).table["dirty"].tolist() == [dirty]
        for name in ("t.csv", "t.parquet"):
            assert load([export(load([folder]).table, tmp_path / name)]).table["dirty"].tolist() == [dirty]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_rows_of_a_table_are_counted_from_one(results, tmp_path, name):
    import pandas as pd

    path = export(load([results]).table, tmp_path / name)
    table = pd.read_csv(path) if name == "t.csv" else pd.read_parquet(path)
    table.loc[table.index[1], "status"] = "unheard-of"
    table.to_csv(path, index=False) if name == "t.csv" else table.to_parquet(path)
    (warning,) = load([path]).warnings
    assert f"{name}, {'line 3' if name == 't.csv' else 'row 2'}: skipped" in warning  # line 1 is the head


@pytest.mark.parametrize("nearest", ["no JSON", "[]", None, '"text"'])
def test_descriptions_of_benchmarks_are_looked_for_above(asv_file, nearest):
    codes = [[0, 0], [["'sir'"], ["'a@numpy'", "'b@jax'"], ["1e-06"]], "1"]
    folder = asv_file({"s.S.track_status": codes})
    inner = folder / "bench"
    described = next(folder.rglob("benchmarks.json")).read_text()
    for path in folder.rglob("benchmarks.json"):
        path.unlink()
    (folder / "benchmarks.json").write_text(described)
    if nearest is not None:
        (inner / "benchmarks.json").write_text(nearest)
    found = load([folder])
    assert set(found.table["contender"]) == {"a@numpy", "b@jax"}, found.warnings
