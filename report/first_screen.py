"""What stands first: the answer for the problem that was asked about, in one sentence, and what it was measured on."""

from dataclasses import dataclass

import hessbench
from hessbench import backends

from . import words
from .classes import unknowns
from .columns import Table
from .statistics import UNRESOLVED
from .tables import questions, ranking


@dataclass(frozen=True)
class Wrong:
    """A contender that gives a wrong Hessian without an error, and how far that is off in words."""

    contender: str
    off: str


@dataclass(frozen=True)
class Answer:
    """The answer to one question: `best` and its `time`, the next right one that time tells apart, and what is wrong.

    `best` is empty where nothing was right. `near`: right ones whose times do not differ from the best.
    """

    label: str
    title: str
    unknowns: str
    rtol: float
    asked: int
    best: str = ""
    time: str = ""
    next: str = ""
    factor: str = ""
    near: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()

    @property
    def sentence(self) -> str:
        """The same as plain text."""
        head = f"For {self.unknowns} of {self.title} at a tolerance of {words.tolerance(self.rtol)}: "
        if not self.best:
            return f"{head}none of {words.plural(self.asked, 'contender')} gave a right Hessian."
        out = f"{head}{self.best}, {self.time}"
        if self.next:
            out += f", {self.factor} faster than the next right one ({self.next})"
        out += "."
        if self.near:
            out += f" Not told from it by time: {words.listed(self.near, most=3)}."
        return out

    @property
    def warning(self) -> str:
        """What is silently wrong on this question, as plain text; empty where nothing is."""
        if not self.wrong:
            return ""
        named = words.listed([f"{one.contender} ({one.off})" for one in self.wrong], most=4)
        return f"Silently wrong: {named}."


def answer(table: Table) -> Answer:
    """The answer for the user's own problem, the newest; without one, for the problem of which most was measured.

    Of its tolerances that with most right contenders counts, of equals the tighter one.
    """
    label, own = asked_about(table)
    rows = table[table["problem_label"] == label]
    right = rows[rows["status"] == "ok"].groupby("rtol").size()
    tolerances = dict(questions(rows))[label]
    rtol = max(tolerances, key=lambda value: (int(right.get(value, 0)), -value))
    ranked = ranking(table, label, rtol)
    problem, arguments = ranked["problem"].iloc[0], ranked["arguments"].iloc[0]
    title = ("your ODE " if own else "") + words.title(label, arguments, rows["dim"].max())
    wrong = tuple(
        Wrong(row["contender"], words.off(row["error"]))
        for row in ranked[ranked["status"] == "wrong"].to_dict("records")
    )
    found = Answer(label, title, unknowns(problem, arguments), rtol, len(ranked), wrong=wrong)
    timed = ranked[ranked["rank"].notna()]
    if timed.empty:
        return found
    best, later = timed.iloc[0], timed.iloc[1:]
    far, near = later[later["slower"] >= UNRESOLVED], later[later["slower"] < UNRESOLVED]
    values = vars(found) | {
        "best": best["contender"],
        "time": words.seconds(best["median_s"]),
        "near": tuple(near["contender"]),
    }
    if len(far):
        values |= {"next": far["contender"].iloc[0], "factor": words.fold(far["slower"].iloc[0])}
    return Answer(**values)


def asked_about(table: Table) -> tuple[str, bool]:
    """`(problem_label, whether it is one of the user's own)`."""
    built_in = set(hessbench.problems())
    own = table[~table["problem"].isin(built_in)].sort_values("date", kind="stable")
    if len(own):
        return str(own["problem_label"].iloc[-1]), True
    right = set(table[table["status"] == "ok"]["problem_label"])
    many = table["problem_label"].value_counts()
    return max((label for label, _ in questions(table)), key=lambda label: (label in right, int(many[label]))), False


def place(table: Table) -> str:
    """Where the shown rows are from, in one line: machine, dates, versions, and whether it was busy."""
    machines, cpus = ([name for name in table[column] if name] for column in ("machine", "cpu"))
    dates = sorted(date[:10] for date in table["date"] if date)
    out = f"{words.plural(len(table), 'measurement')} on {machines[-1] if machines else 'a machine without a name'}"
    if cpus:
        out += f" ({cpus[-1]})"
    if dates:
        out += f", {words.span(str, dates[0], dates[-1])}"
    if busy := int(table["under_load"].sum()):
        out += f"; {busy} while other programs kept it busy"
    wanted, known = ("hessbench", *backends.known()), dict[str, str]()
    for text in table["versions"]:
        for part in text.split(","):
            name, _, version = part.strip().partition(" ")
            if name in wanted and version:
                known[name] = version
    if known:
        out += f"; {', '.join(f'{name} {known[name]}' for name in wanted if name in known)}"
    return out + "."
