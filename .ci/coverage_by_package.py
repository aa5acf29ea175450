"""Coverage by package, from the `.coverage` that `make test CI=1` leaves; exit status 1 if one is under `LEAST` per cent.

Statements that a test reached are counted, in the process of the test or in one that it started. A measuring process that is
killed leaves no count, so that `_measuring.child` comes out lower than it is. A package whose library is not installed here
is shown and not judged: its tests are skipped.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from hessbench import sundials

LEAST = 85.0
ROOT = Path(__file__).resolve().parents[1]


def package(path):
    """The group of a file: a folder of `src/hessbench`, `core` for the modules beside them, or a folder of plugins."""
    parts = Path(path).parts
    if parts[0] != "src":
        return parts[0]
    return parts[2] if len(parts) > 3 else "core"


def totals():
    """`{package: (statements, covered)}`."""
    with tempfile.TemporaryDirectory() as folder:  # errors: files that tests made among the plugins and removed
        out = Path(folder) / "coverage.json"
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "--quiet", "--ignore-errors", "-o", out], cwd=ROOT, check=True
        )
        files = json.loads(out.read_text(encoding="utf-8"))["files"]
    found = defaultdict(lambda: (0, 0))
    for path, about in files.items():
        statements, covered = found[package(path)]
        summary = about["summary"]
        found[package(path)] = statements + summary["num_statements"], covered + summary["covered_lines"]
    return dict(sorted(found.items()))


def main():
    low, absent = [], {"sundials"} if sundials.missing() is not None else set()
    for name, (statements, covered) in totals().items():
        share = 100 * covered / statements if statements else 100.0
        print(f"{name:12} {share:5.1f} % of {statements} statements")
        low += [name] if share < LEAST and name not in absent else []
    if low:
        sys.exit(f"Under {LEAST:g} %: {', '.join(low)}.")


if __name__ == "__main__":
    main()
