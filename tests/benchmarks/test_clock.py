"""A clock that stood still has measured nothing."""

import pytest

from hessbench import HessbenchError
from hessbench.costs import _times


@pytest.fixture
def common(root):
    from benchmarks import common

    return common


@pytest.fixture
def coarse(common, monkeypatch):
    """A clock of CPU time that moves at every third reading, by a tick."""
    readings = iter(range(10**9))
    monkeypatch.setattr(common.time, "process_time", lambda: next(readings) // 3 * 0.01)


def test_a_reading_of_zero_is_no_time(common, coarse):
    taken = [common.cpu_seconds(lambda: None) for _ in range(3)]
    assert taken == [[], [pytest.approx(0.01)], []]


def test_times_by_turns_hold_no_zero(common, coarse):
    for times in common.by_turns([lambda: None, lambda: None], 0.01):
        assert len(times) >= 5 and min(times) > 0


def test_a_clock_that_never_moves_is_an_error(monkeypatch):
    monkeypatch.setattr(_times, "process_time", lambda: 1.0)
    with pytest.raises(HessbenchError, match="stood still"):
        _times.best(lambda: None, repeats=1, at_least=1e-6)
