"""The examples' own checks see a wrong Hessian, and each example is one that reads in a minute. `make docs` runs them all."""

import runpy
from dataclasses import replace

import matplotlib
import pytest

import hessbench

from .pages import ROOT

EXAMPLES = sorted((ROOT / "examples" / "gallery").glob("*.py"))


def run(name: str) -> None:
    matplotlib.use("Agg")
    runpy.run_path(str(ROOT / "examples" / "gallery" / f"{name}.py"))
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_checks_its_numbers(path):
    text = path.read_text()
    code = [line for line in text.partition('"""\n')[2].partition('"""')[2].splitlines() if line.strip()]
    assert 20 <= len([line for line in code if not line.startswith("#")]) <= 60
    assert "assert" in text and "plt.show()" in text


@pytest.mark.parametrize("name", ["own_ode", "bouncing_ball"])
def test_an_example_passes_its_checks(name):
    run(name)


@pytest.mark.parametrize("name", ["own_ode", "bouncing_ball"])
def test_an_example_sees_a_wrong_entry_of_the_hessian(name, monkeypatch):
    right = hessbench.hessian

    def wrong(*arguments, **options):
        result = right(*arguments, **options)
        hess = result.hess.copy()
        hess[0, -1] *= 1.01
        hess[-1, 0] *= 1.01
        return replace(result, hess=hess)

    monkeypatch.setattr(hessbench, "hessian", wrong)
    with pytest.raises(AssertionError):
        run(name)


def test_an_example_sees_a_wrong_covariance(monkeypatch):
    right = hessbench.hessian
    monkeypatch.setattr(
        hessbench, "hessian", lambda *a, **k: replace(r := right(*a, **k), gauss_newton=1.01 * r.gauss_newton)
    )
    with pytest.raises(AssertionError):
        run("data_fit")
