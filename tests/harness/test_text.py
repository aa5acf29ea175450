"""Text that others wrote is shown, and never acts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hessbench._storage.text import UNSEEN, cell, cut, encodable, file_stem, lines, plain, tree, uncell

untimed = settings(deadline=None)  # the machine may be busy
ANY = some.text(some.characters())  # surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("half \ud800", r"half \ud800"),
        ("one\r\ntwo\tthree", "one two three"),
        ("[red]x[/] :smile: <b> é 漢 \u202f±", "[red]x[/] :smile: <b> é 漢 \u202f±"),
        ("zero\u200bwidth \ufeff \x9b2J", r"zero\u200bwidth \ufeff \x9b2J"),
    ],
)
def test_what_would_act_is_shown_by_its_code(text, shown):
    assert plain(text) == shown


@untimed
@given(ANY)
def test_nothing_unseen_is_left_in_plain_text(text):
    shown = plain(text)
    assert not UNSEEN.search(shown) and "\n" not in shown and plain(shown) == shown


def test_line_breaks_can_be_kept():
    assert lines("a\n- b\x1b\r\nc") == "a\n- b\\x1b\nc"


def test_data_is_made_plain_in_its_depth():
    assert tree({"k": ["\x1b", 1, None, ("\x07",)]}) == {"k": ["\\x1b", 1, None, ["\\x07"]]}


@untimed
@given(ANY)
def test_encodable_text_can_be_encoded(text):
    assert isinstance(encodable(text).encode(), bytes)


@untimed
@given(ANY)
def test_a_cell_is_no_formula_and_is_read_back(text):
    assert cell(text)[:1] not in tuple("=+-@\t\r\n") and uncell(cell(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "＝1"])
def test_a_formula_has_a_mark(text):
    assert cell(text) == "'" + text


@pytest.mark.parametrize("text", ["unrolled", "'quoted'", "3", "", "a=b"])
def test_what_is_no_formula_has_none(text):
    assert cell(text) == text


@untimed
@given(ANY, some.integers(3, 80))
def test_a_cut_text_is_no_longer_than_asked(text, most):
    assert len(cut(text, most)) <= most


def test_both_ends_of_a_cut_name_are_seen():
    assert cut("a-very-long-strategy/backward@numpy", 20) == "a-very-lon…ard@numpy"


@untimed
@given(ANY)
def test_a_stem_is_a_name_of_a_file(text):
    stem = file_stem(text)
    assert 0 < len(stem.encode()) <= 100 and "/" not in stem and "\0" not in stem and stem not in (".", "..")


def test_names_that_differ_after_the_cut_get_different_files():
    assert file_stem("x" * 240 + "a") != file_stem("x" * 240 + "b") and file_stem("a(n=3)") == "a-n-3"
