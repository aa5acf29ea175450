"""`--against`: noise is no change, and a planted change is found."""

from pathlib import Path

import numpy as np
import pytest

from hessbench import InvalidInput
from hessbench._measuring.provenance import commit_of
from hessbench.report import build, latest, load
from hessbench.report.comparison import compare, other_results

HERE = Path(__file__).parent
NEW, OLD = {"commit": "b" * 40, "date": "2026-02-01T00:00:00+00:00"}, {"commit": "a" * 40}


@pytest.fixture
def compared(store, record):
    """Compare two runs of `contenders` on 12 cases each; `slow` maps a contender to the factor planted in the new run."""

    def make(contenders, slow, scatter, seed=0, cases=12):
        rng = np.random.default_rng(seed)

        def run(factors):
            return [
                record(strategy=name, rtol=10.0**-k, median_s=0.01 * factors.get(name, 1.0) * rng.lognormal(0, scatter))
                for name in contenders
                for k in range(1, cases + 1)
            ]

        store(run({}), name="old", **OLD)
        loaded = load([store(run(slow), name="new", **NEW)])
        shown = latest(loaded.table)
        return compare(shown, other_results(loaded, shown, "a" * 8)[0], "old")

    return make


def test_noise_is_not_reported_as_a_change(compared):
    names = [f"s{i}" for i in range(12)]
    found = [change for seed in range(6) for change in compared(names, {}, 0.1, seed).changes]
    assert sum(change.verdict in ("faster", "slower") for change in found) == 0


def test_a_planted_change_is_found_and_no_other(compared):
    result = compared([f"s{i}" for i in range(8)], {"s3": 1.5}, 0.05)
    assert [c.contender for c in result.changes if c.verdict == "slower"] == ["s3@numpy"]
    assert result.sentence.startswith("Slower s3@numpy (1.")


SMOKE = [f"s{i}" for i in range(25)]  # three cases each, as in the suite `smoke`


@pytest.mark.parametrize("seed", range(10))
def test_a_smoke_run_shows_a_strategy_that_became_twice_as_slow(compared, seed):
    result = compared(SMOKE, {**dict.fromkeys(SMOKE, 1.3), "s3": 2.6}, 0.06, seed, cases=3)
    assert [(c.contender, c.verdict) for c in result.changes if c.verdict in ("faster", "slower")] == [
        ("s3@numpy", "slower")
    ]
    assert result.sentence.startswith("Slower s3@numpy (2.")


def test_a_smoke_run_shows_a_strategy_that_became_twice_as_fast(compared):
    assert compared(SMOKE, {"s3": 0.5}, 0.06, cases=3).sentence.startswith("Faster s3@numpy (0.")


@pytest.mark.parametrize("seed", range(10))
def test_two_smoke_runs_of_equal_code_on_a_busy_machine_are_no_change(compared, seed):
    result = compared(SMOKE, dict.fromkeys(SMOKE, 1.3), 0.15, seed, cases=3)
    assert result.sentence.startswith("No contender differs by more than the noise explains.")


@pytest.mark.skipif(commit_of(HERE, "HEAD") == "", reason="not a git checkout")
def test_a_revision_is_what_git_calls_so():
    assert commit_of(HERE, "HEAD") == commit_of(HERE, "HEAD~0") != ""
    assert {commit_of(HERE, name) for name in ("nonsense", "--help", "nul\x00", "\ud800")} == {""}


def test_a_change_common_to_all_is_told_once(compared):
    names = [f"s{i}" for i in range(8)]
    result = compared(names, dict.fromkeys(names, 1.4), 0.05)
    assert result.common == pytest.approx(1.4, rel=0.05)
    assert not [c for c in result.changes if c.verdict in ("faster", "slower")]


def test_a_case_that_stands_out_is_listed(store, record):
    def run(last):
        return [record(rtol=10.0**-k, median_s=last if k == 12 else 0.01 * (1 + 0.01 * k)) for k in range(1, 13)]

    store(run(0.01), name="old", **OLD)
    loaded = load([store(run(0.1), name="new", **NEW)])
    shown = latest(loaded.table)
    result = compare(shown, other_results(loaded, shown, "a" * 40)[0], "old")
    assert result.cases["rtol"].tolist() == [1e-12]


def test_cases_that_end_otherwise_are_listed(store, record, refused):
    store([record()], name="old", **OLD)
    loaded = load([store([refused("wrong", "0.7")], name="new", **NEW)])
    result = compare(latest(loaded.table), other_results(loaded, latest(loaded.table), "aaaaaaa")[0], "old")
    assert result.statuses[["status", "status_other"]].values.tolist() == [["wrong", "ok"]]
    assert result.overall is None and result.sentence == "No case was timed in both."


def test_a_machine_can_be_compared_with(store, record):
    store([record(median_s=0.01)], name="far", machine="far", date="2025-01-01T00:00:00+00:00")
    loaded = load([store([record(median_s=0.03)])])
    result = compare(latest(loaded.table), other_results(loaded, latest(loaded.table), "far")[0], "far")
    assert result.overall.mean == pytest.approx(3.0) and result.changes[0].verdict == "too few pairs"


def test_a_file_can_be_compared_with(store, record, tmp_path):
    other = store([record(median_s=0.01)]).rename(tmp_path / "other")
    page = build([store([record(median_s=0.02)], **NEW)], tmp_path / "r.html", against=[str(other)], bounds=False)
    text = page.path.read_text(encoding="utf-8")
    assert page.comparisons[0].overall.mean == pytest.approx(2.0) and "Against other results" in text


def test_nothing_to_compare_with_is_an_error_that_names_what_there_is(results):
    loaded = load([results])
    with pytest.raises(InvalidInput, match=r"no machine or commit of the results; there are: 01234567, bench"):
        other_results(loaded, latest(loaded.table), "elsewhere")
