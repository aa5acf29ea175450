import textwrap
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path):
    """Write a Python file into the test's folder and return its path as a string."""

    def write_file(name: str, text: str) -> str:
        path: Path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write_file
