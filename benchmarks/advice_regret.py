"""What following the advice costs: its time over that of the best right strategy, on problems that taught the model nothing.

    python -m benchmarks.advice_regret held-out FILE   of the model of the package on the problems of `benchmarks/held_out`
    python -m benchmarks.advice_regret train FILE      on each family of the training set, by a model of all the others
    python -m benchmarks.advice_regret for-real FILE [NAME ...]    held-out problems by `hessbench.advise`, which measures anew

FILE is what `python -m benchmarks.advice measure held-out FILE` (or `train`) wrote. Times are the least of the repeated calls
of one run. "Before the race": the time of the strategy that is expected to be the best; "after": of the fastest right one of
the three that are tried. "By list": the same for the order of `LIKELY`, which knows nothing of the problem. A first choice
that is wrong, stops or runs out of time counts as infinite before the race; after it, one of the others takes its place.
"""

import sys
import time
from collections import defaultdict
from dataclasses import replace

import numpy as np

import hessbench
from hessbench._advice.machine import Scales
from hessbench._advice.model import fitted, observed, shipped, stretched
from hessbench._advice.predict import in_order, predictions
from hessbench._advice.race import cost, is_right, label, ranked
from hessbench._plugins.contenders import LIKELY, likely

from .advice import LIMITS, OWN, Records, problems, seen

TRIED = 3


def raced(labels, records):
    """The records that a race in this order has: the first three, and on until one is right."""
    out = []
    for name in labels:
        if len(out) >= TRIED and any(map(is_right, out)):
            break
        out.append(records[name])
    return out


def chosen(labels, records):
    """The first choice's regret, and that of the race's winner; how many were tried."""
    right = ranked(list(records.values()), None)
    tried = raced(labels, records)
    winner = ranked(tried, None)[0]
    first = records[labels[0]]
    before = cost(first, None) / cost(right[0], None) if is_right(first) else np.inf
    return before, cost(winner, None) / cost(right[0], None), len(tried), label(right[0]), labels[0], label(winner)


def without(rows, family):
    """The model of all records but those of one family of problems."""
    others = [row for row in rows if row[2].problem != family]
    return replace(fitted(others), stretch=stretched(others))


def evaluated(which, path, own):
    """One row for each problem that some strategy is right on, with or without those that were written here."""
    rows, covered = seen(which, path), []
    by = defaultdict(list)
    for row in rows:
        by[row[2].problem, row[2].arguments].append(row)
    out = {}
    for (problem, arguments), mine in by.items():
        model = shipped() if which == "held-out" else without(rows, problem)
        mine = [r for r in mine if own or not r[2].strategy.startswith(OWN)]
        records = {label(record): record for _, _, record in mine}
        if not any(map(is_right, records.values())):
            continue
        shapes = {label(record): shape for _, shape, record in mine}
        expected = predictions(mine[0][0], shapes, model, Scales())
        order = [p.label for p in in_order(expected, None)]
        fixed = [name for name in LIKELY if name in records and not shapes[name].why]
        out[problem.rpartition("/")[2], arguments] = (chosen(order, records), chosen(fixed, records))
        for p in expected:
            record = records[p.label]
            if is_right(record):
                logs = observed(record)
                pairs = ((p.seconds, logs["seconds"]), (p.error, logs["error"]))
                covered.append([i is not None and np.log(i.low) <= v <= np.log(i.high) for i, v in pairs])
    return out, np.mean(covered, axis=0) if covered else np.full(2, np.nan)


def summary(values):
    """Median, 95 % and largest."""
    return " | ".join(f"{v:.2f}" for v in (np.median(values), np.quantile(values, 0.95, method="higher"), max(values)))


def for_real(path, chosen_names=()):
    """What `hessbench.advise` says of each held-out problem (or of some), by what its choice took in the run of FILE.

    What had run out of time there and was right now, counts with its time of now.
    """
    by = defaultdict(dict)
    for record in Records(path).known.values():
        by[record.problem][label(record)] = record
    names = [f"{strategy}@{backend}" for strategy, backend in likely()]
    print("| problem | advised | regret | without ours | regret | seconds |\n|---|---|---|---|---|---|", flush=True)
    for problem, _, rtol in problems("held-out"):
        name = problem.rpartition("/")[2].removesuffix(".py")
        if chosen_names and name not in chosen_names:
            continue
        cells, start = [], time.monotonic()
        for asked in (names, [one for one in names if not one.startswith(OWN)]):
            found = hessbench.advise(problem, strategies=asked, rtol=rtol, time_limit=LIMITS["time_limit"])
            now = {label(r): r for r in found.records if is_right(r)}
            known = {one: r if is_right(r) else now.get(one, r) for one, r in by[problem].items() if one in asked}
            best = ranked([r for r in known.values() if r is not None], None)[0]
            taken = None if found.strategy is None else known[found.strategy]
            cells += [found.strategy, "none" if taken is None else f"{cost(taken, None) / cost(best, None):.2f}"]
        print(f"| {name} | {' | '.join(map(str, cells))} | {time.monotonic() - start:.0f} |", flush=True)


def main(which, path, *names):
    """Print the tables of `docs/advice.md`."""
    if which == "for-real":
        for_real(path, names)
        return
    for own in (True, False):
        rows, covered = evaluated(which, path, own)
        print(f"\n{'With' if own else 'Without'} the strategies that were written here ({', '.join(OWN)})\n")
        print(
            "| problem | best | first choice | regret | winner of the race | regret | tried |\n|---|---|---|---|---|---|---|"
        )
        for (name, arguments), (advised, _) in rows.items():
            before, after, tried, best, first, winner = advised
            print(f"| {name} {arguments} | {best} | {first} | {before:.2f} | {winner} | {after:.2f} | {tried} |")
        print("\n| | median | 95 % | largest |\n|---|---|---|---|")
        for place, kind in enumerate(("advised", "by list")):
            for at, when in enumerate(("before the race", "after the race")):
                print(f"| {kind}, {when} | {summary([row[place][at] for row in rows.values()])} |")
        print(
            f"\n{len(rows)} problems; of the 90 % intervals {covered[0]:.0%} hold the time, {covered[1]:.0%} the error"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
