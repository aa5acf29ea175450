"""What `docs/data.md` shows runs as it stands, and its table names every family."""

import re
from pathlib import Path

import numpy as np

import hessbench

TEXT = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
(BLOCK,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_fit_in_ten_lines_ends_in_a_minimum(capsys):
    place = {}
    exec(BLOCK, place)
    result = place["result"]
    assert np.abs(result.grad).max() < 1e-6
    assert np.linalg.eigvalsh(result.hess)[0] > 0
    said = capsys.readouterr().out
    assert "alpha" in said and "log_alpha" not in said


def test_every_family_is_in_the_table():
    families = [
        c.__name__ for c in hessbench.Likelihood.__subclasses__() if c.__module__ == "hessbench._model.likelihood"
    ]
    assert len(families) == 5
    assert all(f"`{name}(" in TEXT for name in families)
