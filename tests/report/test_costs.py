"""Overhead and bounds as the page shows them."""

import pytest

from hessbench.report.costs import bounds, overhead, overhead_shares

ROW = {"table": "overhead", "package": "jax", "operation": "rhs", "n": 3, "status": "ok", "call_s": 2e-5}
SPLIT = {"conversion_s": 5e-6, "dispatch_s": 1e-5, "work_s": 5e-6}
SHARE = {"table": "overhead-share", "problem": "random-quadratic", "n": 10, "rtol": 1e-6}


def test_a_call_is_split_into_shares_of_a_hundred():
    (split,) = overhead([{**ROW, **SPLIT}])
    assert split.cells["jax"][3].shares == pytest.approx((25, 50, 25))


def test_a_package_that_is_missing_has_its_reason_and_no_zero():
    (split,) = overhead([{**ROW, "call_s": None, "status": "unavailable", "message": "needs `jax`"}])
    cell = split.cells["jax"][3]
    assert (cell.call_s, cell.shares, cell.why) == (None, (), "needs `jax`")


def test_a_part_that_is_missing_leaves_the_call_unsplit():
    (split,) = overhead([{**ROW, **SPLIT, "dispatch_s": None}])
    assert split.cells["jax"][3].shares == ()


def test_the_newest_row_of_a_call_is_shown():
    (split,) = overhead([{**ROW, "call_s": 1.0}, {**ROW, "call_s": 2.0}])
    assert split.cells["jax"][3].call_s == 2.0


def test_a_row_of_another_form_is_left_out():
    assert overhead([{"table": "overhead", "x": 1}]) == []


def test_contenders_without_any_share_are_left_out():
    rows = [
        {**SHARE, "contender": "a@jax", "share": 0.4},
        {**SHARE, "contender": "b@numpy", "share": None, "message": "runs in NumPy"},
    ]
    assert list(overhead_shares(rows)[1]) == ["a@jax"]


def test_the_counted_ratios_are_those_of_the_literature():
    """N BP2 / one pass of the dense quadratic; a dense matrix product costs 2 N^3 - N^2 and so on, counted by hand."""
    assert [round(row.ratio, 3) for row in bounds().quadratic] == [3.093, 4.185, 5.238, 7.298, 9.330]


def test_every_count_stands_beside_its_limits():
    found = bounds()
    assert len(found.largest) == len(found.rules) == len(found.literature) == len(found.systems)
    assert found.rules[found.systems.index("gradient")] == "5"
