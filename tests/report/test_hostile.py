"""Names and messages are data in the page, the figures and the exports, however they are made."""

import base64
import gzip
import html
import json
import os
import re

import pandas as pd
import pytest

from hessbench import STATUSES, HessbenchError, InvalidInput, Record
from hessbench._measuring import statuses
from hessbench._storage.files import write
from hessbench.report import build, export, load, readme_figure, write_figures
from hessbench.report.csv_file import csv_text

LONG = "x" * 240
NASTY = "[red]</script><script>alert(1)</script> \x1b[31m \u202e $x^{$ \ud800 \\ {{ 7 * 7 }} | # " + "'\""
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


@pytest.fixture
def hostile(store, record, refused):
    """Records whose names and messages would act wherever they are not taken as text."""
    family = [
        record(problem="mine\x1b$", arguments=json.dumps({"n": n, "a": NASTY}), dim=n, strategy=name, note=NASTY)
        for n in (3, 4, 5, 6)
        for name in (NASTY, LONG, "=cmd()", "a")
    ]
    return store([record(), *family, refused("failed", NASTY, strategy="_hidden$"), refused("failed", "=1+1")])


@pytest.fixture
def page(hostile, tmp_path):
    return build([hostile], tmp_path / "r.html", bounds=False).path.read_text(encoding="utf-8")


def test_nothing_that_acts_is_in_the_page(page):
    assert not ACTS.search(page) and "alert(1)</script>" not in page and "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page and r"\x1b[31m \u202e" in page


def drawn(page):
    """The data of the figures."""
    (packed,) = re.findall(r'id="data-charts">([^<]*)<', page)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_nothing_that_acts_is_in_the_data_of_the_figures(page):
    series = [series for charts in drawn(page).values() for chart in charts for series in chart["series"]]
    assert any("&lt;script&gt;" in text for one in series for text in one["text"])
    assert not any("<script" in text for one in series for text in one["text"])
    assert not any(ACTS.search(text) for one in series for text in (*one["text"], one["name"]))


def test_a_choice_of_the_page_finds_its_figure(page):
    keys = {chart["key"] for chart in drawn(page)["work"]}
    chosen = {html.unescape(value) for value in re.findall(r'<option value="([^"]*)">', page)}
    assert keys <= chosen


def test_figures_are_drawn_from_any_names(hostile, tmp_path):
    written = write_figures([hostile], tmp_path / "figures")
    assert len(written) > 4 and all(len(path.name.encode()) < 120 and path.stat().st_size for path in written)
    svg = next(path for path in written if path.suffix == ".svg").read_text(encoding="utf-8")
    assert not ACTS.search(svg) and "$x^{$" in svg


def test_a_spreadsheet_runs_nothing_of_an_export(hostile):
    cells = pd.read_csv(pd.io.common.StringIO(csv_text(load([hostile]).table)), dtype=str).fillna("").to_numpy().ravel()
    risky = [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t")]
    assert not risky and "'=1+1" in cells and "'=cmd()" in cells


def test_numbers_of_an_export_stay_numbers(results, tmp_path):
    back = pd.read_csv(export(load([results]).table, tmp_path / "t.csv"))
    assert back[["rtol", "median_s", "error", "rhs", "dim"]].dtypes.map(lambda t: t.kind in "fi").all()


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_an_export_of_anything_is_read_back_as_it_was(hostile, tmp_path, name):
    table = load([hostile]).table
    loaded = load([export(table, tmp_path / name)])
    columns = [c for c in table.columns if c != "source"]
    assert not loaded.warnings and loaded.table[columns].equals(table[columns])


def test_texts_that_look_like_numbers_stay_texts(store, record, tmp_path):
    folder = store([record(message="007", note="NA", strategy="null", versions="nan")], python="3.10", commit="1e5")
    back = load([export(load([folder]).table, tmp_path / "t.csv")]).table.iloc[0]
    assert [back[n] for n in ("message", "note", "strategy", "python", "commit")] == [
        "007",
        "NA",
        "null",
        "3.10",
        "1e5",
    ]


def test_a_seed_keeps_all_its_digits(store, record, tmp_path):
    folder = store([record(rhs=2**62 + 1), record(strategy="other", rhs=None)])
    back = load([export(load([folder]).table, tmp_path / "t.csv")]).table
    assert 2**62 + 1 in back["rhs"].dropna().tolist()


@pytest.fixture
def full_disk(monkeypatch):
    from hessbench._storage import files

    def put(file, content):
        file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_put", put)


@pytest.mark.parametrize("name", ["r.html", "t.csv", "t.parquet", "overview.png"])
def test_a_full_disk_keeps_every_old_report_and_leaves_no_part(results, tmp_path, name, request):
    folder = tmp_path / "out"
    folder.mkdir()
    write(folder / name, "old")
    request.getfixturevalue("full_disk")
    made = {
        "r.html": lambda: build([results], folder / name, bounds=False),
        "overview.png": lambda: readme_figure(load([results]).table, folder / name),
    }
    with pytest.raises(HessbenchError, match="no space left"):
        made.get(name, lambda: export(load([results]).table, folder / name))()
    assert os.listdir(folder) == [name] and (folder / name).read_text() == "old"


@pytest.mark.parametrize("out", ["file/r.html", "results", LONG + LONG])
def test_a_page_that_cannot_be_written_is_refused_before_reading(results, tmp_path, out, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("hessbench.report.page.load", lambda paths: pytest.fail("read before it was refused"))
    with pytest.raises(InvalidInput):
        build([results], tmp_path / out, bounds=False)


@pytest.mark.parametrize("other", [LONG + LONG, "nul\0", "\ud800"])
def test_what_can_be_no_path_is_no_traceback(results, tmp_path, other):
    with pytest.raises(InvalidInput):
        load([other])
    with pytest.raises(InvalidInput, match="no file or folder"):
        build([results], tmp_path / "r.html", bounds=False, against=[other])


def test_every_status_has_its_row_in_the_table_of_statuses():
    assert set(STATUSES) <= {row.name for row in statuses.TABLE}
    assert len({row.urgency for row in statuses.TABLE}) == len(statuses.TABLE)


def test_a_new_status_is_shown_everywhere_and_crashes_nothing(results, record, tmp_path, monkeypatch):
    for module in ("record", "stored"):
        monkeypatch.setattr(f"hessbench._measuring.{module}.STATUSES", (*STATUSES, "unjudged", "unheard-of"))
    lines = [
        json.dumps(
            {**record(strategy=name).to_json(), "status": name, "median_s": None, "first_s": None, "peak_mib": None}
        )
        for name in ("unjudged", "unheard-of")
    ]
    (results / "new.jsonl").write_text("\n".join(lines))
    text = build([results], tmp_path / "r.html", bounds=False).path.read_text(encoding="utf-8")
    assert 'data-contender="unjudged@numpy" data-status="unjudged"' in text and "no reference to judge it by" in text
    assert 'data-contender="unheard-of@numpy" data-status="unheard-of"' in text
    assert write_figures([results], tmp_path / "figures")


def test_a_record_of_a_status_that_is_not_known_is_named(results, record):
    line = json.dumps({**record(strategy="new").to_json(), "status": "unheard-of"})
    (results / "new.jsonl").write_text(line)
    loaded = load([results])
    assert "new" not in set(loaded.table["strategy"])
    assert (
        "new.jsonl, line 1: skipped, `status` is 'unheard-of', which this version does not know" in loaded.warnings[0]
    )


@pytest.mark.parametrize("value", [["<"], {"a": 1}, 3, True])
def test_a_text_that_is_none_is_refused(record, value):
    with pytest.raises(InvalidInput, match="`message` is"):
        Record.from_json({**record().to_json(), "message": value})


def test_of_many_warnings_the_page_shows_the_first_and_their_number(results, tmp_path):
    (results / "bad.jsonl").write_text("{\n" * 300)
    page = build([results], tmp_path / "r.html", bounds=False)
    text = page.path.read_text(encoding="utf-8")
    assert len(page.warnings) == 300 and text.count("bad.jsonl, line") == 50 and "... and 250 more" in text
