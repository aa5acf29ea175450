"""The strategies that a comparison tries by default: nobody in the published results beats all of them by much."""

from pathlib import Path

import pytest

from hessbench import InvalidInput
from hessbench._plugins import contenders as module
from hessbench._plugins.contenders import LIKELY, contenders, likely

MOST = 1.25  # times the time of the fastest of all


def published():
    parquet = pytest.importorskip("pyarrow.parquet")
    path = Path(__file__).parents[2] / "results" / "curated" / "full.parquet"
    columns = ["problem", "arguments", "rtol", "method", "strategy", "backend", "status", "median_s"]
    return [row for row in parquet.read_table(path, columns=columns).to_pylist() if row["status"] == "ok"]


def regrets(names):
    """Time of the fastest right one of `names` over that of the fastest of all, for each published case."""
    cases = {}
    for row in published():
        key = tuple(row[name] for name in ("problem", "arguments", "rtol", "method"))
        cases.setdefault(key, {})[f"{row['strategy']}@{row['backend']}"] = row["median_s"]
    return {
        key: min((seconds for name, seconds in times.items() if name in names), default=float("inf"))
        / min(times.values())
        for key, times in cases.items()
    }


def test_on_no_published_case_is_another_one_much_faster():
    found = regrets(LIKELY)
    assert len(found) > 20 and max(found.values()) < MOST


@pytest.mark.parametrize("name", ["discrete-adjoint@numpy", "hand-adjoint@numpy"])
def test_a_list_without_a_winner_is_found(name):
    """Planted: the list without one that wins somewhere."""
    assert max(regrets(set(LIKELY) - {name}).values()) > MOST


def test_the_likely_ones_exist_and_come_first():
    assert [f"{name}@{backend}" for name, backend in likely()][: len(LIKELY)] == list(LIKELY)
    assert set(likely()) < set(contenders())


def test_what_did_not_come_with_the_package_takes_part(folder, monkeypatch):
    (folder / "mine.py").write_text(
        "from hessbench import Strategy\nclass Mine(Strategy):\n    def prepare(self, problem, backend, ivp): ...\n"
    )
    (folder / "broken.py").write_text("import no_such_module\n")
    assert likely() == [("broken", None), ("mine", "numpy")]


def test_a_name_on_the_list_that_is_not_there_is_passed_over_and_a_backend_must_be_its_own(monkeypatch):
    monkeypatch.setattr(module, "LIKELY", ("no-such@numpy", "hand-adjoint@numpy"))
    assert likely()[0] == ("hand-adjoint", "numpy")
    monkeypatch.setattr(module, "LIKELY", ("hand-adjoint@jax",))
    with pytest.raises(InvalidInput, match="runs on numpy"):
        likely()
