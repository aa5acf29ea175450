"""The measuring process, run here: its stages, its clock, and what it reports of everything that may happen."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from hessbench import Case, InvalidInput, NoReference, Result, Unavailable, Unsupported
from hessbench._measuring import child as _child
from hessbench._measuring.child import first_line, median_interval, noted, peak_mib, stages, steady_state
from hessbench._measuring.measure import blank
from hessbench._processes import within
from hessbench._processes.within import limit_memory, report_line

CASE = Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, 1e-6)
EARLIER = Case("brusselator", "hand-adjoint/backward", "numpy", {"n": 32})
OK = dataclasses.replace(blank(CASE, "ok"), best_s=1.0, median_s=2.0, note="as it was")


class Slow:
    """A prepared strategy whose calls take the given seconds of a clock of their own."""

    def __init__(self, monkeypatch, *seconds):
        self.now, self.seconds, self.calls = 0.0, list(seconds), 0
        monkeypatch.setattr(_child.time, "perf_counter", lambda: self.now)

    def __call__(self, x):
        self.now += self.seconds[min(self.calls, len(self.seconds) - 1)]
        self.calls += 1
        return x

    def after_timed(self, result, seconds, spent):
        self.told = (result, seconds, spent)
        self.now += 100.0  # outside the clock


@pytest.mark.parametrize(
    ("budget", "seconds", "calls"),
    [
        (1.0, (0.25,), 4), (1.0, (0.3,), 4), (1.0, (2.0,), 2), (1.0, (3.0,), 1), (1.0, (4.0,), 1), (1.0, (1.4,), 3),
        (1.0, (1.0,), 3), (0.0, (0.5,), 1), (10.0, (1e-3,), 1000), (1.0, (0.5, 0.1, 0.5, 0.1), 3), (1.0, (2.0, 0.9, 0.2), 3),
    ],
)  # fmt: skip
def test_calls_are_repeated_until_the_budget_is_spent(monkeypatch, budget, seconds, calls):
    run = Slow(monkeypatch, *seconds)
    found = steady_state(run, 7, budget, run)
    assert len(found) == run.calls == calls and found == pytest.approx([*seconds, *[seconds[-1]] * calls][:calls])
    assert run.told == (7, found[-1], sum(found))


def test_the_collector_of_garbage_rests_meanwhile_and_runs_afterwards(monkeypatch):
    import gc

    during = []
    run = Slow(monkeypatch, 1.0)
    steady_state(lambda x: (during.append(gc.isenabled()), run(x)), 1, 1.0, run)
    assert during[0] is False and gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        steady_state(lambda x: 1 / 0, 1, 1.0, run)
    assert gc.isenabled()


def test_the_interval_of_the_median():
    assert median_interval([3.0] * 7) == (None, None) and median_interval([]) == (None, None)
    assert median_interval([float(k) for k in range(8)]) == (0.0, 7.0)
    assert median_interval([5.0, 1.0, 9.0, *[float(k) for k in range(10, 17)]]) == (1.0, 16.0)
    assert median_interval([float(k) for k in range(30)]) == (7.0, 22.0)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("a\nb"), "a"),
        (ValueError("  \n x \n"), "x"),
        (ValueError(), "no message"),
        (ValueError("y" * 301), "y" * 300),
    ],
)
def test_an_error_in_one_line(error, said):
    assert first_line(error) == said


def test_a_note_says_where_no_point_was_drawn():
    said = "compared at no drawn point: none of three has a reference"
    assert [noted("a", [1.0]), noted("", [1.0]), noted("a", None), noted("", None)] == ["a", "", f"a; {said}", said]


def test_lines_are_written_whole_also_where_the_pipe_is_full():
    code = (
        "import os; from hessbench._processes.within import report_line; os.set_blocking(1, False); "
        "report_line(1, {'stage': 'a', 'text': 'x' * 300_000})"
    )
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert text.startswith(b'\n{"stage": "a", ') and text.endswith(b'"}\n') and len(text) > 300_000


def test_a_closed_descriptor_is_an_error():
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    with pytest.raises(OSError):
        report_line(write, {"stage": "a"})


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA of Linux")
def test_memory_is_limited_to_what_is_held_and_so_much_more(monkeypatch):
    given = []
    monkeypatch.setattr(within, "status_kib", lambda key: {"VmData": 1000}[key])
    monkeypatch.setattr(within.resource, "getrlimit", lambda which: (5, 7))
    monkeypatch.setattr(within.resource, "setrlimit", lambda which, limits: given.append((which, limits)))
    limit_memory(None)
    assert not given
    limit_memory(3)
    assert given == [(within.resource.RLIMIT_DATA, (1000 * 1024 + 3 * 2**20, 7))]
    monkeypatch.setattr(within.resource, "setrlimit", lambda *_: (_ for _ in ()).throw(ValueError))
    limit_memory(3)


@pytest.mark.parametrize(("before", "after", "mib"), [(1024, 4096, 3.0), (4096, 1024, 0.0), (0, 512, 0.5)])
def test_memory_of_a_call_is_what_it_adds(monkeypatch, before, after, mib):
    monkeypatch.setattr(_child, "status_kib", lambda key: {"VmRSS": before, "VmHWM": after}[key])
    assert peak_mib(lambda x: x + 1, 1) == (mib, 2)


def test_the_stages_of_a_case_in_their_order(monkeypatch):
    names, records = zip(*stages(CASE, None, 0.0, 5, None), strict=True)
    assert names == ("loaded", "imported", "prepared", "called", "judged", "timed", "weighed")
    last = records[-1]
    assert (last.status, last.size, last.dim, last.backend, last.gate_seed) == ("ok", 3, 3, "numpy", 5)
    assert (
        last.best_s == last.median_s > 0
        and 100 > last.first_s > 0
        and 100 > last.prepare_s > 0
        and 100 > last.import_s >= 0
    )
    assert (last.repeats, last.ci_low_s, last.framework_calls, last.atol_rule) == (1, None, None, "scalar")
    assert last.peak_mib >= 0 and last.rhs > 0 and "hessbench" in last.versions
    before = {name: record for name, record in zip(names, records, strict=True)}
    assert (
        before["loaded"].import_s is None and before["imported"].prepare_s is None and before["prepared"].prepare_s > 0
    )
    assert (
        before["judged"].status == "ok" and before["judged"].median_s is None and before["timed"].median_s is not None
    )


def test_a_wrong_case_is_not_timed(monkeypatch):
    prepared = _child.prepare

    def spoiled(*args, **options):
        run = prepared(*args, **options)

        class Wrong:
            ivp = run.ivp

            def quiet(self):
                return self

            def direct(self, x):
                out = run.direct(x)
                return dataclasses.replace(out, hess=1.1 * out.hess)

        return Wrong()

    monkeypatch.setattr(_child, "prepare", spoiled)
    monkeypatch.setattr(_child, "steady_state", lambda *_: pytest.fail("it was timed"))
    *_, (stage, record) = stages(CASE, None, 0.0, 5, None)
    assert (stage, record.status, record.median_s) == ("judged", "wrong", None)


class Told(list):
    """Runs `main` of the child here and keeps what it reports."""

    def __init__(self, monkeypatch, tmp_path, case=CASE, **request):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr(_child, "report_line", lambda out, data: self.append((out, data)))
        whole = {"case": dataclasses.asdict(case), "memory_limit_mib": None, "budget": 0.0, "known": {}, "gate_seed": 1}
        (tmp_path / "request").write_text(json.dumps({**whole, **request}))
        _child.main(9)

    @property
    def last(self):
        return self[-1][1]["record"]


def raising(error):
    def stages_of_it(*_):
        yield "called", dataclasses.replace(OK, status="failed")
        raise error

    return stages_of_it


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Unsupported("not this"), "unsupported", "not this"),
        (Unavailable("no package"), "unavailable", "no package"),
        (MemoryError(), "failed", "MemoryError: more than the limit of 64 MiB"),
        (InvalidInput("no"), "failed", "InvalidInput: no"),
        (RuntimeError("a\nb"), "failed", "RuntimeError: a"),
        (RuntimeError("std::bad_alloc"), "failed", "RuntimeError: more than the limit of 64 MiB"),
        (RuntimeError("RESOURCE_EXHAUSTED: x"), "failed", "RuntimeError: more than the limit of 64 MiB"),
        (RuntimeError("can't allocate x"), "failed", "RuntimeError: more than the limit of 64 MiB"),
        (SystemExit(0), "failed", "SystemExit: 0"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt: no message"),
    ],
)
def test_whatever_a_case_raises_is_in_its_record(monkeypatch, tmp_path, error, status, message):
    monkeypatch.setattr(_child, "settled", lambda *_: True)
    monkeypatch.setattr(_child, "first_kept", lambda *_: None)
    monkeypatch.setattr(_child, "stages", raising(error))
    told = Told(monkeypatch, tmp_path, memory_limit_mib=64)
    assert [data["stage"] for _, data in told] == ["called", "done"] and {out for out, _ in told} == {9}
    assert (told.last["status"], told.last["message"]) == (status, message)
    assert told.last["median_s"] is None and told.last["best_s"] is None


def test_times_are_kept_of_what_is_right_only(monkeypatch, tmp_path):
    monkeypatch.setattr(_child, "settled", lambda *_: True)
    monkeypatch.setattr(_child, "first_kept", lambda *_: None)
    for status, seconds in (("ok", 2.0), ("wrong", None)):
        record = dataclasses.replace(OK, status=status)
        monkeypatch.setattr(_child, "stages", lambda *_, record=record: iter([("weighed", record)]))
        assert Told(monkeypatch, tmp_path).last["median_s"] == seconds


def test_a_case_without_a_reference_asks_for_it_and_computes_it_when_told(monkeypatch, tmp_path):
    computed = []
    monkeypatch.setattr(_child, "settled", lambda *_: False)
    monkeypatch.setattr(_child, "reference", lambda problem, x: computed.append(x.tolist()))
    monkeypatch.setattr(_child, "first_with_reference", lambda problem, drawn: computed.append(len(drawn)))
    monkeypatch.setattr(_child, "stages", lambda *_: iter([("weighed", OK)]))
    monkeypatch.setattr(_child, "first_kept", lambda *_: None)
    assert [data["stage"] for _, data in Told(monkeypatch, tmp_path)] == ["reference"] and not computed
    told = Told(monkeypatch, tmp_path, only_reference=True)
    assert [data["stage"] for _, data in told] == ["done"] and len(computed) == 3 and computed[-1] == 3
    told = Told(monkeypatch, tmp_path, has_reference=True)
    assert [data["stage"] for _, data in told] == ["weighed", "done"] and told.last["status"] == "ok"


def test_where_no_reference_can_be_had_it_is_called_once_and_unjudged(monkeypatch, tmp_path):
    given = []

    def none(case, record, error, keep):
        given.append(keep)
        return dataclasses.replace(record, status="unjudged", message=str(error))

    monkeypatch.setattr(_child, "settled", lambda *_: True)
    monkeypatch.setattr(_child, "first_kept", lambda *_: None)
    monkeypatch.setattr(_child, "stages", raising(NoReference("it is chaotic", "chaotic")))
    monkeypatch.setattr(_child, "unjudged", none)
    told = Told(monkeypatch, tmp_path, keep=str(tmp_path / "numbers"))
    assert (told.last["status"], told.last["message"], given) == ("unjudged", "it is chaotic", [tmp_path / "numbers"])
    Told(monkeypatch, tmp_path, keep=None)
    assert given[1] is None
    monkeypatch.setattr(_child, "reference", lambda *_: (_ for _ in ()).throw(NoReference("it is stiff", "stiff")))
    told = Told(monkeypatch, tmp_path, only_reference=True)
    assert (told.last["status"], told.last["message"], told.last["diagnosis"]) == ("unjudged", "it is stiff", "stiff")


def test_what_needs_no_reference_is_answered_at_once(monkeypatch, tmp_path):
    told = Told(monkeypatch, tmp_path, EARLIER)
    assert [data["stage"] for _, data in told] == ["done"] and told.last["status"] == "unsupported"
    told = Told(monkeypatch, tmp_path, EARLIER, only_problem=True)
    assert told[-1][1]["outline"] == [32, ["y0"], None] and told[-1][1]["stage"] == "done"
    told = Told(monkeypatch, tmp_path, dataclasses.replace(CASE, problem="no-such"))
    assert told[-1][1]["stage"] == "invalid" and "no-such" in told.last["message"]


def test_calls_into_a_framework_are_counted():
    since = _child.counting_calls("numpy")
    assert since() is None
    pytest.importorskip("autograd")
    from hessbench import backends

    chosen = backends.backend("autograd")
    before = chosen.on_numpy
    try:
        since = _child.counting_calls("autograd")
        doubled = chosen.on_numpy(lambda x: 2.0 * x)
        assert doubled(np.array([1.5])).tolist() == [3.0] and doubled(np.array([2.0])).tolist() == [4.0]
        assert (since(), since()) == (2, 0)
    finally:
        chosen.on_numpy = before


def test_a_result_that_is_weighed_is_one_of_the_strategy():
    assert isinstance(peak_mib(lambda x: Result(1.0, x, x), np.ones(1))[1], Result)
