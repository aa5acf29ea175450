"""Small tables for notebooks: `_repr_html_` of results and problems. All text is escaped, and long arrays are cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .._errors import Unavailable

MOST = 8  # rows and columns of an array
LONGEST = 200  # characters of a cell


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A title and rows of a name and what it is; a cell is text, or HTML where `array` made it."""
    body = "".join(f"<tr><th>{_text(name)}</th><td>{_cell(cell)}</td></tr>" for name, cell in rows)
    return f'<table class="hessbench"><caption>{_text(title)}</caption><tbody>{body}</tbody></table>'


def grid(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A title, a line of headings, and rows of text."""
    top = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    caption = f"<caption>{_text(title)}</caption>"
    return f'<table class="hessbench">{caption}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def frame(values: Any, names: list[str] | None = None) -> Any:
    """A pandas `DataFrame` of rows, or of a matrix with `names` of rows and columns. Raises `Unavailable` without pandas."""
    try:
        import pandas
    except ImportError:
        raise Unavailable("`to_frame` needs `pandas`: pip install pandas") from None
    return pandas.DataFrame(values, index=names, columns=names)


class Markup(str):
    """HTML that is not to be escaped again."""


def array(values: Any, names: Sequence[str] = ()) -> Markup:
    """A vector (n,) as one row or a matrix (n, n), with names of the unknowns, at most `MOST` of them."""
    values = np.asarray(values)
    matrix = np.atleast_2d(values)
    shown, more = matrix[:MOST, :MOST], matrix.shape[1] > MOST
    head = "".join(f"<th>{_text(name)}</th>" for name in names[:MOST])
    square = values.ndim == 2
    lines = [f"<tr>{'<th></th>' if square else ''}{head}{'<th>…</th>' if more else ''}</tr>"] if names else []
    for i, row in enumerate(shown):
        first = f"<th>{_text(names[i])}</th>" if square and names else ""
        numbers = "".join(f"<td>{value:.6g}</td>" for value in row)
        lines.append(f"<tr>{first}{numbers}{'<td>…</td>' if more else ''}</tr>")
    rest = f"<div>{MOST} of {matrix.shape[1]} shown</div>" if more else ""
    return Markup(f"<table>{''.join(lines)}</table>{rest}")


def unknowns(blocks: Mapping[str, slice]) -> tuple[str, ...]:
    """`k` for a number, `y0[0]`, `y0[1]`, ... for what has more than one."""
    out = []
    for name, at in blocks.items():
        count = at.stop - at.start
        out += [name] if count == 1 else [f"{name}[{i}]" for i in range(count)]
    return tuple(out)


def of_problem(problem: Any) -> str:
    """The table of a `Problem`, which is above this file."""
    rows = [
        ("states", f"{problem.dim}, from y0 = {number(problem.y0)}"),
        ("time span", f"{problem.t_span[0]:g} to {problem.t_span[1]:g}"),
        ("Hessian by", f"{', '.join(problem.wrt)}: {problem.x0.size} unknowns"),
        *((f"parameter {name}", number(value)) for name, value in problem.params.items()),
    ]
    if problem.written_in is not None:
        rows.append(("right-hand side", f"written in {problem.written_in}"))
    if problem.data is not None:
        rows.append(("data", f"at {len(problem.data.times)} times"))
    if problem.events:
        rows.append(("events", str(len(problem.events))))
    return table(f"Problem {problem.name}", rows)


def number(value: Any) -> str:
    """A number, or the shape of what holds more than `MOST` of them."""
    values = np.asarray(value, dtype=float)
    if values.size > MOST:
        return f"array of shape {values.shape}"
    return np.array2string(values, precision=6) if values.ndim else f"{float(values):.6g}"


def _text(text: str) -> str:
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _cell(cell: str) -> str:
    return cell if isinstance(cell, Markup) else _text(cell)
