"""Scaling and the paper's figures from records with planted laws."""

import pytest

from hessbench.report import load
from hessbench.report.charts import memory_against_steps, scaling, work_precision
from hessbench.report.paper import paper_charts
from hessbench.report.scaling import laws, overtakings, payoffs
from hessbench.report.tables import families


@pytest.fixture
def family(store, sizes):
    """Rows of one family from planted laws."""

    def make(planted, **fields):
        ((_, rows),) = families(load([store(sizes(planted, **fields))]).table)
        return rows

    return make


def test_planted_exponents_come_out(family):
    rows = family({"square@numpy": lambda n: 1e-6 * n**2, "cube@numpy": lambda n: 1e-8 * n**3})
    assert {law.contender: round(law.time.exponent, 6) for law in laws(rows)} == {"square@numpy": 2, "cube@numpy": 3}


def test_a_contender_at_one_size_only_is_listed_where_it_leads(family):
    rows = family({"low@numpy": lambda n: 4e-5 * n**2, "steep@numpy": lambda n: 1e-6 * n**3})
    once = rows[(rows["contender"] == "low@numpy") | (rows["dim"] == rows["dim"].max())]
    assert {law.contender for law in laws(once)} == {"low@numpy"}
    assert {law.contender for law in laws(rows)} == {"low@numpy", "steep@numpy"}


def test_memory_at_the_level_of_pages_has_no_exponent(family):
    (law,) = laws(family({"a@numpy": lambda n: 1e-6 * n**2}, peak_mib=0.004))
    assert law.memory is None


def test_a_planted_crossover_is_told(family):
    rows = family({"low@numpy": lambda n: 4e-5 * n**2, "steep@numpy": lambda n: 1e-6 * n**3})
    (found,) = overtakings(rows)
    assert found.sentence == "low@numpy overtakes steep@numpy at N = 40 (resolved between N = 20 and 70)."


def test_who_is_cheapest_in_total_changes_with_the_calls(store, record):
    quick = record(strategy="quick", prepare_s=0.0, first_s=1.1, median_s=1.0)
    compiled = record(strategy="compiled", prepare_s=9.5, first_s=0.5, median_s=0.1)
    (payoff,) = payoffs(load([store([quick, compiled])]).table)
    assert payoff.sentence == "quick@numpy for 1 to 10 calls; compiled@numpy from call 11 on."


def test_missing_costs_are_no_points(store, record):
    table = load([store([record(peak_mib=None), record(strategy="b", peak_mib=2.0)])]).table
    (chart,) = work_precision(table)
    assert {series.strategy: series.x["peak_mib"] for series in chart.series} == {"hand-adjoint": [None], "b": [2.0]}


def test_only_contenders_on_the_front_are_emphasised(store, record):
    records = [record(strategy="good"), record(strategy="worse", median_s=1.0, error_hess=1e-3)]
    table = load([store(records)]).table
    (chart,) = work_precision(table)
    leads = {series.strategy: "median_s" in series.leads for series in chart.series}
    assert leads == {"good": True, "worse": False}


def test_a_scaling_chart_has_a_point_for_each_size(store, sizes):
    table = load([store(sizes({"a@numpy": lambda n: n**2}, (10, 20, 40)))]).table
    (chart,) = scaling(table)
    assert chart.series[0].x["median_s"] == [10, 20, 40] and chart.series[0].y["median_s"] == [100, 400, 1600]


def test_memory_is_shown_over_three_numbers_of_steps(store, record):
    records = [record(arguments=f'{{"periods": {k}}}', steps=100 * k, peak_mib=float(k)) for k in (1, 2, 4)]
    table = load([store([*records, record(strategy="once", steps=7)])]).table
    (chart,) = memory_against_steps(table)
    assert [series.name for series in chart.series] == ["hand-adjoint@numpy"]
    assert chart.series[0].y["steps"] == [1.0, 2.0, 4.0]


def test_the_papers_ratios_come_out(store, sizes):
    """With T_DP = N^3 and T_BP2 = N^4 / 10, the two ratios are N / 10 and 1 / 10."""
    planted = {"hand-adjoint@numpy": lambda n: n**3, "hand-adjoint-rows@numpy": lambda n: n**4 / 10}
    table = load([store(sizes(planted, (10, 50, 150), method="RK45", rtol=1e-5))]).table
    (chart,) = paper_charts(table)
    (series,) = chart.series
    assert series.y["ratio"] == pytest.approx([1.0, 5.0, 15.0]) and series.y["per-row"] == pytest.approx([0.1] * 3)


def test_a_framework_is_divided_by_numpy(store, sizes):
    planted = {"hand-adjoint@numpy": lambda n: n**3, "forward-over-reverse@jax": lambda n: 2 * n**3}
    table = load([store(sizes(planted, (10, 50), method="RK45", rtol=1e-5))]).table
    (chart,) = paper_charts(table)
    assert chart.key == "b" and chart.series[0].y["ratio"] == pytest.approx([2.0, 2.0])


def test_other_tolerances_are_not_the_papers_experiment(store, sizes):
    planted = {"hand-adjoint@numpy": lambda n: n**3, "hand-adjoint-rows@numpy": lambda n: n**4}
    table = load([store(sizes(planted, (10, 50), rtol=1e-6))]).table
    assert paper_charts(table) == []
