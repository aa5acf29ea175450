"""`hessbench orbit ...` prints what the library computes."""

import json

import pytest
from typer.testing import CliRunner

from hessbench import HessbenchError
from hessbench.orbits.cli import app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_names_every_orbit_with_its_source():
    rows = json.loads(run("list", "--json"))
    assert {"figure-8", "simo", "butterfly-i", "arenstorf-1"} <= rows.keys()
    assert all(row["source"] for row in rows.values())


def test_find_reports_the_closure():
    assert json.loads(run("find", "figure-8", "--json"))["closure"] <= 1e-12


def test_analyse_names_the_directions():
    names = [d["name"] for d in json.loads(run("analyse", "figure-8", "--json"))["directions"]]
    assert names[:4] == ["translation x", "translation y", "rotation", "time shift"]


def test_simo_arrives():
    walk = json.loads(run("simo", "--method", "gauss-newton", "--json"))["walks"][0]
    assert walk["where"] == "simo"
    assert walk["difference_from_simo"] < 1e-10


def test_simo_says_when_it_fell_back():
    assert "back at the figure-8" in run("simo", "--step", "-0.016", "--method", "gauss-newton")


def test_determinants_are_printed_with_the_largest_error():
    assert "largest relative error" in run("determinants")


def test_kepler_page_is_printed():
    assert "closed form" in run("kepler", "--periods", "2")


def test_family_is_a_table():
    rows = json.loads(run("family", "simo", "--parameter", "mass", "--to", "1.002", "-n", "2", "--json"))["members"]
    assert [row["value"] for row in rows] == [1.0, 1.002]


def test_figures_are_written(tmp_path):
    run("kepler", "--periods", "2", "--out", str(tmp_path))
    assert {p.suffix for p in tmp_path.iterdir()} == {".png", ".svg"}


def test_unknown_orbit_is_an_error_with_a_hint():
    with pytest.raises(HessbenchError, match="Did you mean"):
        run("find", "figure-9")


PICTURES = [
    ("analyse", "figure-8"),
    ("simo", "--method", "gauss-newton"),
    ("family", "simo", "--parameter", "mass", "--to", "1.002", "-n", "2"),
]


@pytest.mark.parametrize("command", PICTURES, ids=lambda command: command[0])
def test_every_picture_shows_something(command, tmp_path):
    """Each raster picture has more colours on it than a frame with its axes, not an empty frame; vectors hold paths."""
    from PIL import Image

    run(*command, "--out", str(tmp_path))
    written = {path.suffix: path for path in tmp_path.iterdir()}
    assert {".png", ".svg"} <= written.keys()
    for path in tmp_path.iterdir():
        if path.suffix == ".svg":
            assert path.read_text(encoding="utf-8").count("<path") > 5
        else:
            with Image.open(path) as picture:
                assert min(picture.size) > 100 and len(picture.convert("RGB").getcolors(2**24)) > 8
