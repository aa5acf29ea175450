"""The public board: what is added, what is refused, what a check of others' files finds."""

import json

import pytest

from hessbench import InvalidInput
from hessbench.report.board import check, publish

from .conftest import RUN

FROM = {**RUN, "hardware": "1f0c22aa", "sources": "0f0f", "cpu": "A Processor"}


def line(record, **run):
    return json.dumps({"run": {**FROM, **run}, "record": record.to_json()})


@pytest.fixture
def right(record):
    """A record as the gate leaves it."""
    return lambda **fields: record(**{"error_scaled": 1e-9, "threshold": 1e-5, "schema": 2, **fields})


@pytest.fixture
def mine(tmp_path, right, refused):
    path = tmp_path / "records.jsonl"
    lines = [line(right()), line(refused("wrong", "off", strategy="unrolled", error_hess=0.5))]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_board_has_page_data_by_machine_and_preview(mine, tmp_path):
    board = publish([mine], tmp_path / "board", "https://example.org/board/")
    assert board.added == {"bench-1f0c22aa.jsonl": 2} and board.refused == ()
    assert sorted(p.name for p in (tmp_path / "board").iterdir()) == ["data", "index.html", "preview.png"]
    text = (tmp_path / "board" / "index.html").read_text(encoding="utf-8")
    assert '<meta property="og:image" content="https://example.org/board/preview.png">' in text
    assert check(tmp_path / "board") == []


def test_what_is_published_twice_is_there_once_and_others_stay(mine, tmp_path, right):
    publish([mine], tmp_path / "board")
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text(line(right(), machine="vm", hardware="77") + "\n")
    assert publish([mine, theirs], tmp_path / "board").added == {"vm-77.jsonl": 1}
    assert len((tmp_path / "board" / "data" / "bench-1f0c22aa.jsonl").read_text().splitlines()) == 2


def test_what_a_board_holds_stays_to_the_byte_whatever_it_is(mine, tmp_path, right):
    publish([mine], tmp_path / "board")
    path = tmp_path / "board" / "data" / "bench-1f0c22aa.jsonl"
    before = path.read_bytes() + b'{"run": {}, "row": {"table": "overhead"}}\nnot read\n{"run": {'
    path.write_bytes(before)
    more = tmp_path / "more.jsonl"
    more.write_text(line(right(strategy="quick")) + "\n")
    assert publish([mine, more], tmp_path / "board").added == {"bench-1f0c22aa.jsonl": 1}
    assert path.read_bytes().startswith(before) and path.read_bytes().count(b'"quick"') == 1


@pytest.mark.parametrize(
    ("fields", "run", "reason"),
    [
        ({"error_scaled": 1e-3}, {}, "its error 1.0e-03 is above what is allowed, 1.0e-05."),
        ({"threshold": None}, {}, "it is right without the error, the threshold or the time that say so."),
        ({"error_scaled": float("nan")}, {}, "its error nan is above what is allowed, 1.0e-05."),
        ({"status": "wrong"}, {}, "it has first_s, median_s, peak_mib, and its status is wrong."),
        ({}, {"dirty": True}, "it was measured with changes that no commit has."),
        ({}, {"hardware": ""}, "its run does not say hardware."),
    ],
)
def test_what_does_not_count_is_left_out_and_named(mine, tmp_path, right, fields, run, reason):
    bad = tmp_path / "bad.jsonl"
    bad.write_text(line(right(**fields), **run) + "\n")
    board = publish([mine, bad], tmp_path / "board")
    assert board.refused == (f"bad.jsonl, line 1: {reason}",) and board.page.rows == 2


def test_a_check_names_what_others_sent(mine, tmp_path, right):
    publish([mine], tmp_path / "board")
    data = tmp_path / "board" / "data"
    good = (data / "bench-1f0c22aa.jsonl").read_text()
    (data / "vm-77.jsonl").write_text(
        good.splitlines()[0] + "\n" + line(right(error_scaled=1.0), machine="vm", hardware="77")
    )
    (data / "cut.jsonl").write_text('{"run": {')
    (data / "notes.txt").write_text("")
    assert [text.partition(":")[2][:61].strip() for text in check(tmp_path / "board")] == [
        "Expecting property name enclosed in double quotes: line 1 co",
        "not a file of records (.jsonl).",
        "its machine and hardware belong into bench-1f0c22aa.jsonl.",
        "the same measurement stands in bench-1f0c22aa.jsonl already.",
        "its error 1.0e+00 is above what is allowed, 1.0e-05.",
    ]


def test_nothing_is_made_where_nothing_counts_and_curated_results_are_nobodys_own(mine, tmp_path):
    (tmp_path / "results" / "curated").mkdir(parents=True)
    mine.rename(tmp_path / "results" / "curated" / "theirs.jsonl")
    for paths, said in (([tmp_path / "results"], "no result that counts"), ([tmp_path / "none"], "no file or folder")):
        with pytest.raises(InvalidInput, match=said):
            publish(paths, tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_a_folder_without_a_board_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="There is no board"):
        check(tmp_path)
