"""Programs inside LaTeX: each `verbatim` block that follows a comment line `%%%% TCD-DSL-EQUATION`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARKER = re.compile(r"^%%%% TCD-DSL-EQUATION(?P<unchecked>:unchecked)?[^\n]*\n", re.MULTILINE)
_BLOCK = re.compile(r"(?:\s|%[^\n]*\n)*\\begin\{verbatim\}(?P<body>.*?)\\end\{verbatim\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A program in a LaTeX file. `line` is where its text begins; `text` is padded with empty lines up to there, so
    that positions in it are positions in the file. `checked` is false where the author marked it `:unchecked`."""

    line: int
    text: str
    checked: bool


def extract(latex: str) -> tuple[list[Block], list[int]]:
    """The programs of a LaTeX file in order, and the lines of markers that no complete `verbatim` block follows."""
    blocks: list[Block] = []
    lonely: list[int] = []
    for marker in _MARKER.finditer(latex):
        block = _BLOCK.match(latex, marker.end())
        if block is None:
            lonely.append(latex.count("\n", 0, marker.start()) + 1)
            continue
        start = block.start("body")
        row = latex.count("\n", 0, start)
        column = start - (latex.rfind("\n", 0, start) + 1)
        padded = "\n" * row + " " * column + block["body"]
        blocks.append(Block(row + 1, padded, marker["unchecked"] is None))
    return blocks, lonely
