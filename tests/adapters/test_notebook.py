"""What notebooks show of results and problems: well-formed, escaped, small."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np

import hessbench
from hessbench import Data, Problem, Result

from .closed_forms import X, decay


def cells(html):
    """All texts of a page that has to be well-formed."""
    return [text.strip() for text in ET.fromstring(html).itertext()]


def test_a_result_shows_its_numbers_under_the_names_of_the_unknowns():
    result = hessbench.hessian(decay(), X)
    shown = cells(result._repr_html_())
    assert shown.count("y0[0]") == 3 and shown.count("k") == 3  # of the gradient, of columns and of rows
    assert all(f"{value:.6g}" in shown for value in (*result.grad, *result.hess.ravel()))
    assert f"{result.value:.10g}" in shown


def test_what_a_result_says_is_shown_and_escaped():
    result = replace(
        Result(1.0, np.zeros(1), np.eye(1), note="a <b> & c"), warnings=("<script>alert(1)</script>",), error=2e-7
    )
    html = result._repr_html_()
    assert "<script" not in html and "<b>" not in html
    shown = cells(html)
    assert {"a <b> & c", "<script>alert(1)</script>", "2.0e-07"} <= set(shown)


def test_names_of_parameters_are_escaped_too():
    named = Problem("own", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0], {"<i>": 2.5})
    html = named._repr_html_()
    assert "<i>" not in html and {"parameter <i>", "2.5", "Problem own"} <= set(cells(html))


def test_large_things_stay_small():
    n = 500
    result = Result(0.0, np.ones(n), np.ones((n, n)), blocks={"y0": slice(0, n)}, shapes={"y0": (n,)})
    large = replace(decay(), y0=np.ones(n), params={"k": 0.6, "w": np.ones((40, 40))})
    for html in (result._repr_html_(), large._repr_html_()):
        assert len(html) < 6_000
        cells(html)
    assert "8 of 500 shown" in cells(result._repr_html_())
    assert "array of shape (40, 40)" in cells(large._repr_html_())


def test_a_problem_with_data_says_so():
    fit = Problem("fit", lambda xp, t, y, p: -y, None, (0.0, 2.0), [1.0],
                  data=Data([1.0, 2.0], [0.3, 0.1], residual=lambda xp, t, y, d, p: y[0] - d))  # fmt: skip
    shown = cells(fit._repr_html_())
    assert "at 2 times" in shown and "y0: 1 unknowns" in shown


def test_not_finite_numbers_are_shown():
    assert "nan" in cells(Result(float("nan"), np.array([np.nan]), np.array([[np.inf]]))._repr_html_())
