"""Hundreds of damaged files, always the same: none ends the reading, hides a good one, or is passed over in silence."""

import json
import subprocess
import sys

import pytest

from hessbench.report import export, load

from .damage import FOREIGN, written

LEAST = 410  # so many were tried by hand once, of which 49 ended the report


@pytest.fixture
def good(results, asv_file, tmp_path):
    """The bytes of one good file of each kind, and the folder that they are in."""
    codes = [[0, 5], [["'sir'"], ["'a@numpy'", "'b@jax'"], ["1e-06"]], "1", 1767225600000, 0.5]
    asv_file({"hessian.Grid.track_status": codes, "hessian.Grid.track_rhs": codes})
    made = {path.name: path.read_bytes() for path in (results / "bench").glob("0*.json")}
    made["smoke.jsonl"] = (results / "records" / "smoke.jsonl").read_bytes()
    made["list.json"] = json.dumps([json.loads(line)["record"] for line in made["smoke.jsonl"].splitlines()]).encode()
    for name in ("t.csv", "t.parquet"):
        made[name] = export(load([results]).table, tmp_path / name).read_bytes()
    return made


def test_no_damaged_file_ends_the_reading_and_each_is_named_or_read(good, tmp_path):
    paths = written(tmp_path / "damaged", good)
    silent, broken = [], []
    for path in paths:
        try:
            loaded = load([path])
        except Exception as error:
            broken.append(f"{path.name}: {type(error).__name__}: {error}")
            continue
        if not loaded.warnings and not len(loaded.table) and not loaded.others and path.is_file():
            silent.append(path.name)
        assert all(path.name in warning for warning in loaded.warnings), loaded.warnings
    assert len(paths) >= LEAST and not broken and not silent


def test_the_command_reads_them_all_and_shows_the_good_one(good, results, tmp_path):
    paths = written(tmp_path / "damaged", good)
    command = [sys.executable, "-m", "hessbench", "report", str(tmp_path / "damaged"), str(results)]
    command += ["--out", str(tmp_path / "r.html")]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    assert done.returncode == 0 and "Traceback" not in done.stderr + done.stdout, done.stderr[-2000:]
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "hand-adjoint@numpy" in page and "more" in page and len(paths) >= LEAST
    for name in ("pipe.json", "to-nothing.json", "to-itself.json", "to-no-end.json", "folder.json"):
        assert any(name in warning for warning in load([tmp_path / "damaged"]).warnings), name


def test_the_set_is_always_the_same(good, tmp_path):
    one, two = (written(tmp_path / name, good) for name in ("a", "b"))
    assert [p.name for p in one] == [p.name for p in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True) if a.is_file())
    assert len(FOREIGN) > 30
