"""The repository's root, with `benchmarks` importable."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return ROOT
