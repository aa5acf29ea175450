"""The advice in words: what to use, why, what it costs, when another is better, and who refuses."""

from __future__ import annotations

from collections.abc import Sequence

from .._measuring.record import MISTAKE, Record
from .._storage.text import cut, plain, seconds, some
from .model import COVERED
from .predict import Interval, Prediction
from .probe import Probe
from .race import cost, first, is_right, label, pays_from

NEAR = 1.05  # times as slow: nothing to tell apart
LONGEST = 160  # characters of another's reason
MANY = 1e9  # Hessians that nobody asks for
HEAD = ("", "strategy", "tried", "time", "expected", "first", "error")
DROPPABLE = ("error", "first")  # for want of room, the last one first
UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6))
LEGEND = "time: measured; expected, first (with preparation) and errors with ~: predicted"


def span(interval: Interval | None) -> str:
    """`1-4 ms`: where a time is expected."""
    if interval is None:
        return ""
    unit, scale = next((u for u in UNITS if interval.middle * u[1] >= 1), UNITS[-1])
    return "-".join(f"{float(f'{end * scale:.2g}'):.6g}" for end in (interval.low, interval.high)) + f" {unit}"


def cells(predictions: Sequence[Prediction], records: Sequence[Record], best: Record | None) -> list[list[str]]:
    """Rows in the columns `HEAD` of the strategies that take part; `best` is marked."""
    measured = {label(r): r for r in records}
    rows = []
    for p in predictions:
        r = measured.get(p.label)
        if p.status and r is None:
            continue
        error = "" if p.error is None else f"~{p.error.middle:.0e}"
        once = "" if p.first is None else seconds(p.first.middle)
        if r is not None and r.best_s is not None:
            error, once = "" if r.error is None else f"{r.error:.0e}", seconds(first(r))
        rows.append([
            "*" if r is not None and r is best else "",
            p.label,
            "" if r is None else r.status,
            "" if r is None else seconds(r.best_s),
            span(p.seconds),
            once,
            error,
        ])  # fmt: skip
    return rows


def paragraphs(
    probe: Probe,
    predictions: Sequence[Prediction],
    records: Sequence[Record],
    order: Sequence[Record],
    calls: int | None,
    accuracy: float | None,
    origin: tuple[str, str],
    compiler: list[str] | None,
) -> list[str]:
    """The advice, one paragraph each; `order` are the right ones of `records`, the best first."""
    said = [about(probe)]
    if order:
        said += [*best(order, calls), reason(probe, order[0])]
        said += others(order, calls)
    else:
        said.append(none(records, accuracy))
    said += failed(records, accuracy)
    said += refused(predictions)
    if compiler is None:
        said.append(
            "There is no C compiler here: compiled strategies run in NumPy, many times slower. Install gcc or clang."
        )
    if order:
        said.append(expected(predictions, records, *origin))
    return said


def about(p: Probe) -> str:
    """The problem in two sentences."""
    parts = [f"{p.states} states, Hessian by {p.unknowns} unknowns ({', '.join(p.wrt)})"]
    if p.data_times:
        parts.append(f"data at {p.data_times} times")
    if p.events:
        parts.append(f"{p.events} kinds of events")
    if p.switches:
        parts.append(f"{p.switches} switches that the unknowns move")
    if (p.pieces or 1) > 1:
        parts.append(f"{p.pieces} smooth pieces")
    more = []
    if p.operations is not None and p.nonzeros is not None:
        share = p.nonzeros / p.states**2
        more.append(f"{p.operations} operations in the right-hand side, {100 * share:.0f} % of its Jacobian not zero")
    if p.steps is not None and not p.stiff:
        more.append(f"{p.steps} steps of order 8 at rtol {p.rtol:g}")
    if p.growth is not None:
        near = 1 / NEAR < p.growth < NEAR
        grown = f"grows {times(p.growth)} times" if p.growth > 1 else f"shrinks to {p.growth:.2g} of it"
        more.append(f"a small change of the start {'keeps its size' if near else grown}")
    text = f"{p.name}: {', '.join(parts)}."
    text += f" {upper(', '.join(more))}." if more else ""
    text += f" Not found out: {'; '.join(cut(part, LONGEST) for part in p.unknown)}." if p.unknown else ""
    return text


def times(ratio: float) -> str:
    """Two digits, or a whole number."""
    return f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}"


def upper(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def best(order: Sequence[Record], calls: int | None) -> list[str]:
    """What to use and what it costs."""
    one = order[0]
    text = (
        f"Use {label(one)}: {seconds(one.best_s)} a Hessian, {seconds(first(one))} for the first with its preparation"
    )
    if calls is not None and calls > 1:
        text += f", {seconds(cost(one, calls))} for {calls}"
    text += f"; its error is {one.error:.1e}"
    text += "." if one.peak_mib is None else f", and it takes {max(one.peak_mib, 0.1):.1f} MiB."
    said = [text]
    if ".py" not in one.strategy:
        said.append(f'In Python: hessbench.hessian(problem, strategy="{label(one)}", rtol={one.rtol:g})')
    return said


def reason(p: Probe, one: Record) -> str:
    """Why, from what the problem is like."""
    counts = ""
    if p.stability is not None and p.rough is not None:
        counts = f": stability asks for some {p.stability:.0f} explicit steps, accuracy for some {p.rough}"
    if p.stiff:
        return f"The problem is stiff{counts}. Implicit steps pay off, or an explicit method pays with its many steps."
    text = f"The problem is not stiff{counts}, so that explicit steps do."
    if (p.pieces or 1) > 1 and one.strategy.partition("/")[0] != "discrete-adjoint":
        text += f" Most strategies go over its {p.pieces} pieces one by one."
    return text


def others(order: Sequence[Record], calls: int | None) -> list[str]:
    """How the next ones compare, and for how many calls they are better."""
    one, said = order[0], []
    if len(order) > 1:
        ratio = cost(order[1], calls) / cost(one, calls)
        told = "is as good" if ratio < NEAR else f"takes {times(ratio)} times as long"
        many = f" for {calls}" if calls is not None and calls > 1 else ""
        said.append(f"The next of those that were tried, {label(order[1])}, {told}{many}.")
    for other in order[1:]:
        later, until = pays_from(other, one), pays_from(one, other)
        if later is not None and calls is not None and calls < later < MANY:
            said.append(f"From {later} Hessians on, {label(other)} costs less ({seconds(other.best_s)} each).")
        elif until is not None and 1 < until < MANY:
            paid = f"{seconds(first(other))} for the first"
            said.append(f"For fewer than {until} Hessians, {label(other)} costs less ({paid}).")
    exact = min(order, key=lambda r: r.error or 0.0)
    if exact is not one and (exact.error or 0.0) * 10 < (one.error or 0.0):
        said.append(
            f"Ten times as accurate or more: {label(exact)}, {exact.error:.1e}, {seconds(exact.best_s)} a Hessian."
        )
    return said


def none(records: Sequence[Record], accuracy: float | None) -> str:
    """Why nothing is advised."""
    mistakes = [r.message for r in records if r.diagnosis == MISTAKE]
    if mistakes:
        return f"Nothing can be advised: {plain(mistakes[0])}"
    if any(r.status == "unjudged" for r in records):
        why = next(plain(r.message) for r in records if r.status == "unjudged")
        return f"Nothing can be advised: there is no reference to judge by. {why}"
    if not records:
        return "Nothing can be advised: no strategy takes this problem here."
    more = "" if accuracy is None else f" to {accuracy:g}; a smaller `rtol` may help"
    return f"Nothing can be advised: none of the {len(records)} that were tried is right and in time{more}."


def failed(records: Sequence[Record], accuracy: float | None) -> list[str]:
    """What was tried and is not to be used, each with its reason."""
    said = []
    for r in records:
        if r.diagnosis == MISTAKE or r.status == "unjudged" or is_right(r, accuracy):
            continue
        if r.status == "ok":
            said.append(f"Tried and not accurate enough: {label(r)}, error {r.error:.1e}.")
        else:
            said.append(f"Tried and not to be used: {label(r)} ({r.status}): {cut(r.message, LONGEST)}")
    return said


def refused(predictions: Sequence[Prediction]) -> list[str]:
    """Who does not take part, by reason."""
    by: dict[tuple[str, str], list[str]] = {}
    for p in predictions:
        if p.status:
            by.setdefault((p.status, p.why), []).append(p.label)
    verbs = {"unsupported": ("Refuses", "Refuse"), "unavailable": ("Missing here", "Missing here")}
    return [
        f"{verbs.get(status, (status, status))[len(names) > 1]}: {some(names)}: {cut(why, LONGEST)}"
        for (status, why), names in by.items()
    ]


def expected(predictions: Sequence[Prediction], records: Sequence[Record], origin: str, machine: str) -> str:
    """Where the predictions come from, and how they compare with what was measured."""
    text = f"Expected times hold {100 * COVERED:.0f} % in their intervals; {origin}, {machine}." if origin else ""
    known = {p.label: p.seconds for p in predictions if p.seconds is not None}
    tried = [(known[label(r)], r.best_s) for r in records if label(r) in known and r.best_s is not None]
    inside = sum(i.low <= s <= i.high for i, s in tried)
    if tried:
        text += f" Of {len(tried)} measured here, {inside} {'is' if inside == 1 else 'are'} in theirs."
    missing = [p.label for p in predictions if not p.status and p.seconds is None]
    if missing:
        text += f" Nothing is predicted of {some(missing)}: no record is known."
    return text.strip()
