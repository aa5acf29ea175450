"""Which mutants of a file do its tests kill? `make mutation`, or `.venv/bin/python .ci/mutation.py FILE...`

cosmic-ray makes the mutants: one changed operator, number, comparison, keyword, decorator or loop each. Of every file some
are drawn by a seed, at most one for each place, and `.ci/mutation.toml` names the tests that concern it. They run on a copy
of the repository, so that the files here stay as they are. Annotations are left out, since nothing reads most of them, and
so are operators that would make nonsense of floating-point numbers: what every test sees would flatter the result.

    --count 40 --seed 14    how many mutants of each file, and which
    --only NUMBER...        these mutants of the sample alone
    --show                  list the sample without running it

The exit status is 1 if a file has fewer than `LEAST` of its mutants killed.
"""

import argparse
import ast
import contextlib
import importlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from pathlib import Path

import cosmic_ray.plugins
import pytest
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import use_mutation
from cosmic_ray.work_item import MutationSpec

for name in ("numpy", "scipy.integrate", "scipy.optimize", "scipy.stats", "pandas", "psutil", "rich.console", "typer"):
    importlib.import_module(name)  # not hessbench

ROOT = Path(__file__).parent.parent
LEAST = 0.8
LIMIT = 4.0  # times the seconds of the tests without a mutant, after which they count as failed
SKIPPED = (".git", ".venv", ".asv", "results", "docs", "__pycache__", ".pytest_cache", ".hypothesis")
NONSENSE = (
    re.compile(  # arithmetic becomes bits, whole parts or powers; comparisons become identity, and identity comparison
        r"(Add|Sub|Mul|Div|Mod|Pow|FloorDiv)_(RShift|LShift|BitOr|BitAnd|BitXor|FloorDiv|Mod|Pow)$"
        r"|(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)$|_Is_(?!IsNot$)|_IsNot_(?!Is$)"
    )
)
PACKAGES = {"builtin_problems": "problems", "builtin_strategies": "strategies", "report": "report"}


def annotated(text):
    """Lines and columns `(start, end)` of all annotations."""
    found = []
    for node in ast.walk(ast.parse(text)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.AST):
                found.append(((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)))
    return found


def mutants(path):
    """All mutants of a file, outside of annotations."""
    tree, left_out = get_ast_from_path(path), annotated(path.read_text(encoding="utf-8"))
    for name in cosmic_ray.plugins.operator_names():
        operator = cosmic_ray.plugins.get_operator(name)
        if operator.arguments() or NONSENSE.search(name):
            continue
        at = ((start, end) for node in ast_nodes(tree) for start, end in operator().mutation_positions(node))
        for occurrence, (start, end) in enumerate(at):
            if not any(first <= start < last for first, last in left_out):
                yield MutationSpec(path, name, occurrence, start, end)


def sample(path, count, seed):
    """`count` mutants in the order of the file, at most one for each place."""
    drawn = list(mutants(path))
    random.Random(f"{seed} {path.name}").shuffle(drawn)
    places = {(one.start_pos, one.end_pos): one for one in reversed(drawn)}
    chosen = [one for one in drawn if places[one.start_pos, one.end_pos] is one][:count]
    return sorted(chosen, key=lambda one: (one.start_pos, one.operator_name))


def copied(folder):
    """A copy of the repository that is imported instead of the installed one."""
    there = folder / "copy"
    shutil.copytree(ROOT, there, ignore=shutil.ignore_patterns(*SKIPPED))
    for name, source in PACKAGES.items():
        (there / "src" / "hessbench" / name).symlink_to(there / source)
    os.environ["PYTHONPATH"], os.environ["HESSBENCH_CACHE"] = str(there / "src"), str(folder / "cache")
    sys.path.insert(0, str(there / "src"))
    return there


def campaign(name, tests, there, options):
    """Run the sample of one file; `(killed, survived)` as lists of numbers."""
    path, killed, survived = there / name, [], []
    references = Path(os.environ["HESSBENCH_CACHE"], "references")
    fresh = path.stem.startswith(("reference", "witness"))  # a mutant must neither find nor leave references
    chosen = list(enumerate(sample(path, options.count, options.seed)))
    chosen = [(number, one) for number, one in chosen if options.only is None or number in options.only]
    if options.show:
        for number, one in chosen:
            print(f"{number:3} {described(path, one)}")
        return [], []
    for _ in range(2):  # the second time with a warm cache
        if fresh:
            shutil.rmtree(references, ignore_errors=True)
        start = time.monotonic()
        ended, output = tested(tests, 600.0)
        seconds = time.monotonic() - start
        if ended != "SURVIVED":
            sys.exit(f"{name}: the tests fail without a mutant:\n{output[-2000:]}")
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()  # its time stamp has whole seconds
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    print(f"{name}: {len(chosen)} mutants, {seconds:.1f} s each", flush=True)
    for number, one in chosen:
        if fresh:
            shutil.rmtree(references, ignore_errors=True)
        with use_mutation(path, cosmic_ray.plugins.get_operator(one.operator_name)(), one.occurrence):
            ended, _ = tested(tests, LIMIT * seconds + 10)
        (survived if ended == "SURVIVED" else killed).append(number)
        if ended != "killed" or options.only:
            print(f"  {number:3} {ended}: {described(path, one)}", flush=True)
    del os.environ["PYTHONDONTWRITEBYTECODE"]
    return killed, survived


def tested(tests, limit):
    """How a mutant ended that `tests` see, and what pytest said; in a fork, which has most imports done.

    "SURVIVED", "killed", or "out of time", which counts as killed too, though on a busy machine it may say nothing.
    """
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
                arguments = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", *tests]
                code = int(pytest.main(arguments))
                sys.stdout.flush()
                os._exit(code)
            except BaseException:
                os.write(2, traceback.format_exc().encode())
                os._exit(99)
        end, status = time.monotonic() + limit, None
        while status is None and time.monotonic() < end:
            done, found = os.waitpid(pid, os.WNOHANG)
            status = found if done else None
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if status is None:
            os.waitpid(pid, 0)
        said.seek(0)
        ended = "out of time" if status is None else "killed" if status else "SURVIVED"
        return ended, said.read().decode(errors="replace")


def described(path, one):
    """Where a mutant is and what it changes."""
    line = path.read_text(encoding="utf-8").splitlines()[one.start_pos[0] - 1]
    name, at = one.operator_name.removeprefix("core/"), line[one.start_pos[1] :].strip()
    return f"line {one.start_pos[0]}, {name} {one.occurrence} at `{at}`"


def main():
    """See the module's documentation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--only", type=int, nargs="*")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    known = tomllib.loads((ROOT / ".ci" / "mutation.toml").read_text(encoding="utf-8"))["tests"]
    wanted = {name: tests for name, tests in known.items() if not options.files or name in options.files}
    if unknown := set(options.files) - set(known):
        sys.exit(f"no tests for {', '.join(sorted(unknown))} in .ci/mutation.toml")
    rows = []
    with tempfile.TemporaryDirectory(prefix="hessbench-mutants-") as folder:
        there = copied(Path(folder))
        os.chdir(there)
        for name, tests in wanted.items():
            rows.append((name, *map(len, campaign(name, tests, there, options))))
    if not options.show:
        print(f"{'file':40} {'killed':>6} {'survived':>8} {'share':>6}")
        for name, killed, survived in rows:
            print(f"{name:40} {killed:6} {survived:8} {killed / max(1, killed + survived):6.0%}")
    weak = [name for name, killed, survived in rows if killed < LEAST * (killed + survived)]
    sys.exit(1 if weak else 0)


if __name__ == "__main__":
    main()
