"""`hessbench compare-commits`: is one commit slower than another? Both by turns, with paired intervals."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .._errors import InvalidInput
from .._judging.gate_points import run_seed
from .._measuring.asv import find_root
from .._measuring.commits import HERE, Pair, export, rounds
from .._measuring.measure import problem_plugin, strategy_plugin
from .._measuring.record import Case
from .._storage.files import scratch
from .application import app
from .output import say

PROBLEMS = (("three-body", {"start": "perturbed"}), ("random-quadratic", {"n": 10}), ("lotka-volterra", {}))
STRATEGIES = ("discrete-adjoint", "implicit-adjoint", "hand-adjoint")


@app.command("compare-commits")
def compare_commits(
    before: Annotated[str, typer.Argument(help="A commit, branch or tag.")],
    after: Annotated[str, typer.Argument(help=f"Another one; {HERE} is what is installed, with its changes.")] = HERE,
    problem: Annotated[
        list[str] | None, typer.Option("-p", "--problem", help="A problem's name or a file; may be repeated.")
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option("-s", "--strategy", help="NAME or NAME@BACKEND; may be repeated.")
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the solver.")] = 1e-8,
    count: Annotated[int, typer.Option("--rounds", min=4, help="How often each case is measured with each.")] = 8,
    budget: Annotated[float, typer.Option(help="Seconds of repeated timing in each measurement.")] = 0.2,
    time_limit: Annotated[float, typer.Option(help="Seconds after which a measurement is stopped.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print ratios and verdicts as JSON.")] = False,
) -> None:
    """Measure two commits side by side, cases by turns; exit with 1 where the second one is slower or not right any more."""
    root = find_root()
    asked = [(name, {}) for name in problem] if problem else list(PROBLEMS)
    for target, _ in asked:
        problem_plugin(Case(target, ""))  # raises for one that there is not
    cases = []
    for name in strategy or STRATEGIES:
        plain, _, backend = name.partition("@")
        backend = backend or next(iter(strategy_plugin(Case("", plain)).backends), "numpy")
        cases += [Case(target, plain, backend, arguments, rtol) for target, arguments in asked]
    with scratch() as folder:
        versions = [export(root, name, folder / side) for side, name in (("before", before), ("after", after))]
        if versions[0].commit == versions[1].commit and not versions[0].commit:
            raise InvalidInput(f"Both are {HERE}: name a commit to compare what is installed with.")
        found: list[Pair] = []
        for pair in rounds(versions, cases, count, budget=budget, time_limit=time_limit, gate_seed=run_seed()):
            found.append(pair)
            if not as_json:
                say(f"{len(found)} of at most {count * len(cases)}: {told(pair)}", error=True)
    answer = judged(found)
    if as_json:
        print(json.dumps(answer, indent=1))
    else:
        say(sentence(answer, before, after))
        for row in answer:
            say(f"  {row['verdict']}: {row['contender']} on {row['problem']}{row['detail']}")
    if any(row["verdict"] in ("slower", "not right any more") for row in answer):
        raise typer.Exit(1)


def told(pair: Pair) -> str:
    """One measurement in words."""
    ratio = pair.ratio
    how = f"{pair.before.status} and {pair.after.status}" if ratio is None else f"{ratio:.2f} times"
    return f"{pair.case.label} on {pair.case.problem_label}, {how}"


def judged(pairs: list[Pair]) -> list[dict[str, Any]]:
    """One row for each case: mean ratio, its interval at a level shared among all cases, verdict; what matters first."""
    from hessbench.report import mean_ratio

    cases: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        cases.setdefault((pair.case.label, pair.case.problem_label), []).append(pair)
    out = []
    for (label, problem), own in cases.items():
        row: dict[str, Any] = {"contender": label, "problem": problem, "ratio": None, "low": None, "high": None}
        last, ratios = own[-1], [pair.ratio for pair in own if pair.ratio is not None]
        if last.ratio is None:
            gone = last.before.status == "ok" and last.after.status in ("wrong", "inaccurate", "failed", "timeout")
            verdict, detail = (
                "not right any more" if gone else "not compared",
                f"{last.before.status} -> {last.after.status}",
            )
        else:
            mean = mean_ratio(ratios, level=1 - 0.05 / len(cases))
            row |= {"ratio": mean.mean, "low": mean.low, "high": mean.high}
            verdict = ("slower" if mean.mean > 1 else "faster") if mean.differs() else "no difference resolved"
            detail = f"{mean.mean:.2f} times [{mean.low:.2f}, {mean.high:.2f}]"
        out.append({**row, "verdict": verdict, "detail": f", {detail}"})
    order = ("not right any more", "slower", "faster", "not compared", "no difference resolved")
    return sorted(out, key=lambda row: order.index(row["verdict"]))


def sentence(answer: list[dict[str, Any]], before: str, after: str) -> str:
    """The result, first."""
    named = {
        verdict: [
            f"{row['contender']} on {row['problem']}{row['detail']}" for row in answer if row["verdict"] == verdict
        ]
        for verdict in ("not right any more", "slower", "faster")
    }
    said = [f"{verdict}: {'; '.join(rows)}" for verdict, rows in named.items() if rows]
    if not said:
        return f"{after} against {before}: no case differs by more than 10 %, as far as {len(answer)} cases resolve it."
    return f"{after} against {before}: {'. '.join(said)}."
