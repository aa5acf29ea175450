"""Diagnostics and exceptions of the TCD tools: a message, a place, what was expected, a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True, slots=True)
class Pos:
    """A place in a program: line and column, both counted from 1."""

    line: int
    column: int


START = Pos(1, 1)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a program. `severity` is "error" or "warning", `code` a short stable word for its kind."""

    severity: str
    code: str
    message: str
    pos: Pos
    source_line: str = ""
    expected: str = ""
    suggestion: str = ""
    file: str = ""

    def render(self) -> str:
        """The diagnostic as text: place and message, the source line, a caret, what was expected, what to try."""
        where = f"{self.file}:" if self.file else ""
        lines = [f"{where}{self.pos.line}:{self.pos.column}: {self.severity}[{self.code}]: {self.message}"]
        if self.source_line.strip():
            # Tabs stay tabs in the caret line, so that the caret stands below its column.
            pad = "".join("\t" if c == "\t" else " " for c in self.source_line[: self.pos.column - 1])
            lines += [f"    {self.source_line}", f"    {pad}^"]
        if self.expected:
            lines.append(f"    expected: {self.expected}")
        if self.suggestion:
            lines.append(f"    try: {self.suggestion}")
        return "\n".join(lines)

    def as_dict(self) -> dict:
        """The diagnostic for `--json`: flat, with `line` and `column`."""
        fields = asdict(self)
        return {**{k: v for k, v in fields.items() if k != "pos"}, **fields["pos"]}


def locate(diagnostic: Diagnostic, source: str) -> Diagnostic:
    """The same diagnostic with the text of its line filled in from the program's source."""
    lines = source.split("\n")
    row = diagnostic.pos.line - 1
    return replace(diagnostic, source_line=lines[row].rstrip("\r") if 0 <= row < len(lines) else "")


class TcdError(Exception):
    """A program that cannot be parsed, run or derived; carries one `Diagnostic` with the place."""

    code = "error"

    def __init__(
        self, message: str, pos: Pos, *, code: str | None = None, expected: str = "", suggestion: str = ""
    ) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic("error", code or self.code, message, pos, "", expected, suggestion)

    @property
    def pos(self) -> Pos:
        """Where in the program."""
        return self.diagnostic.pos

    def locate(self, source: str) -> TcdError:
        """Fills in the source line; returns the error itself, to be raised."""
        self.diagnostic = locate(self.diagnostic, source)
        return self

    def __str__(self) -> str:
        return self.diagnostic.render()


class TcdSyntaxError(TcdError):
    """The text is not a TCD program."""

    code = "syntax"


class TcdRunError(TcdError):
    """A program met values it cannot work with: shapes, indices, an ODE that fails."""

    code = "run"


class TcdDeriveError(TcdError):
    """A construct that the derivation refuses."""

    code = "derive"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name closest to `name` as a suggestion, or the empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""
