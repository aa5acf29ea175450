"""Power laws are found again, with intervals that hold what they say."""

import json

import numpy as np
import pytest
from scipy import stats

from hessbench._advice.regression import Line, prior

TRUE = np.array([1.0, -0.5, 2.0])


def data(count, scatter, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([np.ones(count), rng.normal(size=(count, 2))])
    return rows, rows @ TRUE + scatter * rng.standard_normal(count)


def test_coefficients_are_found():
    line = prior(np.zeros(3), np.ones(3), 0.5).learnt(*data(4000, 0.1))
    np.testing.assert_allclose(line.mean, TRUE, atol=0.02)
    assert np.sqrt(line.b / line.a) == pytest.approx(0.1, rel=0.1)


def test_learning_at_once_and_one_by_one_is_the_same():
    rows, values = data(7, 0.3)
    once = prior(np.zeros(3), np.ones(3), 0.5).learnt(rows, values)
    one = prior(np.zeros(3), np.ones(3), 0.5)
    for row, value in zip(rows, values, strict=True):
        one = one.learnt(row[None], np.array([value]))
    np.testing.assert_allclose(one.mean, once.mean, rtol=1e-10)
    np.testing.assert_allclose(one.covariance, once.covariance, rtol=1e-10)
    assert (one.a, one.b) == (once.a, pytest.approx(once.b))


def test_the_evidence_of_one_observation_is_the_density_that_was_predicted():
    """`p(y) p(s^2 | y) = p(s^2) p(y | s^2)` at any s, for one coefficient: it fixes every constant of the update."""
    before, y, x, s2 = prior([0.3], [0.7], 0.5), 1.7, np.array([1.4]), 0.37
    after = before.learnt(x[None], np.array([y]))
    centre, scale, freedom = before.at(x)
    marginal = np.sqrt(s2 * (1 + x @ before.covariance @ x))
    left = stats.t.pdf(y, freedom, centre, scale) * stats.invgamma.pdf(s2, after.a, scale=after.b)
    right = stats.norm.pdf(y, centre, marginal) * stats.invgamma.pdf(s2, before.a, scale=before.b)
    assert left == pytest.approx(right, rel=1e-10)


def test_intervals_hold_as_often_as_they_say():
    inside = 0
    for seed in range(400):
        rows, values = data(9, 0.5, seed)
        centre, scale, freedom = prior(np.zeros(3), 2 * np.ones(3), 0.5).learnt(rows[:8], values[:8]).at(rows[8])
        inside += abs(values[8] - centre) <= scale * stats.t.ppf(0.95, freedom)
    assert 0.86 <= inside / 400 <= 0.94


def test_nothing_learnt_leaves_what_was_known():
    before = prior(np.ones(3), np.ones(3), 0.5)
    after = before.learnt(np.zeros((0, 3)), np.zeros(0))
    np.testing.assert_allclose(after.mean, before.mean)
    assert after.a == before.a and after.b == pytest.approx(before.b)


def test_it_survives_json():
    line = prior(np.zeros(3), np.ones(3), 0.5).learnt(*data(5, 0.3))
    again = Line.from_json(json.loads(json.dumps(line.to_json())))
    np.testing.assert_allclose(again.covariance, line.covariance, rtol=1e-5)
    np.testing.assert_allclose(again.at(np.ones(3)), line.at(np.ones(3)), rtol=1e-4)


@pytest.mark.parametrize("damage", [{"mean": ["a"]}, {"covariance": [1.0]}, {"a": None}])
def test_damage_is_an_error(damage):
    with pytest.raises((ValueError, TypeError)):
        Line.from_json({**prior(np.zeros(3), np.ones(3), 0.5).to_json(), **damage})
