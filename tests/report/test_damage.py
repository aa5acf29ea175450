"""Damaged results: nothing raises, what is damaged is named, and everything else is shown.

`HESSBENCH_DAMAGE=1000 pytest tests/report/test_damage.py` damages files in a thousand ways instead of a hundred and twenty.
"""

import json
import os
import random

import pytest

from hessbench import Record
from hessbench._measuring.stored import ROW, RUN, kinds
from hessbench.report import build, export, load

WAYS = int(os.environ.get("HESSBENCH_DAMAGE", "120"))
GOOD = {"hand-adjoint@numpy", "unrolled@jax", "hand-adjoint/backward@numpy", "finite-difference/loss@numpy"}
HOSTILE = (
    *(None, True, -1, 0, 0.0, 3, 0.5, 2.5, -0.0, 1e308, 5e-324, 2**63, 10**400, float("inf"), -float("inf")),
    *(
        float("nan"),
        "",
        "inf",
        "nan",
        "1e-8",
        "text",
        "ok",
        "\ud800",
        "\x00\x1b[31m\u202e",
        "</script><b>",
        "[red]x[/]",
    ),
    *(
        "$x^{$",
        "=1+1",
        "{}",
        "[1]",
        '{"n": 1e400}',
        '{"n": [{}]}',
        '{"a": "\\ud800"}',
        "[" * 5000,
        "x" * 240,
        "a\nb\tc",
    ),
    *([], {}, [1], {"a": 1}, [[[[[[[[[[[[[]]]]]]]]]]]]]),
)
OVERHEAD = {"operation": "rhs", "package": "jax", "version": "1", "n": 3, "status": "ok", "message": "", "call_s": 2e-5}
SPLIT = {"conversion_s": 5e-6, "dispatch_s": 1e-5, "work_s": 5e-6, "power": 2.0, "fit_error": 0.1}
SHARE = {
    "table": "overhead-share",
    "problem": "sir",
    "n": 3,
    "rtol": 1e-8,
    "contender": "a@b",
    "calls": 3,
    "share": 0.2,
}


@pytest.fixture
def files(results, asv_file, store_rows, tmp_path):
    """One good file of each kind in one folder; `smoke.jsonl` is never damaged. Returns `{name: bytes}` of the others."""
    times = [
        [1.0, 2.0],
        [["'sir'"], ["'a@numpy'", "'b@jax'"], ["1e-06"]],
        "1",
        1767225600000,
        0.5,
        [0.9, 1.9],
        [1.1, 2.1],
    ]
    codes = [[0, 5], *times[1:5]]
    asv_file({"hessian.Time.time_hessian": times, "hessian.Grid.track_status": codes, "hessian.Grid.track_rhs": codes})
    store_rows([{"table": "overhead", **OVERHEAD, **SPLIT}, SHARE])
    table = load([results]).table
    records = (results / "records" / "smoke.jsonl").read_bytes()
    made = {path.name: path.read_bytes() for path in (results / "bench").glob("0*.json")}
    made["overhead.jsonl"] = (results / "records" / "overhead.jsonl").read_bytes()
    listed = [json.loads(line)["record"] for line in records.splitlines()]
    out = {**made, "again.jsonl": records, "list.json": json.dumps(listed).encode()}
    for name in ("t.csv", "t.parquet"):
        out[name] = export(table, tmp_path / name).read_bytes()
    return out


def everything(folder, extra=()):
    """Load a folder and more files, export the table and build the page: the way of every row to the reader."""
    paths = [folder, *extra]
    loaded = load(paths)
    assert set(loaded.table["contender"]) >= GOOD, loaded.warnings
    export(loaded.table, folder.parent / "all.csv")
    export(loaded.table, folder.parent / "all.parquet")
    page = build(paths, folder.parent / "report.html", bounds=False)
    assert set(loaded.warnings) <= set(page.warnings)
    return loaded


def damaged(rng, content):
    """`content` damaged in one of many ways."""
    data = bytearray(content)
    way = rng.choice(("flip", "cut", "zero", "insert", "twice", "swap", "text", "encoding"))
    at = rng.randrange(len(data))
    if way == "flip":
        for _ in range(rng.choice((1, 3, 40))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == "cut":
        del data[at:]
    elif way == "zero":
        data[at : at + 64] = bytes(len(data[at : at + 64]))
    elif way == "insert":
        data[at:at] = rng.choice((b'"', b"{", b"[" * 9000, b"\xff\xfe", b"NaN", b"\n", b",", b"1" * 5000, b"\x00"))
    elif way == "twice":
        data += data[: rng.randrange(1, len(data))]
    elif way == "swap":
        other = rng.randrange(len(data))
        data[at : at + 20], data[other : other + 20] = data[other : other + 20], data[at : at + 20]
    elif way == "text":
        words = content.split(rng.choice((b'"', b",", b" ")))
        words[rng.randrange(len(words))] = json.dumps(rng.choice(HOSTILE[:30])).encode()
        data = bytearray(b'"'.join(words))
    else:
        return content.decode("latin-1").encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")))
    return bytes(data)


def hostile_lines(key, names, good, beside):
    """One line for each field and each value that it should not have; each of a strategy or package of its own."""
    for number, (name, value) in enumerate((name, value) for name in names for value in HOSTILE):
        own = {**good, "strategy": f"s{number}", "package": f"p{number}", name: value}
        try:
            yield json.dumps({**beside, key: own})
        except RecursionError:
            continue


@pytest.mark.parametrize("part", range(4))
def test_a_file_damaged_in_any_way_hides_no_other(results, files, part):
    made = {}
    for seed in range(part, WAYS, 4):
        rng = random.Random(seed)
        name = rng.choice(sorted(files))
        made[seed] = results.parent / f"damaged-{seed}-{name}"
        made[seed].write_bytes(damaged(rng, files[name]))
    try:
        everything(results, made.values())
    except Exception as error:
        for seed, path in made.items():
            try:
                everything(results, [path])
            except Exception:
                raise AssertionError(f"seed {seed} alone, {path.name}") from error
        raise


def test_a_record_with_any_value_in_any_field_is_read_or_named(results, record):
    good = record().to_json()
    lines = list(hostile_lines("record", [*kinds(Record), "new"], good, {}))
    (results / "hostile.jsonl").write_text("\n".join(lines) + "\n")
    loaded = everything(results)
    named = [w for w in loaded.warnings if "hostile.jsonl, line " in w]
    assert len(lines) > 1000 and len(lines) / 2 < len(named) < len(lines)


def test_a_run_with_any_value_in_any_field_is_read_or_named(results, record):
    good = {"machine": "bench", "commit": "0123456789abcdef", "date": "2026-01-01T00:00:00+00:00", "suite": "smoke"}
    lines = [
        json.dumps({"record": record(strategy=f"s{i}").to_json(), **json.loads(line)})
        for i, line in enumerate(hostile_lines("run", [*RUN, "new"], good, {}))
    ]
    lines += [json.dumps({"run": value, "record": record().to_json()}) for value in HOSTILE]
    (results / "hostile.jsonl").write_text("\n".join(lines) + "\n")
    assert any("hostile.jsonl, line " in warning for warning in everything(results).warnings)


@pytest.mark.parametrize("good", [{"table": "overhead", **OVERHEAD, **SPLIT}, SHARE])
def test_a_row_of_another_table_with_any_value_in_any_field_is_read_or_named(results, good):
    lines = list(hostile_lines("row", [*ROW, *SPLIT, "new"], good, {"run": {"machine": "bench"}}))
    (results / "hostile.jsonl").write_text("\n".join(lines) + "\n")
    assert any("hostile.jsonl, line " in warning for warning in everything(results).warnings)


def test_an_asv_file_with_any_value_anywhere_hides_no_other(results, files):
    (name,) = (name for name in files if name.endswith("-existing.json"))
    good = json.loads(files[name])
    places = [[key] for key in good] + [["params", key] for key in good["params"]]
    for bench, values in good["results"].items():
        places += [["results", bench]] + [["results", bench, i] for i in range(len(values))]
        places += [["results", bench, 0, 1], ["results", bench, 1, 0], ["results", bench, 1, 1, 0]]
    for number, value in enumerate(HOSTILE):
        for place in places:
            data = json.loads(files[name])
            inner = data
            for step in place[:-1]:
                inner = inner[step]
            inner[place[-1]] = value
            (results / "bench" / f"h{number}-{'-'.join(map(str, place))}.json").write_text(json.dumps(data))
    loaded = everything(results)
    assert len(loaded.warnings) > len(HOSTILE)
