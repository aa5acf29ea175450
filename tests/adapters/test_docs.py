"""What `docs/adapters.md` shows runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "adapters.md").read_text(), re.DOTALL)
NEEDS = ("jax", "torch")


def test_all_kinds_of_snippets_are_there():
    assert len(BLOCKS) == 10
    assert all(
        any(name in block for block in BLOCKS)
        for name in (*NEEDS, "hessbench_check", "pickle", "hessp=", "from_torch", "from_jax")
    )


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_snippet_runs(tmp_path, block):
    for name in NEEDS:
        if f"import {name}\n" in block:
            pytest.importorskip(name)
    if "to_frame" in block:
        pytest.importorskip("pandas")
    if "import pickle" in block:
        pytest.importorskip("cloudpickle")
    (tmp_path / "test_snippet.py").write_text(block)
    how = ["-m", "pytest", "-q"] if "def test_" in block else []
    done = subprocess.run([sys.executable, *how, "test_snippet.py"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    if "check_hessian" in block:
        confirmed, refused = done.stdout.splitlines()
        assert "confirm the Hessian" in confirmed and "is wrong" in refused
