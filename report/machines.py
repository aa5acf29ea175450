"""Telling machines apart that have the same name, by the hardware that their records carry."""

from collections import defaultdict
from collections.abc import Iterable

from .columns import Row


def told_apart(rows: Iterable[Row]) -> list[Row]:
    """`rows` with a `machine` that stands for one piece of hardware: `vm [1f0c...]` where several are called `vm`.

    asv does not know the hardware: its rows get that of the records of the same machine, commit and suite, if these have
    one. What then says nothing of its hardware keeps its name, and is another machine than those that do.
    """
    rows = list(rows)
    known: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        known[_place(row)] |= {str(row["hardware"])} if row.get("hardware") else set()
    named: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if not row.get("hardware") and len(known[_place(row)]) == 1:
            row["hardware"] = next(iter(known[_place(row)]))
        named[str(row.get("machine") or "")].add(str(row.get("hardware") or ""))
    for row in rows:
        machine, hardware = row.get("machine"), row.get("hardware")
        if machine and hardware and len(named[str(machine)]) > 1:
            row["machine"] = f"{machine} [{hardware}]"
    return rows


def _place(row: Row) -> tuple[str, ...]:
    return tuple(str(row.get(name) or "") for name in ("machine", "commit", "suite"))
