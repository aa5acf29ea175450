"""Damaged result files of every kind, always the same ones: `written(folder, good)` makes them from good files."""

import json
import os

VALUES = (
    *(None, True, -1, 0, 2.5, 1e308, 2**63, 10**400, float("inf"), float("nan"), "", "inf", "text", "\ud800", "=1+1"),
    *("[" * 5000, "x" * 240, [], {}, [[[[[[[[[[[[]]]]]]]]]]]]),
)
FIELDS = (
    "problem",
    "strategy",
    "status",
    "arguments",
    "rtol",
    "dim",
    "median_s",
    "error_hess",
    "rhs",
    "message",
    "schema",
    "new",
)
FOREIGN = {
    "number": "3", "text": '"text"', "null": "null", "truth": "true", "list": "[1, 2]", "lists": "[[], [[]]]", "object": "{}",
    "package": '{"name": "left-pad", "version": "1.0.0", "dependencies": {"a": "^1"}}',
    "map": '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}]}',
    "notebook": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "benchmark": '{"machine_info": {}, "benchmarks": [{"stats": {"min": 1.0}}], "version": "5"}',
    "half of asv": '{"results": {}, "params": {}}', "asv of another time": '{"version": 99, "results": {"a": [1]}}',
    "results of a number": '{"version": 2, "results": 3, "result_columns": []}',
    "columns of numbers": '{"version": 2, "results": {"a.b.track_c": [1]}, "result_columns": [1], "params": {}}',
    "twice": '{"record": {"status": "ok", "status": "wrong"}, "record": 3}', "deep": "[" * 100_000,
    "deep objects": '{"a":' * 50_000, "closed deep": "[" * 900 + "]" * 900, "huge number": "1" * 10_000, "minus": "-",
    "huge exponent": "1e999999999",
    "comma": ",", "nan": "NaN", "infinity": '{"record": Infinity}', "half of a pair": '"\\ud800"',
    "page": "<html><body>404</body></html>",
    "zero": "\0" * 4096, "blank": " \n \t\n", "empty": "", "one brace": "{", "comment": "// none", "two": "{} {}",
}  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp037")
TABLE_FIELDS = ("problem", "strategy", "status", "rtol")


def written(folder, good):
    """Write all damaged files into `folder`; their paths. `good` maps names of good files of each kind to bytes."""
    folder.mkdir()
    out = []

    def put(name, content):
        path = folder / f"{len(out):03}-{name}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        out.append(path)

    for name, content in good.items():
        for part in range(12):
            put(f"cut-{name}", content[: part * len(content) // 12])
            at = part * len(content) // 12
            put(f"zeroed-{name}", content[:at] + bytes(len(content[at : at + 40])) + content[at + 40 :])
        for encoding in ENCODINGS:
            put(f"{encoding}-{name}", content.decode("latin-1").encode(encoding))
        put(f"twice-{name}", content + content)
        put(f"backwards-{name}", content[::-1])
    for name, text in FOREIGN.items():
        for kind in ("json", "jsonl"):
            put(f"foreign-{name.replace(' ', '-')}.{kind}", text)
        put(f"foreign-{name.replace(' ', '-')}.csv", text)
    record = json.loads(good["smoke.jsonl"].splitlines()[0])
    for field in FIELDS:
        for value in VALUES:
            put(f"value-{field}.jsonl", json.dumps({**record, "record": {**record["record"], field: value}}))
    for field in record["record"]:
        put(f"without-{field}.jsonl", json.dumps({"record": {k: v for k, v in record["record"].items() if k != field}}))
    head, *lines = good["t.csv"].decode().splitlines()
    for field in TABLE_FIELDS:
        place = head.split(",").index(field)
        rows = [",".join(cell for k, cell in enumerate(line.split(",")) if k != place) for line in (head, *lines)]
        put(f"no-{field}.csv", "\n".join(rows))
    put("columns-twice.csv", "\n".join([f"{head},status", *(f"{line},ok" for line in lines)]))
    put("short-rows.csv", "\n".join([head, "a,b", *lines]))
    put("open-quote.csv", head + '\n"' + "\n".join(lines))
    return [*out, *_odd(folder)]


def _odd(folder):
    """What has the name of a file of results and is none."""
    (folder / "folder.json").mkdir()
    (folder / "folder.jsonl").mkdir()
    (folder / "to-nothing.json").symlink_to(folder / "missing")
    (folder / "to-itself.json").symlink_to(folder / "to-itself.json")
    (folder / "to-its-folder.jsonl").symlink_to(folder)
    (folder / "to-no-end.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.json")
    return [folder / name for name in ("folder.json", "folder.jsonl")]
