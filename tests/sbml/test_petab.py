"""PEtab problems have the objective of petab itself, and the derivatives of a closed form or of the same problem by hand."""

import json
import math
import subprocess
import sys
import warnings

import mpmath as mp
import numpy as np
import pytest

import hessbench
from hessbench import Data, Event, HessbenchError, InvalidInput, Normal, Problem, Unavailable, Unsupported, read_petab
from hessbench._cli.petab import petab_command

from . import files

petab = pytest.importorskip("petab.v1")
calculate = pytest.importorskip("petab.v1.calculate")
pytest.importorskip("sbmlmath")

X = {"k1": 0.8, "k2": 0.6, "a0": 1.2, "sd": 0.15}


def amount_of_b(t, k1, k2, a0, b0=0.2, exp=math.exp):
    rest = (a0 + b0) * k1 / (k1 + k2)
    return rest + (b0 - rest) * exp(-(k1 + k2) * t)


def in_mpmath():
    """Value, gradient and Hessian by (log k1, log k2, a0, log sd)."""

    def total(u1, u2, a0, us):
        s = mp.exp(us)
        means = [
            (mp.mpf(d), amount_of_b(mp.mpf(t), mp.exp(u1), mp.exp(u2), a0, mp.mpf(0.2), mp.exp)) for t, d in files.SEEN
        ]
        return mp.fsum(((d - m) / s) ** 2 / 2 + mp.log(s) + mp.log(2 * mp.pi) / 2 for d, m in means)

    with mp.workdps(50):
        x = [mp.log(mp.mpf(0.8)), mp.log(mp.mpf(0.6)), mp.mpf(1.2), mp.log(mp.mpf(0.15))]
        order = lambda *ones: tuple(sum(k == one for one in ones) for k in range(4))  # noqa: E731
        grad = [float(mp.diff(total, tuple(x), order(i))) for i in range(4)]
        hess = [[float(mp.diff(total, tuple(x), order(i, j))) for j in range(4)] for i in range(4)]
        return float(total(*x)), np.array(grad), np.array(hess)


def test_value_gradient_and_hessian_are_those_of_the_closed_form(tmp_path):
    conditions = read_petab(files.written(tmp_path))
    assert conditions.names == ("log_k1", "log_k2", "a0", "log_sd")
    result, (value, grad, hess) = conditions.hessian(), in_mpmath()
    assert result.value == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(result.grad, grad, atol=1e-8 * np.abs(grad).max())
    np.testing.assert_allclose(result.hess, hess, atol=1e-8 * np.abs(hess).max())
    assert result.fisher.shape == (4, 4)
    assert result.fisher[3, 3] == pytest.approx(2 * len(files.SEEN), rel=1e-9)  # of log sd: 2 for each measurement


def by_petab(path, mean):
    """petab's own objective, with `mean(observable, condition, t, row)` simulated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = petab.Problem.from_yaml(str(path))
        simulated = given.measurement_df.copy().rename(columns={"measurement": "simulation"})
        simulated["simulation"] = [
            mean(row["observableId"], row["simulationConditionId"], float(row["time"]), row)
            for _, row in simulated.iterrows()
        ]
        return -calculate.calculate_llh(given.measurement_df, simulated, given.observable_df, given.parameter_df)


SCALED = {
    "parameters": files.PARAMETERS + "factor\tlin\t0\t10\t1.3\t1\nfast\tlog10\t1e-3\t10\t1.9\t1\nfixed\tlin\t0\t10\t0.4\t0\n",
    "conditions": "conditionId\tk1\tB\nc0\t\t\nc1\tfast\t0.3\nc2\t1.1\t\n",
    "observables": files.OBSERVABLES
    + "obs_log\tobservableParameter1_obs_log * (B + fixed)\tnoiseParameter1_obs_log\tlog10\tnormal\n"
    + "obs_ln\tB + A\t0.1 + noiseParameter1_obs_ln\tlog\tnormal\n",
    "measured": files.MEASURED
    + "obs_log\t\tc0\t0.7\t1.0\tfactor\t0.21\nobs_log\t\tc0\t0.9\t2.5\tfactor\t0.34\nobs_log\t\tc1\t1.1\t2.0\t1.1\tsd\n"
    + "obs_ln\t\tc1\t1.3\t2.0\t\t0.2\nobs_ln\t\tc2\t1.2\t3.0\t\tsd\n"
    + "obs_b\t\tc2\t0.7\t3.0\t\t0.11\nobs_b\t\tc2\t0.72\t3.0\t\t0.12\n",
}  # fmt: skip


def scaled_mean(observable, condition, t, row):
    k1, b0 = {"c0": 0.8, "c1": 1.9, "c2": 1.1}[condition], 0.3 if condition == "c1" else 0.2
    b = amount_of_b(t, k1, 0.6, 1.2, b0)
    factor = {"factor": 1.3, "1.1": 1.1}.get(str(row["observableParameters"]))
    return b if observable == "obs_b" else factor * (b + 0.4) if observable == "obs_log" else 1.2 + b0


def test_scales_overrides_and_conditions_are_those_of_petab(tmp_path):
    path = files.written(tmp_path, **SCALED)
    conditions = read_petab(path)
    result = conditions.hessian()
    assert result.value == pytest.approx(by_petab(path, scaled_mean), rel=1e-10)
    assert set(conditions.names) == {"log_k1", "log_k2", "a0", "log_sd", "factor", "log_fast"}
    assert result.fisher.shape == (6, 6)
    x, h = conditions.x0, 1e-5
    prepared = conditions.prepare(rtol=1e-12)
    by_differences = [(prepared(x + h * e).grad - prepared(x - h * e).grad) / (2 * h) for e in np.eye(6)]
    np.testing.assert_allclose(result.hess, by_differences, rtol=1e-6, atol=1e-6 * np.abs(result.hess).max())


def test_a_constant_that_is_forgotten_is_seen(tmp_path, monkeypatch):
    path = files.written(tmp_path, **SCALED)
    monkeypatch.setattr("hessbench._petab.measurements.HALF_LOG_2PI", 0.0)
    assert abs(read_petab(path).hessian().value - by_petab(path, scaled_mean)) > 1.0


def test_amounts_functions_and_local_parameters_are_those_of_sbml(tmp_path):
    """B as an amount in a compartment of size 2, and a rate law that is a function: the same conversion."""
    forth = "<apply><ci>law</ci><ci>cell</ci><ci>k1</ci><ci>A</ci></apply>"
    functions = (
        "<listOfFunctionDefinitions><functionDefinition id='law'>" + files.MATH
        + "<lambda><bvar><ci>v</ci></bvar><bvar><ci>k</ci></bvar><bvar><ci>s</ci></bvar><apply><times/><ci>v</ci><ci>k</ci>"
        "<ci>s</ci></apply></lambda></math></functionDefinition></listOfFunctionDefinitions>"
    )  # fmt: skip
    back = "<apply><times/><ci>k2</ci><ci>B</ci></apply>"
    observables = files.OBSERVABLES.replace("\tB\t", "\tB / cell\t")
    model = {"functions": functions, "forth": forth, "back": back, "size": "2", "amounts": "true"}
    result = read_petab(files.written(tmp_path, observables=observables, **model)).hessian()
    value, grad, _ = in_mpmath()
    assert result.value == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(result.grad, grad, atol=1e-8 * np.abs(grad).max())


def test_an_assignment_rule_can_be_observed(tmp_path):
    path = files.written(tmp_path, observables=files.OBSERVABLES.replace("\tB\t", "\tshare + 0.01 * time\t"))

    def share(observable, condition, t, row):
        b = amount_of_b(t, 0.8, 0.6, 1.2)
        return (1.4 - b) / 1.4 + 0.01 * t

    assert read_petab(path).hessian().value == pytest.approx(by_petab(path, share), rel=1e-10)


def test_noise_may_depend_on_the_state(tmp_path):
    observables = files.OBSERVABLES.replace("\tnoiseParameter1_obs_b\t", "\t0.01 + noiseParameter1_obs_b * B\t")
    found, total = read_petab(files.written(tmp_path, observables=observables)).hessian(), 0.0
    for t, d in files.SEEN:
        mean = amount_of_b(t, 0.8, 0.6, 1.2)
        sigma = 0.01 + 0.15 * mean
        total += ((d - mean) / sigma) ** 2 / 2 + math.log(sigma) + math.log(2 * math.pi) / 2
    assert found.value == pytest.approx(total, rel=1e-10)


def by_hand(rhs, events=()):
    """The problem with another right-hand side, written here."""
    times, seen = np.array(files.SEEN).T
    params = {"k1": 0.8, "k2": 0.6, "sd": 0.15, "dose": 0.7}
    return Problem(
        "by-hand", rhs, None, (0.0, 4.0), [1.2, 0.2], params, wrt=("k1", "k2", "sd"),
        data=Data(times, seen, likelihood=Normal(lambda xp, t, y, p: y[1], "sd")), events=events,
    )  # fmt: skip


KNOWN_START = files.PARAMETERS.replace("a0\tlin\t0\t10\t1.2\t1", "a0\tlin\t0\t10\t1.2\t0")


def same(path, problem):
    """Whether objective and Hessian are those of a problem by hand."""
    found, want = read_petab(path).hessian(), hessbench.hessian(hessbench.on_log_scale(problem))
    assert found.value == pytest.approx(want.value, rel=1e-9)
    np.testing.assert_allclose(found.hess, want.hess, atol=1e-7 * np.abs(want.hess).max())


def test_a_piecewise_rate_is_a_switch(tmp_path):
    forth = (
        "<apply><times/><ci>cell</ci><ci>k1</ci><piecewise><piece><ci>A</ci><apply><lt/><ci>B</ci><cn>0.5</cn></apply></piece>"
        "<otherwise><apply><divide/><ci>A</ci><cn>2</cn></apply></otherwise></piecewise></apply>"
    )

    def rhs(xp, t, y, p):
        rate = p["k1"] * xp.where(y[1] < 0.5, y[0], y[0] / 2) - p["k2"] * y[1]
        return xp.stack([-rate, rate])

    same(files.written(tmp_path, parameters=KNOWN_START, forth=forth), by_hand(rhs))


def test_an_event_is_an_event(tmp_path):
    def rhs(xp, t, y, p):
        rate = p["k1"] * y[0] - p["k2"] * y[1]
        return xp.stack([-rate, rate])

    dosed = Event(at=1.7, jump=lambda xp, t, y, p: xp.stack([y[0] + p["dose"], y[1]]))
    path = files.written(tmp_path, parameters=KNOWN_START, conditions="conditionId\tdose\nc0\t0.7\n",
                         events=files.EVENT.format(delay=""))  # fmt: skip
    same(path, by_hand(rhs, [dosed]))


def test_an_event_where_there_is_a_measurement_is_refused(tmp_path):
    at_one = files.EVENT.format(delay="").replace("1.7", "1.0")
    with pytest.raises(Unsupported, match="'dosed' is at t = 1, where there is a measurement"):
        read_petab(files.written(tmp_path, events=at_one))


DELAY = "<delay>" + files.MATH + "<cn>1</cn></math></delay>"
PRIOR = files.PARAMETERS.replace("estimate\n", "estimate\tobjectivePriorType\tobjectivePriorParameters\n").replace(
    "0.8\t1\n", "0.8\t1\tnormal\t0;1\n"
)
REFUSED = {
    "preequilibration": ({"measured": files.MEASURED.replace("obs_b\t\t", "obs_b\tc0\t")}, "the steady state of a condition"),
    "steady state": ({"measured": files.MEASURED.replace("\t4.0\t", "\tinf\t")}, "measurements in a steady state"),
    "prior": ({"parameters": PRIOR}, "'k1' has a prior"),
    "delay": ({"events": files.EVENT.format(delay=DELAY)}, "'dosed' has a delay"),
    "laplace": ({"observables": files.OBSERVABLES.replace("normal", "laplace")}, "the noise of 'obs_b' is 'laplace'"),
    "rule": ({"conditions": "conditionId\tshare\nc0\t0.5\n"}, "a condition sets 'share', which a rule"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_built_is_refused_with_its_reason(tmp_path, what):
    changed, said = REFUSED[what]
    with pytest.raises(Unsupported) as caught:
        read_petab(files.written(tmp_path, **changed))
    assert "problem.yaml cannot be turned into a problem: " in str(caught.value)
    assert said in str(caught.value)


def test_what_is_wrong_in_a_table_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="gives no 'noiseParameter1_obs_b'"):
        read_petab(files.written(tmp_path, measured=files.MEASURED.replace("\tsd\n", "\t\n")))
    with pytest.raises(InvalidInput, match="there is no 'C' in the model or in the table of parameters"):
        read_petab(files.written(tmp_path, observables=files.OBSERVABLES.replace("\tB\t", "\tC\t")))
    with pytest.raises(InvalidInput, match="is 0, but its observable is on the scale 'log10'"):
        read_petab(
            files.written(
                tmp_path,
                observables=files.OBSERVABLES.replace("lin", "log10"),
                measured=files.MEASURED.replace("\t0.81\t", "\t0\t"),
            )
        )


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(InvalidInput, match="there is no file"):
        read_petab(tmp_path / "missing.yaml")
    (tmp_path / "other.yaml").write_text("a: 1\n")
    with pytest.raises(InvalidInput, match="is no PEtab problem"):
        read_petab(tmp_path / "other.yaml")


def test_without_the_packages_it_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sbmlmath", None)
    with pytest.raises(Unavailable, match=r"PEtab problems need sbmlmath: pip install 'hessbench\[petab\]'"):
        read_petab(files.written(tmp_path))


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "hessbench", "petab", *map(str, words)], capture_output=True, text=True
    )


def test_the_command_prints_objective_gradient_and_hessian(tmp_path, capsys):
    path = files.written(tmp_path)
    out = command(path, "--json", "-s", "discrete-adjoint", "-s", "variational")
    assert out.returncode == 0, out.stderr
    found = json.loads(out.stdout)
    value, grad, hess = in_mpmath()
    assert found["objective"] == pytest.approx(value, rel=1e-7)
    assert found["gradient_norm"] == pytest.approx(np.linalg.norm(grad), rel=1e-6)
    np.testing.assert_allclose(found["eigenvalues"], np.linalg.eigvalsh(hess), rtol=1e-5)
    assert [row["strategy"] for row in found["strategies"]] == ["discrete-adjoint", "variational"]
    assert 0 < found["strategies"][1]["apart"] < 1e-6
    petab_command(path)
    said = capsys.readouterr().out
    assert "problem.yaml: 2 states, 4 unknowns, 1 condition\n" in said
    assert f"objective (negative log-likelihood)  {value:.7g}" in said
    assert np.linalg.eigvalsh(hess)[0] < 0
    assert "no intervals: The Hessian is not positive definite: it is curved downward" in said


def test_the_command_says_what_is_wrong(tmp_path):
    with pytest.raises(InvalidInput, match="there is no file"):
        petab_command(tmp_path / "none.yaml")
    with pytest.raises(InvalidInput, match="`--level` is 95"):
        petab_command(tmp_path / "none.yaml", level=95)
    with pytest.raises(HessbenchError, match="magic: "):
        petab_command(files.written(tmp_path), ["magic"])
