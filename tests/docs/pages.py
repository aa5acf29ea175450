"""The pages of the documentation, their commands and their blocks of Python, in the order in which they stand."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "generated" not in path.parts and "gallery" not in path.parts
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:hessbench \w[^`]*|python -m \w[^`]*))`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and its place among those of its kind there."""

    page: str
    kind: str
    text: str
    place: int


def blocks(kind: str) -> list[Block]:
    return [
        Block(page, kind, text, place)
        for page, whole in PAGES.items()
        for place, text in enumerate(text for found, text in FENCE.findall(whole) if found == kind)
    ]


def commands_of(text: str) -> list[str]:
    """Lines of the shell, without the remark behind them, in fenced blocks and in the text."""
    fenced = [
        line.partition("  #")[0] for kind, block in FENCE.findall(text) if kind == "sh" for line in block.splitlines()
    ]
    lines = [re.sub(r"\s#.*", "", line).strip() for line in fenced]
    return [line for line in (*lines, *INLINE.findall(FENCE.sub("", text))) if line]


COMMANDS = {page: commands_of(text) for page, text in PAGES.items()}
