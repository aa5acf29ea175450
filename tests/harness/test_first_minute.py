"""What somebody sees who compares for the first time: a table that grows, a verdict in words, an exit status, a glossary."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import typer
from rich.console import Console

from hessbench import Case, HessbenchError, InvalidInput, problem
from hessbench._cli import table
from hessbench._cli.compare import compare, family_arguments, glossary
from hessbench._cli.output import by_reason, case_table
from hessbench._cli.table import HEAD, Growing, growing
from hessbench._cli.verdict import left_out, verdict
from hessbench._measuring import grid
from hessbench._measuring.measure import blank, outline, problem_of
from hessbench._measuring.statuses import STATUSES
from hessbench._plugins.contenders import LIKELY, contenders

CASE = Case("sir", "a", "numpy", rtol=1e-8)


def right(name, seconds=1e-3, error=1e-9, first=0.01, **fields):
    case = replace(CASE, strategy=name)
    return replace(
        blank(case, "ok"), error_hess=error, median_s=seconds, first_s=first, prepare_s=0.0, rhs=900, **fields
    )


def other(name, status, message="because"):
    return replace(blank(replace(CASE, strategy=name), status), message=message)


@pytest.fixture
def measured(monkeypatch):
    """Stands for measuring: a function from the case to its record, or an exception."""

    def by(function):
        asked = []

        def measure(case, **limits):
            asked.append((case, limits))
            return function(case)

        monkeypatch.setattr(grid, "measure", measure)
        return asked

    return by


def test_the_fastest_the_most_accurate_and_the_one_for_a_single_call_are_named():
    records = [right("b", 2e-3, 1e-12, 0.5), right("a", 1e-3, 1e-8, 1.0), right("c", 3e-3, 1e-7, 0.01)]
    said = verdict(records)
    assert (
        said[0] == "Fastest right one: a@numpy, 1 ms at an error of 1.0e-08; the next, b@numpy, takes 2 times as long."
    )
    assert said[1] == "Most accurate: b@numpy, 1.0e-12, 2 times as slow."
    assert said[2] == "For one Hessian only: c@numpy, 10 ms with its preparation, where a@numpy takes 1 s."
    assert said[3] == 'In Python: hessbench.hessian(problem, strategy="a@numpy", rtol=1e-08)' and len(said) == 4


def test_what_is_best_in_everything_is_named_once():
    said = verdict([right("a", 1e-3, 1e-12, 0.1), right("b", 2e-1, 1e-8, 1.0)])
    assert len(said) == 2 and said[0].endswith("the next, b@numpy, takes 200 times as long.")


@pytest.mark.parametrize(("low", "near"), [(0.9e-3, True), (1.15e-3, False)])
def test_times_that_noise_may_swap_are_called_equal(low, near):
    a = right("a", 1e-3, ci_low_s=0.8e-3, ci_high_s=1.1e-3)
    b = right("b", 1.2e-3, ci_low_s=low, ci_high_s=1.4e-3)
    assert ("within the noise b@numpy is as fast" in verdict([a, b])[0]) == near


def test_a_wrong_one_is_never_the_best_and_is_named():
    wrong = replace(right("fast", 1e-9), status="wrong").without_times()
    said = verdict([wrong, right("a"), other("b", "inaccurate"), *(other(f"w{i}", "wrong") for i in range(5))])
    assert said[0].startswith("Fastest right one: a@numpy") and "fast@numpy" not in said[0]
    assert said[-2:] == ["Wrong here: fast@numpy, w0@numpy, 4 more.", "Not as accurate as they declare: b@numpy."]


def test_where_none_is_right_the_verdict_says_why():
    assert verdict([other("a", "failed")]) == ["None of 1 contenders is right and in time here."]
    assert "no reference" in verdict([other("a", "unjudged"), other("b", "failed")])[0]


def test_the_python_of_the_verdict_is_left_out_for_a_strategy_in_a_file():
    assert not any("In Python" in text for text in verdict([right("rows.py")]))


@pytest.mark.parametrize(
    ("status", "code"), [(None, 0), ("wrong", 1), ("failed", 1), ("unjudged", 1), ("unsupported", 1)]
)
def test_the_exit_status_tells_whether_one_was_right(measured, capsys, status, code):
    measured(lambda case: right("a") if status is None and case.backend == "jax" else other("b", status or "wrong"))
    if code == 0:
        compare("sir")
    else:
        with pytest.raises(SystemExit) as ended:
            compare("sir", as_json=status == "wrong")
        assert ended.value.code == code
    assert capsys.readouterr().out


def test_by_default_the_likely_ones_are_tried_in_their_order_and_the_others_are_told_of(measured, capsys):
    asked = measured(lambda case: right(case.strategy))
    compare("sir")
    assert [case.label for case, _ in asked][: len(LIKELY)] == list(LIKELY)
    out, err = capsys.readouterr()
    number = len(contenders()) - len(asked)
    assert f"Left out: {number} slower ways" in out and "--all" in out and number > 50
    assert err.count("ok 1 ms") == len(asked) and f"1/{len(asked)} discrete-adjoint@numpy: ok 1 ms" in err


def test_all_takes_every_one_and_leaves_out_none(measured, capsys):
    asked = measured(lambda case: right(case.strategy))
    compare("sir", all_of_them=True)
    assert [(case.strategy, case.backend) for case, _ in asked] == contenders()
    assert "Left out" not in capsys.readouterr().out
    with pytest.raises(InvalidInput, match="leave one of the two out"):
        compare("sir", strategy=["hand-adjoint"], all_of_them=True)


def test_every_case_is_measured_in_a_fork(measured):
    asked = measured(lambda case: right(case.strategy))
    compare("sir", strategy=["hand-adjoint", "variational"])
    children = {id(limits["child"]) for _, limits in asked}
    assert len(asked) == 2 and len(children) == 1 and type(asked[0][1]["child"]).__name__ == "Forking"


@pytest.mark.parametrize("text", [["y0,beta"], ["y0", "beta"], [" y0 , beta "]])
def test_wrt_names_the_unknowns(text):
    arguments = family_arguments("sir", None, [], text)
    assert arguments == {"wrt": ["y0", "beta"]}
    assert outline(Case("sir", "a", arguments=arguments)) == (3, ("y0", "beta"), None)


def test_wrt_gives_a_problem_that_takes_none_other_unknowns(write):
    source = """
    from hessbench import Problem

    def rhs(xp, t, y, p):
        return -p["k"] * y

    def exact(x):
        return 0.0, 0 * x, 0 * x[:, None] * x

    problem = Problem("decay", rhs, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [2.0], {"k": 0.5}, exact=exact)
    """
    path = write("decay.py", source)
    plain, other_one = (problem_of(Case(path, "a", arguments=a)) for a in ({}, {"wrt": ["k"]}))
    assert (plain.wrt, other_one.wrt, other_one.exact) == (("y0",), ("k",), None) and plain.exact is not None
    import hessbench

    found = hessbench.hessian(other_one, rtol=1e-10)
    assert found.hess == pytest.approx(np.array([[4 * 4 * np.exp(-1.0)]]), rel=1e-8)  # d2/dk2 of (2 exp(-k))^2
    with pytest.raises(InvalidInput, match="nothing"):
        problem_of(Case(path, "a", arguments={"wrt": ["nothing"]}))


def test_wrt_keeps_what_is_said_of_the_problems_own_unknowns():
    same = problem_of(Case("random-quadratic", "a", arguments={"n": 3, "wrt": ["y0"]}))
    own = problem("random-quadratic", n=3)
    assert (same.perturbed is None, same.exact is None) == (own.perturbed is None, own.exact is None)


class Screen(Console):
    """A terminal whose text is kept."""

    def __init__(self):
        super().__init__(force_terminal=True, width=80, record=True, file=io.StringIO())


def test_on_a_terminal_the_table_grows_and_names_what_is_measured(monkeypatch, capsys):
    screen = Screen()
    monkeypatch.setattr(table, "console", lambda: screen)
    cases = [replace(CASE, strategy=name) for name in ("b", "a")]
    with growing(2, silent=False) as grows:
        assert grows.live is not None and not grows.live.auto_refresh
        seen = []
        for case in grows.asked(cases):
            seen.append(screen.export_text(clear=True))
            grows.add(right(case.strategy, {"a": 1e-3, "b": 2e-3}[case.strategy]))
    assert "measuring b@numpy (1 of 2)" in seen[0] and "status" not in seen[0]
    assert "measuring a@numpy (2 of 2)" in seen[1] and "2 ms" in seen[1] and "status" in seen[1]
    assert capsys.readouterr().err == ""


def test_a_table_that_grows_is_in_order_whatever_the_order_of_records(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(table, "console", lambda: screen)
    grows = Growing(3, None, True)
    for record in (right("slow", 2.0), other("w", "wrong"), right("quick", 1e-4)):
        grows.add(record)
    screen.print(grows.drawn("below"))
    words = [line.split() for line in screen.export_text().splitlines()]
    assert [line[1] if line[0] == "*" else line[0] for line in words[1:]] == [
        "quick@numpy",
        "slow@numpy",
        "w@numpy",
        "below",
    ]


def test_elsewhere_each_record_is_a_line_at_once_and_json_is_alone(capsys):
    for silent in (False, True):
        with growing(2, silent=silent) as grows:
            grows.add(other("a\x1b[2J", "failed", "why\nand where"))
    out, err = capsys.readouterr()
    assert (out, err) == ("", "1/2 a\\x1b[2J@numpy: failed why\nand where\n")


NAMES = ("unrolled/reverse-over-reverse@jax", "diffrax-adjoint/recursive-checkpoint@jax")


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_at_80_columns_no_word_and_no_name_is_cut(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    why = "a reason of several words, with/a/path.py and `code`, which is longer than one line of the terminal is"
    refused = other("diffrax-adjoint/recursive-checkpoint", "unsupported", why)
    rows = [right("unrolled/reverse-over-reverse", first=5.0, peak_mib=0.1), refused]
    rows = [replace(row, backend="jax") for row in rows]
    table.show(rows)
    out = capsys.readouterr().out
    assert all(name in out for name in NAMES) and "…" not in out and max(map(len, out.splitlines())) <= columns
    assert set(why.split()) <= set(out.split())


def test_a_name_is_cut_only_where_there_is_no_room_for_it():
    """Planted: narrower than any name of ours."""
    cells = [["*", NAMES[1], "unsupported", "1.0e-09", "1.23 ms", "10.5 s", "10.1 MiB", "1000"]]
    widths = {width: case_table(HEAD, cells, [""], HEAD[5:], width) for width in (60, 80, 200)}
    names = {width: str(next(iter(found.columns[1].cells))) for width, (found, _) in widths.items()}
    assert names[80] == names[200] == NAMES[1] and "…" in names[60]
    assert not widths[200][1] and "left out for want of room: first call, memory, rhs" in widths[80][1][0]


def test_reasons_that_are_shared_are_said_once():
    cells = [["", name] for name in "abcd"]
    assert by_reason(cells, ["x", "x", "", "x"]) == {"x": "a, b, d"}


def test_explain_says_every_status_column_and_strategy(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(typer.Exit):
        glossary(True)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    words = re.findall(r"^ *(\S+):", out, re.MULTILINE)
    assert set(STATUSES) <= set(words) and {name for name in HEAD[3:] if " " not in name} <= set(words)
    assert {name for name, _ in contenders()} <= set(words)
    assert "hand-adjoint/backward: state = backward" in out
    glossary(False)
    assert capsys.readouterr().out == ""


def test_what_is_left_out_is_counted():
    assert left_out(len(contenders()) - 3).startswith("Left out: 3 ")


def test_a_disk_that_is_full_is_more_urgent_than_the_exit_status(measured, monkeypatch, tmp_path, capsys):
    from hessbench._cli import compare as module

    def full(path, line):
        raise HessbenchError("The disk is full.")

    monkeypatch.setattr(module, "append_line", full)
    measured(lambda case: other("a", "wrong"))
    with pytest.raises(HessbenchError, match="The disk is full"):
        compare("sir", strategy=["hand-adjoint"], output=tmp_path / "out.jsonl")
