"""Every example of docs/tcd.md is run by the command in its first line, and prints what stands under it."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hessbench.tcd.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "tcd.md").read_text()
EXAMPLES = re.findall(r"```tcd\n(# hessbench tcd ([^\n]*)\n.*?)```\n```text\n(.*?)```\n", PAGE, re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]\d+)?")


def rounded(text):
    """Numbers to 9 decimals, so that the last bits of another machine do not matter."""
    return NUMBER.sub(lambda m: f"{round(float(m.group()), 9) + 0.0:g}", re.sub(r"[\s\[\]]+", " ", text))


def test_every_program_of_the_page_is_an_example():
    assert len(EXAMPLES) == PAGE.count("```tcd\n") >= 14


@pytest.mark.parametrize(("program", "command", "output"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_example_prints_what_the_page_says(program, command, output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "example.tcd").write_text(program)
    result = CliRunner().invoke(app, shlex.split(command))
    exact = not command.startswith("run")
    assert (result.output.strip() == output.strip()) if exact else (rounded(result.output) == rounded(output))
