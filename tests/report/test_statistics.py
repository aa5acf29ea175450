"""Statistics against laws that were planted: what is there is found, and noise alone is not."""

import math

import numpy as np
import pytest

from hessbench.report.statistics import asymptotic, cheapest_by_calls, crossover, mean_ratio, power_law

SIZES = np.array([10.0, 20, 30, 50, 70, 100, 150])


def noise(seed, scatter, n=7):
    return np.exp(scatter * np.random.default_rng(seed).standard_normal(n))


@pytest.mark.parametrize("exponent", [0.0, 1.0, 3.0, 4.5])
def test_an_exact_power_law_is_recovered(exponent):
    law = power_law(SIZES, 3e-6 * SIZES**exponent)
    assert law.exponent == pytest.approx(exponent, abs=1e-10) and law.factor == pytest.approx(3e-6)


def test_the_interval_of_an_exact_law_has_no_width():
    law = power_law(SIZES, SIZES**3)
    assert law.high - law.low < 1e-9


@pytest.mark.parametrize("sizes", [SIZES, np.geomspace(40, 160, 4)])
def test_the_interval_covers_the_exponent_at_its_level(sizes):
    laws = [power_law(sizes, sizes**2 * noise(seed, 0.1, len(sizes)), seed=seed) for seed in range(400)]
    covered = np.mean([law.low <= 2.0 <= law.high for law in laws])
    assert 0.91 <= covered <= 0.985  # 0.95 is stated; 400 trials scatter by 0.011


def test_the_interval_of_an_exponent_misses_another_one():
    laws = [power_law(SIZES, SIZES**2 * noise(seed, 0.03), seed=seed) for seed in range(100)]
    assert np.mean([law.low <= 3.0 <= law.high for law in laws]) < 0.01


def test_a_constant_overhead_does_not_spoil_the_exponent():
    costs = 1e-3 + 1e-6 * SIZES**3  # flat at 10, a cube at 150
    assert power_law(SIZES, costs).exponent == pytest.approx(3.0, abs=0.15)


def test_the_window_does_not_look_below_a_quarter_of_the_largest_size():
    assert SIZES[asymptotic(SIZES)].tolist() == [50, 70, 100, 150]


def test_the_window_holds_the_four_largest_when_sizes_are_sparse():
    assert asymptotic([1, 10, 100, 1000, 10000]).tolist() == [False, True, True, True, True]


def test_two_sizes_are_no_law():
    assert power_law([10, 20], [1.0, 2.0]) is None


def test_three_sizes_have_no_interval():
    assert power_law([10, 20, 40], [1.0, 2.0, 4.1]).low is None


def test_the_order_of_the_sizes_does_not_matter():
    costs = SIZES**2 * noise(0, 0.1)
    assert power_law(SIZES[::-1], costs[::-1]) == power_law(SIZES, costs)


def test_a_planted_crossover_is_found():
    found = crossover(SIZES, SIZES**3 * noise(1, 0.05), 40 * SIZES**2 * noise(2, 0.05))
    assert found.at == pytest.approx(40, rel=0.1) and found.low < 40 < found.high


def test_a_crossover_is_between_sizes_where_the_order_is_resolved():
    found = crossover(SIZES, SIZES**3, 40 * SIZES**2)
    assert (found.low, found.high) == (pytest.approx(20), pytest.approx(70))


def test_curves_that_do_not_cross_have_no_crossover():
    assert crossover(SIZES, SIZES**3, 1e-3 * SIZES**2) is None


def test_the_second_must_be_the_dearer_at_first():
    assert crossover(SIZES, 40 * SIZES**2, SIZES**3) is None


@pytest.mark.parametrize("n", [5, 7, 12])
@pytest.mark.parametrize("scatter", [0.02, 0.2, 1.0])
def test_noise_alone_gives_no_crossover(scatter, n):
    sizes = np.geomspace(10, 150, n)
    found = [crossover(sizes, sizes * noise(s, scatter, n), sizes * noise(9999 + s, scatter, n)) for s in range(300)]
    assert sum(f is not None for f in found) <= 3


def test_the_cheapest_changes_when_compiling_has_paid_off():
    compiled, plain = 10.0, 1.1  # 10 + 0.1 (k - 1) < 1.1 + 1.0 (k - 1) from k = 11 on: 11.0 < 11.1
    assert cheapest_by_calls([plain, compiled], [1.0, 0.1]) == [(0, 1), (1, 11)]


def test_the_cheapest_by_calls_agrees_with_adding_up():
    rng = np.random.default_rng(3)
    first, each = rng.uniform(0.1, 30, 12), rng.uniform(0.01, 1.0, 12)
    turns = cheapest_by_calls(first.tolist(), each.tolist())
    for calls in range(1, 200):
        who = [i for i, since in turns if since <= calls][-1]
        assert first[who] + each[who] * (calls - 1) <= (first + each * (calls - 1)).min() + 1e-12


def test_one_that_is_faster_from_the_first_call_needs_no_calls_to_pay_off():
    assert cheapest_by_calls([1.0, 2.0], [0.1, 0.2]) == [(0, 1)]


def test_a_planted_ratio_is_recovered():
    found = mean_ratio(1.3 * noise(4, 0.1, 30))
    assert found.low < 1.3 < found.high and found.differs()


def test_the_interval_of_a_mean_covers_it_at_its_level():
    found = [mean_ratio(noise(seed, 0.2, 8), seed=seed) for seed in range(400)]
    assert 0.91 <= np.mean([r.low <= 1.0 <= r.high for r in found]) <= 0.99


def test_noise_alone_is_no_change():
    found = [mean_ratio(noise(seed, 0.2, 8), seed=seed) for seed in range(200)]
    assert sum(r.differs() for r in found) <= 6


def test_a_few_pairs_have_no_interval_and_are_no_change():
    found = mean_ratio([9.0, 9.0, 9.0])
    assert found.low is None and not found.differs() and found.mean == pytest.approx(9.0)


def test_a_mean_of_ratios_is_geometric():
    assert math.isclose(mean_ratio([0.5, 2.0]).mean, 1.0)
