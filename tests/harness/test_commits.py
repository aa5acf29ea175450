"""Two commits by turns: exporting, pairing, and that a planted slowdown is named and equal commits are not."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hessbench import Case, InvalidInput
from hessbench._cli.commits import judged, sentence
from hessbench._measuring.commits import by_turns, export, measured
from hessbench._measuring.measure import blank

ROOT = Path(__file__).resolve().parents[2]
CASES = [Case("three-body", "discrete-adjoint", "numpy"), Case("sir", "hand-adjoint", "numpy")]


def right(case, seconds):
    return replace(blank(case, "ok"), median_s=seconds)


def noisy(factor, seed):
    """A way to measure that takes `factor` times as long, on a machine whose speed doubles and halves from round to round."""
    rng, drift = np.random.default_rng(seed), [1.0, 2.0, 0.7, 1.5]
    seen = []

    def way(case):
        seen.append(case)
        return right(case, factor * drift[len(seen) // 2 % 4] * rng.lognormal(0, 0.02))

    return way


def pairs(factor, count=8):
    return list(by_turns(CASES, count, [noisy(1.0, 1), noisy(factor, 2)]))


def test_a_planted_slowdown_is_the_first_sentence():
    answer = judged(pairs(2.0))
    assert {row["verdict"] for row in answer} == {"slower"} and all(1.8 < row["ratio"] < 2.2 for row in answer)
    assert sentence(answer, "old", "new").startswith("new against old: slower: ")


@pytest.mark.parametrize("seed", range(10))
def test_equal_commits_are_silent_ten_times(seed):
    answer = judged(list(by_turns(CASES, 8, [noisy(1.0, seed), noisy(1.0, 100 + seed)])))
    assert {row["verdict"] for row in answer} == {"no difference resolved"}
    assert "no case differs" in sentence(answer, "old", "new")


def test_who_comes_first_changes_from_round_to_round():
    order = []
    ways = [lambda case, n=n: order.append(n) or right(case, 1.0) for n in ("before", "after")]
    list(by_turns(CASES[:1], 3, ways))
    assert order == ["before", "after", "after", "before", "before", "after"]


def test_what_is_not_right_any_more_is_named_and_not_measured_again():
    ways = [lambda case: right(case, 1.0), lambda case: replace(blank(case, "wrong"), message="off")]
    found = list(by_turns(CASES, 5, ways))
    assert len(found) == 2
    assert sentence(judged(found), "old", "new").startswith("new against old: not right any more: ")


def test_a_commit_that_git_does_not_know_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="'nonsense' is no commit"):
        export(ROOT, "nonsense", tmp_path / "a")


def test_a_checkout_without_the_package_is_named(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x"]
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    with pytest.raises(InvalidInput, match="holds no hessbench"):
        export(tmp_path, "HEAD", tmp_path / "a")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_a_commit_is_measured_from_its_own_files(tmp_path):
    """Its hand-written adjoint stops; that of what is installed does not."""
    version = export(ROOT, "HEAD", tmp_path / "a")
    path, planted = tmp_path / "a" / "strategies" / "hand_adjoint.py", "raise RuntimeError('this is the exported one')"
    text = path.read_text(encoding="utf-8")
    assert "    def prepare(self" in text
    path.write_text(
        text.replace("    def prepare(self", f"    def prepare(self, *_):\n        {planted}\n\n    def other(self", 1)
    )
    case = Case("sir", "hand-adjoint", "numpy", rtol=1e-6)
    found = [measured(one, case, 0.0, 60.0, 2) for one in (version, replace(version, path=None))]
    assert [record.status for record in found] == ["failed", "ok"] and "this is the exported one" in found[0].message
