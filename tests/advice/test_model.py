"""What records teach, and what they do not."""

import json
from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
from scipy import stats

from hessbench import HessbenchError
from hessbench._advice import model as module
from hessbench._advice.model import FEATURES, Known, Model, features, fitted, kind, observed, shipped, stretched
from hessbench._advice.probe import Shape
from hessbench._plugins.contenders import LIKELY

from .records import PROBE, STIFF, drawn, other, right

LAW = np.array([log(1e-6), 1.0, 0.0, 0.0, 0.5, 1.0, 0.5, 1.0, 0.0, 0.0, 0.0])


def taught(count, law=LAW, name="a"):
    rng = np.random.default_rng(1)
    out = []
    for seed in range(count):
        probe, shape = drawn(seed)
        seconds = exp(law @ features(probe, shape) + 0.1 * rng.standard_normal())
        out.append((probe, shape, right(name, seconds, error=10 * probe.rtol, first=0.5)))
    return out


def test_a_power_law_is_found_from_records():
    line = fitted(taught(300)).known["a@numpy"].lines["seconds"]
    np.testing.assert_allclose(line.mean[1:], LAW[1:], atol=0.1)
    probe, shape = drawn(999)
    assert line.at(features(probe, shape))[0] == pytest.approx(LAW @ features(probe, shape), abs=0.2)


def test_the_error_follows_the_tolerance():
    line = fitted(taught(100)).known["a@numpy"].lines["error"]
    shape = Shape(4, 3)
    loose, tight = (line.at(features(replace(PROBE, rtol=rtol), shape))[0] for rtol in (1e-5, 1e-10))
    assert loose - tight == pytest.approx(log(1e5), abs=0.5)


def test_a_strategy_with_few_records_takes_its_exponents_from_the_others():
    few = taught(2, LAW + np.array([3.0, *[0.0] * 10]), "b")
    line = fitted(taught(300) + few).known["b@numpy"].lines["seconds"]
    probe, shape = drawn(999)
    centre = line.at(features(probe, shape))[0]
    assert centre == pytest.approx(LAW @ features(probe, shape) + 3.0, abs=0.7)


@pytest.mark.parametrize("status", ["unsupported", "unavailable", "unjudged"])
def test_what_does_not_take_part_teaches_nothing(status):
    assert fitted([(PROBE, Shape(4, 3), other("a", status))]).known == {}


@pytest.mark.parametrize("status", ["wrong", "inaccurate", "failed", "timeout"])
def test_what_goes_wrong_lowers_the_chance_on_problems_of_its_kind(status):
    rows = taught(20)
    before = fitted(rows).known["a@numpy"]
    after = fitted(rows + [(STIFF, Shape(4, 3), other("a", status))] * 5).known["a@numpy"]
    assert after.chance("stiff") < 0.5 < 0.9 < after.chance("smooth") and before.chance("smooth") > 0.9


def test_what_failed_has_no_times():
    assert observed(other("a", "failed")) == {}
    assert observed(replace(right("a"), status="wrong")) == {}
    assert observed(right("a", seconds=2.0, first=3.0))["first"] == pytest.approx(log(3.0))


def test_kinds():
    assert kind(STIFF, Shape(4, 3, 5)) == "stiff"
    assert kind(PROBE, Shape(4, 3, 5)) == "pieces" and kind(PROBE, Shape(4, 3)) == "smooth"


@pytest.mark.parametrize(
    "unknown",
    [{"operations": None}, {"steps": None}, {"rough": None, "steps": None}, {"growth": None}, {"stability": None}],
)
def test_what_was_not_found_out_still_gives_numbers(unknown):
    assert np.all(np.isfinite(features(replace(PROBE, **unknown), Shape(4, 3))))


@pytest.mark.parametrize("extreme", [{"growth": 0.0}, {"growth": 1e300}, {"steps": 10**15}, {"stability": 1e300}])
def test_extreme_probes_stay_in_bounds(extreme):
    assert np.abs(features(replace(PROBE, **extreme), Shape(4, 3))).max() < 25


def test_the_shipped_model_knows_the_likely_strategies_and_where_it_is_from():
    found = shipped()
    assert set(LIKELY) <= set(found.known)
    assert "records" in found.origin and len(found.digest) == 16
    for one in found.known.values():
        assert set(one.lines) == set(module.TARGETS) and all(
            line.mean.size == len(FEATURES) for line in one.lines.values()
        )
        assert all(np.linalg.eigvalsh(line.covariance)[0] > 0 for line in one.lines.values())


def test_a_model_survives_json():
    made = fitted(taught(5), "from here", "abc", ["sir"])
    again = Model.from_json(json.loads(json.dumps(made.to_json())))
    assert (again.origin, again.hardware) == ("from here", "abc") and set(again.yardstick) == {"a@numpy sir"}
    row = features(*drawn(3))
    one, other = (m.known["a@numpy"].lines["first"].at(row)[0] for m in (again, made))
    assert one == pytest.approx(other, abs=1e-3)


@pytest.mark.parametrize(
    "damage", [{"features": ["one"]}, {"known": {"a@numpy": {}}}, {"known": [1]}, {"origin": 1, "known": None}]
)
def test_a_damaged_model_is_an_error(damage):
    with pytest.raises(HessbenchError, match="no model of the advisor's"):
        Model.from_json({**fitted(taught(2)).to_json(), **damage})


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "model.json").write_text('{"features": [')
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "model.json")
    shipped.cache_clear()
    try:
        with pytest.raises(HessbenchError, match=r"model\.json is damaged"):
            shipped()
    finally:
        shipped.cache_clear()


def strange(families):
    """Records of families of problems each of which takes longer or shorter by a factor that no feature explains."""
    rng, out = np.random.default_rng(3), []
    for k, (probe, shape, record) in enumerate(taught(8 * families)):
        name = f"family-{k % families}"
        factor = exp(3 * np.random.default_rng(k % families).standard_normal())
        out.append(
            (probe, shape, replace(record, problem=name, best_s=record.best_s * factor * exp(0.01 * rng.normal())))
        )
    return out


def test_intervals_of_problems_that_no_law_describes_are_stretched_until_they_hold():
    rows = strange(10)
    assert stretched(rows)["seconds"] > 1.3
    held = []
    for family in {r.problem for _, _, r in rows}:
        others = [row for row in rows if row[2].problem != family]
        line, wider = fitted(others).known["a@numpy"].lines["seconds"], stretched(others)["seconds"]
        for probe, shape, record in rows:
            if record.problem == family:
                centre, scale, freedom = line.at(features(probe, shape))
                held.append(abs(log(record.best_s) - centre) <= wider * scale * stats.t.ppf(0.95, freedom))
    assert np.mean(held) > 0.75


def test_intervals_that_hold_are_left_as_they_are():
    rows = [(p, s, replace(r, problem=f"p{k % 10}")) for k, (p, s, r) in enumerate(taught(100))]
    assert 1.0 <= stretched(rows)["seconds"] < 1.2


def test_nothing_known_is_a_coin():
    assert Known({}, {}).chance("smooth") == 0.5
