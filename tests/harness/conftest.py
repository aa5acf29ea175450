import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from hessbench._plugins import describe, registry


@pytest.fixture
def write(tmp_path):
    """Write a Python file into the test's folder and return its path as a string."""

    def write_file(name: str, text: str) -> str:
        path: Path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An otherwise empty strategies folder."""
    there = tmp_path / "plugins"
    there.mkdir()
    spec = SimpleNamespace(submodule_search_locations=[str(there)])
    monkeypatch.setattr(registry, "find_spec", lambda name: spec)
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(describe, "_found", {})
    registry._listing.cache_clear()
    yield there
    registry._listing.cache_clear()
