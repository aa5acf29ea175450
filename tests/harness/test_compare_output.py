"""`hessbench compare`: nothing measured is lost, and nothing that others wrote acts on the terminal."""

import json
import re
from dataclasses import replace

import pytest

from hessbench import Case, HessbenchError, InvalidInput, Record
from hessbench._cli import compare as module
from hessbench._cli.compare import compare, show
from hessbench._cli.output import fitting
from hessbench._measuring import grid
from hessbench._measuring.measure import blank
from hessbench.report import load

NASTY = "[red]boom[/] \x1b[31mred\x1b[0m \u202ertl :smile: \ud800 \\"
OK = {"error_hess": 1e-9, "median_s": 1e-3, "first_s": 0.01, "peak_mib": 0.1, "rhs": 900}
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


def right(name, **fields):
    return replace(blank(Case("sir", name, "numpy"), "ok"), **{**OK, **fields})


def refused(name, message, status="failed"):
    return replace(blank(Case("sir", name, "numpy"), status), message=message)


@pytest.fixture
def measured(monkeypatch):
    """Stands for measuring: yields what is given, one record after the other; an exception is raised."""

    def make(*results):
        queue = list(results)

        def measure(case, **limits):
            result = queue.pop(0)
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(grid, "measure", measure)
        return queue

    return make


def run(path=None, count=3, **options):
    names = ["hand-adjoint", "finite-difference", "hand-adjoint-rows"][:count]
    compare("sir", strategy=names, output=path, **options)


def stored(path):
    return [json.loads(line)["record"]["strategy"] for line in path.read_text().splitlines()]


def test_a_folder_that_cannot_be_made_is_refused_before_measuring(measured, tmp_path):
    queue = measured(right("a"), right("b"), right("c"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="Nothing can be written to the folder"):
        run(tmp_path / "file" / "out.jsonl")
    assert len(queue) == 3


def test_a_folder_that_is_not_there_is_made(measured, tmp_path):
    measured(right("a"))
    run(tmp_path / "new" / "out.jsonl", 1)
    assert stored(tmp_path / "new" / "out.jsonl") == ["a"]


def test_a_line_that_was_cut_off_spoils_no_record(measured, tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text('{"run": {"mach')
    measured(right("a"), right("b"))
    run(path, 2)
    loaded = load([path])
    assert sorted(loaded.table["strategy"]) == ["a", "b"] and "line 1: skipped" in loaded.warnings[0]


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_what_was_measured_before_an_interruption_is_shown_and_kept(measured, tmp_path, capsys, stop, code):
    measured(right("a"), right("b"), stop)
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "out.jsonl")
    out, err = capsys.readouterr()
    assert ended.value.code == code and "a@numpy" in out and "b@numpy" in out and "2 of 3" in err
    assert stored(tmp_path / "out.jsonl") == ["a", "b"]


def test_an_interrupted_comparison_prints_what_it_has_as_json(measured, capsys):
    measured(right("a"), KeyboardInterrupt())
    with pytest.raises(SystemExit):
        run(as_json=True)
    assert [record["strategy"] for record in json.loads(capsys.readouterr().out)] == ["a"]


def test_what_cannot_be_saved_is_shown_and_ends_in_an_error(measured, tmp_path, monkeypatch, capsys):
    def full(path, line):
        raise HessbenchError("The disk is full.")

    monkeypatch.setattr(module, "append_line", full)
    measured(right("a"), right("b"))
    with pytest.raises(HessbenchError, match=r"2 of the records above are not saved. The disk is full"):
        run(tmp_path / "out.jsonl", 2)
    assert "b@numpy" in capsys.readouterr().out


def test_what_could_not_be_saved_at_first_is_saved_later(measured, tmp_path, monkeypatch):
    append, calls = module.append_line, []

    def full_once(path, line):
        calls.append(line)
        if len(calls) == 1:
            raise HessbenchError("The disk is full.")
        append(path, line)

    monkeypatch.setattr(module, "append_line", full_once)
    measured(right("a"), right("b"))
    run(tmp_path / "out.jsonl", 2)
    assert stored(tmp_path / "out.jsonl") == ["a", "b"]


def test_messages_and_names_are_text(capsys):
    show([right("[bold]a"), refused("b\x1b[2J", NASTY)])
    out = capsys.readouterr().out
    assert not UNSEEN.search(out) and "[red]boom[/] \\x1b[31mred\\x1b[0m \\u202ertl :smile: \\ud800 \\\n" in out
    assert "[bold]a@numpy" in out and r"b\x1b[2J@numpy" in out


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("name", ["a", "hand-adjoint/backward-unguarded", "x" * 240])
def test_a_table_fits_the_width(monkeypatch, capsys, columns, name):
    monkeypatch.setenv("COLUMNS", str(columns))
    show([right("hand-adjoint"), right(name), refused("unrolled", "a reason that is long " * 9, "unavailable")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns and "\x1b" not in "".join(lines)
    assert sum(line.count("ok ") for line in lines) == 2 and "hand-adjoint@numpy" in lines[1] + lines[2]


def test_at_80_columns_error_and_time_are_whole_and_what_is_left_out_is_said(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    show([right("hand-adjoint/backward-unguarded"), refused("unrolled", "reason " * 20, "unavailable")])
    out = capsys.readouterr().out
    assert all(word in out for word in ("1.0e-09", "1 ms", "unavailable", "left out for want of room"))


def test_in_a_pipe_every_case_is_one_line(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    show([right("a"), refused("b", "one\ntwo " * 40)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[2].count("two") == 40 and all(line == line.rstrip() for line in lines)


def test_columns_that_do_not_fit_beside_each_other_come_in_blocks():
    assert fitting([10, 10, 10], 20, 50) == [[0, 1], [2]] and fitting([90], 20, 50) == [[0]]
    assert fitting([10, 10, 10], 20, 10_000) == [[0, 1, 2]]


def test_a_status_that_is_new_is_shown_last(capsys):
    odd = right("odd", status="ok")
    object.__setattr__(odd, "status", "unheard-of")
    show([odd, refused("b", "boom"), right("a")])
    order = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:4]]
    assert order == ["*", "b@numpy", "odd@numpy"]


def test_unknown_fields_of_a_record_survive_a_round_trip():
    data = {**right("a").to_json(), "from_the_future": {"a": [1]}}
    assert Record.from_json(data).to_json() == data


def test_a_reason_that_many_share_is_said_once(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    why = "It needs what none of these problems has, " * 4
    show([right("z"), *(refused(name, why, "unsupported") for name in "abcde"), refused("f", "boom " * 30)])
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("It needs what none of these") == 4 and "a@numpy, b@numpy, 3 more: It needs" in said
    assert "f@numpy: boom" in said
