"""Every strategy does on every class of problem what the table of outcomes says, and keeps every law where that is `ok`.

The cases come from the registry: a new strategy is tested without editing this file. By default a contender of NumPy or
CasADi runs on two of the short classes, which are not the same for all, one of another framework on two and a variant of it
on one (of JAX, which compiles for seconds, on one and none); and each on every short class where it is not expected to be
right. On data, doses, switches, events and the stiff class it is `QUICK` alone. With HESSBENCH_SLOW=1 everything runs.
"""

import os
from zlib import crc32

import pytest

from hessbench import strategies
from hessbench._judging.conformance import check_on, check_tolerance
from hessbench._judging.outcomes import CLASSES, built_in, expected, table, usable

SLOW = bool(os.environ.get("HESSBENCH_SLOW"))
USABLE = list(usable())
LATER = [kind for kind in CLASSES if kind.name in ("data", "doses", "switched", "events", "stiff")]
SHORT = [kind for kind in CLASSES if kind.name != "long" and kind not in LATER]
QUICK = ("discrete-adjoint@numpy", "implicit-adjoint@numpy", "hand-adjoint@numpy", "casadi-symbolic@casadi")
FROZEN = "casadi-integrator/as-is@casadi"  # of those that freeze switches, the fastest


def chosen(contender, strategy, backend):
    """The classes that a contender runs on."""
    if SLOW:
        return [kind for kind in CLASSES if table()[contender][kind.name]]
    right = [kind for kind in SHORT if expected(contender, kind, strategy) == "ok"]
    if backend in ("numpy", "casadi"):
        turned = sorted(right, key=lambda kind: crc32(f"{contender} {kind.name}".encode()))
        return [kind for kind in SHORT if kind not in right or kind in turned[:2]]
    first = ("state-only",) if "/" in contender else ("y0-loss", "quadratures", "one-state")
    most = ("/" not in contender) + (backend != "jax")
    return [kind for kind in SHORT if kind not in right] + sorted(right, key=lambda kind: kind.name not in first)[:most]


def later(contender):
    """The classes behind the others, where not everything runs."""
    switched = [kind for kind in LATER if kind.name == "switched"]
    return [] if SLOW else LATER if contender in QUICK else switched if contender == FROZEN else []


def cases():
    return [
        pytest.param(contender, strategy, backend, kind, id=f"{contender}-{kind.name}")
        for contender, strategy, backend in USABLE
        for kind in [*chosen(contender, strategy, backend), *later(contender)]
    ]


@pytest.mark.parametrize(("contender", "strategy", "backend", "kind"), cases())
def test_the_outcome_is_the_expected_one_and_the_laws_are_kept(contender, strategy, backend, kind):
    found = check_on(strategy, backend, contender, kind)
    assert found and [f"{f.law}{f.suffix}" for f in found if not f.passed] == []


def with_tolerance():
    """Contenders that are right somewhere: by default one for each file, on a backend that does not compile."""
    able = [c for c in USABLE if "ok" in table()[c[0]].values()]
    first = {c[0].partition("@")[0]: c for c in reversed(able) if "/" not in c[0] and c[2] != "jax"}
    return [pytest.param(*c, id=c[0]) for c in (able if SLOW else first.values())]


@pytest.mark.parametrize(("contender", "strategy", "backend"), with_tolerance())
def test_the_error_falls_with_the_tolerance(contender, strategy, backend):
    finding = check_tolerance(strategy, backend, contender)
    assert finding.passed, finding.detail


def test_the_table_has_a_row_for_every_built_in_contender_and_no_other():
    there = {f"{name}@{backend}" for name in built_in() for backend in strategies()[name].load().backends}
    assert set(table()) == there, "run `hessbench check --outcomes --write` and review what it changes"


def test_the_table_says_which_versions_it_was_observed_with():
    assert [contender for contender, row in table().items() if not row["versions"]] == []


@pytest.mark.parametrize(
    ("contender", "kind"),
    [
        ("hand-adjoint/backward-unguarded@numpy", "dissipative"),
        ("casadi-integrator/cvodes-defaults@casadi", "quadratures"),
        ("torchdiffeq-adjoint@torch", "y0-loss"),
    ],
)
def test_a_known_wrong_route_is_expected_to_be_wrong(contender, kind):
    assert table()[contender][kind] == "wrong"
