"""TensorFlow wants a process to itself: what is tested of it runs in one child, by `only_tensorflow.py` and the other files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hessbench import Unavailable, backends

HERE = Path(__file__).parent
FILES = [
    "only_tensorflow.py",
    "test_operators.py",
    "test_generated.py",
    "../benchmarks/test_overhead.py",
]


@pytest.mark.skipif(not backends.available("tensorflow"), reason="tensorflow is not installed")
def test_it_does_what_the_other_frameworks_do_in_a_process_of_its_own():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "tensorflow"]
    done = subprocess.run(
        [*command, *(str(HERE / name) for name in FILES)],
        env={
            **os.environ,
            "HESSBENCH_TEST_BACKEND": "tensorflow",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },  # some import torch
        capture_output=True,
        text=True,
        timeout=5000 if os.environ.get("HESSBENCH_SLOW") else 500,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 40


def test_it_is_refused_beside_jax_and_jax_is_still_chosen():
    pytest.importorskip("jax")
    if backends.available("tensorflow"):
        with pytest.raises(Unavailable, match=r"shares no process with jax.*compare PROBLEM -s STRATEGY@tensorflow"):
            backends.backend("tensorflow")
    assert "tensorflow" in backends.known(2, "vjp") and "tensorflow" not in backends.differentiating(2, "vjp")
    assert backends.differentiating(2, "vjp")[0] == "jax" and backends.shut_out("jax") is None


def test_a_backend_without_a_process_of_its_own_would_be_let_in(monkeypatch):
    """Planted: nothing is said to stand apart."""
    pytest.importorskip("jax")
    monkeypatch.setattr(backends.about("tensorflow"), "apart", ())
    assert backends.shut_out("tensorflow") is None
