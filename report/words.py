"""Numbers and lists as people write them."""

import html
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

from hessbench._measuring.statuses import status
from hessbench._storage.text import plain

from .columns import missing

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NOTHING = "–"


def meaning(name: str) -> str:
    """What a status says of a contender."""
    return status(name).meaning


def seconds(value: Any) -> str:
    """`38.2 ms`; three digits."""
    if missing(value):
        return NOTHING
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * scale >= 0.9995 or unit == "µs":
            return f"{_digits(value * scale)} {unit}"
    raise AssertionError


def error(value: Any) -> str:
    """`2.1 × 10⁻¹¹`; zero and infinity as such."""
    if missing(value):
        return NOTHING
    if value == 0 or math.isinf(value):
        return "0" if value == 0 else "∞"
    mantissa, exponent = f"{value:.1e}".split("e")
    return mantissa if int(exponent) == 0 else f"{mantissa} × {power(int(exponent))}"


def power(exponent: int) -> str:
    """`10⁻¹⁰`."""
    return "10" + str(exponent).translate(SUPERSCRIPT)


def tolerance(value: Any) -> str:
    """`10⁻¹⁰`, or `5 × 10⁻⁷` for what is no power of ten."""
    text = error(value)
    return text.removeprefix("1.0 × ")


def mib(value: Any) -> str:
    """`0.25 MiB`."""
    return NOTHING if missing(value) else "< 0.01 MiB" if value < 0.01 else f"{_digits(value)} MiB"


def count(value: Any) -> str:
    """`12 480`, thousands apart."""
    return NOTHING if missing(value) else f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def times(value: Any) -> str:
    """`3.2 ×`."""
    return (
        NOTHING
        if missing(value)
        else f"{value:.3g}\N{NO-BREAK SPACE}×"
        if value < 1000
        else f"{count(round(value))}\N{NO-BREAK SPACE}×"
    )


def percent(share: float) -> str:
    """`0.3 %`; zero as such."""
    return "0" if share == 0 else f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def off(error: Any) -> str:
    """How wrong a Hessian with a relative error is: `100 % off`, `60 times its size off`, `not finite`."""
    if missing(error) or not math.isfinite(error):
        return "not finite"
    return f"{percent(error)} off" if error < 10 else f"{error:.2g} times its size off"


def fold(ratio: float) -> str:
    """`8.2 times` or `7.0 times`; whole numbers from ten on."""
    return f"{ratio:.1f} times" if ratio < 9.95 else f"{count(round(ratio))} times"


def _digits(value: float) -> str:
    return f"{value:#.3g}".rstrip(".") if value < 1000 else count(round(value))


def title(label: str, arguments: str, dim: Any = None) -> str:
    """`three-body, start = figure-8, 12 states`."""
    name = label.partition("(")[0]
    known = json.loads(arguments or "{}")
    inner = [f"{key} = {value}" for key, value in sorted(known.items())]
    states = [] if missing(dim) or dim in known.values() else [f"{dim} states"]
    return ", ".join([name, *inner, *states])


def escape(text: str) -> str:
    """`text` as HTML shows it."""
    return html.escape(plain(text), quote=False)


def interval(value: float, low: float | None, high: float | None) -> str:
    """`2.95 [2.81, 3.08]`, or the value alone."""
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def span(write: Callable[[Any], str], low: Any, high: Any) -> str:
    """`write(low) to write(high)`, once if these are the same."""
    return write(low) if write(low) == write(high) else f"{write(low)} to {write(high)}"


def short(text: str, most: int = 90) -> str:
    """`text` up to a word before `most` characters."""
    text = plain(text)
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"


def listed(names: Iterable[str], most: int = 6) -> str:
    """`a, b and c`; lists of more than `most` end in a count."""
    names = list(names)
    if len(names) > most:
        kept = max(1, most - 1)
        names = [*names[:kept], f"{len(names) - kept} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def first(sentences: Iterable[str], most: int = 50) -> list[str]:
    """The first of many sentences, and how many more there are: a damaged file may have as many as it has lines."""
    known = list(sentences)
    more = len(known) - most
    return known if more <= 0 else [*known[:most], f"... and {more} more (`hessbench report --json` lists all)"]


def plural(number: int, noun: str) -> str:
    """`1 question`, `2 questions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
