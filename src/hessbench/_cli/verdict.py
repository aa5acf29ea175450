"""What a comparison says in words: which contender to use, which ones are wrong, and who did not take part."""

from __future__ import annotations

from collections.abc import Sequence

from .._measuring.record import MISTAKE, Record
from .._plugins.contenders import contenders
from .._storage.text import seconds, some
from .table import first_call, in_order, label

NEAR = 1.05  # times as slow or as inaccurate as the best: nothing to say


def verdict(records: Sequence[Record]) -> list[str]:
    """Sentences on the records of one problem, one paragraph each."""
    right = [r for r in in_order(records) if r.status == "ok" and r.median_s is not None and r.error is not None]
    said = [*_best(right)] if right else [_none(records)]
    for status, words in (("wrong", "Wrong here"), ("inaccurate", "Not as accurate as they declare")):
        names = [label(r) for r in records if r.status == status]
        if names:
            said.append(f"{words}: {some(names)}.")
    return said


def _best(right: Sequence[Record]) -> list[str]:
    """On the right ones, the fastest first."""
    best = right[0]
    said = [
        f"Fastest right one: {label(best)}, {seconds(best.median_s)} at an error of {best.error:.1e}{_next(right)}."
    ]
    exact = min(right, key=lambda r: (r.error, r.median_s))
    if exact is not best and best.error > NEAR * exact.error:  # type: ignore[operator]
        said.append(
            f"Most accurate: {label(exact)}, {exact.error:.1e}, {_times(exact.median_s, best.median_s)} as slow."
        )
    once = min(right, key=lambda r: first_call(r) or float("inf"))
    alone, of_best = first_call(once), first_call(best)
    if once is not best and alone and of_best and of_best > NEAR * alone:
        told = f"{seconds(alone)} with its preparation, where {label(best)} takes {seconds(of_best)}"
        said.append(f"For one Hessian only: {label(once)}, {told}.")
    if ".py" not in best.strategy:
        said.append(f'In Python: hessbench.hessian(problem, strategy="{label(best)}", rtol={best.rtol:g})')
    return said


def _next(right: Sequence[Record]) -> str:
    """How the fastest one compares with the next."""
    if len(right) == 1:
        return ""
    best, second = right[:2]
    if best.ci_high_s is not None and second.ci_low_s is not None and second.ci_low_s <= best.ci_high_s:
        return f"; within the noise {label(second)} is as fast"
    return f"; the next, {label(second)}, takes {_times(second.median_s, best.median_s)} as long"


def _times(a: float | None, b: float | None) -> str:
    assert a is not None and b is not None
    return f"{a / b:.2g} times" if a / b < 100 else f"{a / b:.0f} times"


def _none(records: Sequence[Record]) -> str:
    """Why there is no best one."""
    if any(r.status == "unjudged" for r in records):
        return "None can be called right: there is no reference to judge them by (why: above)."
    stopped = sum(r.diagnosis == MISTAKE for r in records)
    why = f": a mistake in the problem's code stops {stopped} of them (its line: above)" if stopped else ""
    return f"None of {len(records)} contenders is right and in time here{why}."


def left_out(taken: int) -> str:
    """Who did not take part by default, and which option brings them."""
    others = len(contenders()) - taken
    return f"Left out: {others} slower ways and variants, by torch and autograd among others (--all, or -s NAME)."
