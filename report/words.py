"""Numbers as people write them, and the verdict: sentences generated from the data."""

import json
import math
from collections.abc import Iterable
from typing import Any

from .columns import Table, missing
from .tables import UNRESOLVED, questions, ranking, slowdowns

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MEANING = {
    "ok": "right, and timed",
    "inaccurate": "close, but outside its declared accuracy",
    "wrong": "a wrong Hessian (error above 1 %)",
    "failed": "stopped with an error",
    "timeout": "stopped at the time limit",
    "unsupported": "refuses the problem",
    "unavailable": "a package is missing",
}
NOTHING = "–"


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
    return f"{mantissa} × {power(int(exponent))}"


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
    return NOTHING if missing(value) else f"{value:.3g} ×" if value < 1000 else f"{count(round(value))} ×"


def _digits(value: float) -> str:
    return f"{value:#.3g}".rstrip(".") if value < 1000 else count(round(value))


def title(label: str, arguments: str, dim: Any = None) -> str:
    """`three-body, start = figure-8, 12 states`."""
    name = label.partition("(")[0]
    known = json.loads(arguments or "{}")
    inner = [f"{key} = {value}" for key, value in sorted(known.items())]
    states = [] if missing(dim) or dim in known.values() else [f"{dim} states"]
    return ", ".join([name, *inner, *states])


def verdict(table: Table) -> list[str]:
    """What the whole table says, one sentence each."""
    total, ok, asked = len(table), int((table["status"] == "ok").sum()), questions(table)
    many = sum(len(tolerances) for _, tolerances in asked)
    out = [
        f"{table['contender'].nunique()} contenders were asked {plural(many, 'question')} (a problem at a tolerance): "
        f"{ok} of {total} answers are right, and only those have a time."
    ]
    summary = slowdowns(table)
    everywhere = summary[(summary["right"] == summary["asked"]) & (summary["right"] > 0)]
    if len(everywhere):
        first = everywhere.index[0]
        sentence = f"Right on every question: {listed(everywhere.index)}."
        if len(everywhere) > 1:
            slowdown = everywhere["slowdown"].iloc[0]
            average = "always the best time" if slowdown < 1.01 else f"on average {slowdown:.3g} times the best time"
            sentence += f" Of these {first} costs least: {average} of each question."
        out.append(sentence)
    for status, verb in (("wrong", "gives a wrong Hessian on"), ("inaccurate", "misses its declared accuracy on")):
        bad = table[table["status"] == status]
        for name, rows in bad.groupby("contender"):
            where = listed(sorted(rows["problem_label"].unique()))
            out.append(f"Avoid {name} where it matters: it {verb} {where} (error up to {error(rows['error'].max())}).")
    return out


def answer(table: Table, label: str, rtol: float) -> str:
    """The answer to one question in words."""
    rows = ranking(table, label, rtol)
    right = rows[rows["rank"].notna()]
    if right.empty:
        return "No contender gave a right Hessian here."
    best = right.iloc[0]
    out = f"Fastest: {best['contender']}, {seconds(best['median_s'])} at an error of {error(best['error'])}"
    near = right.iloc[1:][right["slower"].iloc[1:] < UNRESOLVED]["contender"]
    far = right[right["slower"] >= UNRESOLVED]
    if len(near):
        out += f"; {listed(near)} cannot be told from it (within a factor of {UNRESOLVED:g})"
    if len(far):
        out += f"; then {far['contender'].iloc[0]}, {far['slower'].iloc[0]:.3g} times slower"
    out += "."
    precise = right.loc[right["error"].idxmin()] if right["error"].notna().any() else best
    if precise["contender"] != best["contender"]:
        out += (
            f" Most precise: {precise['contender']}, error {error(precise['error'])} in {seconds(precise['median_s'])}."
        )
    once = right.loc[right["total_first_s"].idxmin()] if right["total_first_s"].notna().any() else best
    if once["contender"] != best["contender"]:
        out += f" For a single Hessian, compiling included: {once['contender']}, {seconds(once['total_first_s'])}."
    return out


def listed(names: Iterable[str]) -> str:
    """`a, b and c`; long lists end in a count."""
    names = list(names)
    if len(names) > 6:
        names = [*names[:5], f"{len(names) - 5} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def plural(number: int, noun: str) -> str:
    """`1 question`, `2 questions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
