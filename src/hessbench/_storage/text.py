"""Text that others wrote - names, messages, notes - as data: shown as it is, whatever it holds.

An escape sequence of a terminal, a character that turns the direction of writing, or half of a surrogate pair is shown by
its code (`\\x1b`, `\\u202e`, `\\ud800`), as Python writes it, and never acts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

NAMED = 3  # names that are listed where they share a reason
SURROGATES = re.compile("[\ud800-\udfff]")
SPACES = re.compile("[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]+")
UNSEEN = re.compile(  # controls, marks of direction, what has no width, surrogates, tags; joiners of real scripts stay
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")  # what a spreadsheet would run; also in full width


def plain(text: object) -> str:
    """`text` in one line without anything that acts: line breaks and tabs are a space, unseen characters their code."""
    return UNSEEN.sub(_code, SPACES.sub(" ", str(text)))


def lines(text: object) -> str:
    """The same, with its line breaks."""
    return "\n".join(plain(line) for line in str(text).splitlines())


def encodable(text: str) -> str:
    """`text` with the halves of surrogate pairs, which no file can hold, written by their code."""
    return SURROGATES.sub(_code, text)


def tree(data: Any) -> Any:
    """JSON data with all its strings `plain`; keys are kept."""
    if isinstance(data, str):
        return plain(data)
    if isinstance(data, dict):
        return {key: tree(value) for key, value in data.items()}
    return [tree(value) for value in data] if isinstance(data, list | tuple) else data


def cut(text: object, most: int) -> str:
    """`plain` text of at most `most` characters; the middle of a longer one is left out, since names differ at both ends."""
    text = plain(text)
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return ", ".join(shown)


def seconds(s: float | None) -> str:
    """Seconds with a unit that suits their size; empty for `None`."""
    if s is None:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if s * scale >= 1 or unit == "us":
            return f"{s * scale:.3g} {unit}"
    raise AssertionError


def file_stem(text: object, most: int = 100) -> str:
    """A name of a file, without its ending, for anything: letters and digits stay; what is cut off is told by a digest."""
    text = str(text)
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in text).strip("-.") or "unnamed"
    if len(stem.encode()) <= most:
        return stem
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]
    return f"{stem.encode()[: most - 11].decode(errors='ignore')}-{digest}"


def cell(text: str) -> str:
    """`text` for a cell of a table that a spreadsheet opens: with a `'` before it if it would be taken for a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def uncell(text: str) -> str:
    """The inverse of `cell`."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def _code(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
