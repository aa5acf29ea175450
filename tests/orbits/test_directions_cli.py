"""`hessbench directions` prints, writes and draws what the library computes."""

import json

import pytest
from typer.testing import CliRunner

from hessbench import InvalidInput
from hessbench._cli import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["directions", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_directions_of_a_file_are_named_followed_and_drawn(tmp_path):
    file = tmp_path / "two_body.py"
    file.write_text(
        "import numpy as np\nfrom hessbench import Problem\n\n"
        "def rhs(xp, t, y, p):\n    r2 = xp.sum(y[:2] * y[:2])\n"
        "    return xp.concatenate([y[2:], -y[:2] / (r2 * xp.sqrt(r2))])\n\n"
        "problem = Problem('two-body', rhs, lambda xp, y0, y1, p: xp.sum((y1 - y0) ** 2), (0.0, 2 * np.pi),\n"
        "                  np.array([0.5, 0.0, 0.0, 3**0.5]), autonomous=True)\n"
    )
    text = run(str(file), "--want", "y0[0]=+0.01", "--out", str(tmp_path / "out"))
    assert "rotation" in text and "null, by no symmetry tested" in text and "constrained minimum" in text
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"directions-two-body.png", "directions-two-body.svg"}
    assert (tmp_path / "out" / "directions-two-body.svg").read_text(encoding="utf-8").count("<path") > 10


def test_json_holds_everything_and_only_numbers_that_json_has():
    out = json.loads(run("harmonic-oscillator", "-n", "1", "--want", "y0[0]=0.1", "--json"), parse_constant=pytest.fail)
    assert [d["kind"] for d in out["directions"]] and out["adjusted"]["converged"]


def test_few_directions_are_printed_of_many():
    text = run("harmonic-oscillator", "-n", "1", "--set", "omega=[1.0]", "--most", "2")
    assert "not shown" not in text
    text = run("harmonic-oscillator", "-n", "2", "--most", "2")
    assert "2 of 4 directions are not shown" in text


def test_bad_input_is_an_error():
    with pytest.raises(InvalidInput, match="at least 2"):
        run("kepler", "--most", "1")
    with pytest.raises(InvalidInput, match="There is no problem"):
        run("keppler")
