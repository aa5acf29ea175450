"""Which strategies take part in a comparison, and which of them no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._errors import InvalidInput
from .._measuring.record import Record
from ..backends import about
from ..backends import known as backends_known
from .registry import find, load_file, strategies

LIKELY = (  # in the order in which they are tried; tests/harness/test_contenders.py: nobody beats all of them by much
    "discrete-adjoint@numpy",
    "heyoka-taylor@numpy",
    "implicit-adjoint@numpy",
    "casadi-symbolic@casadi",
    "hand-adjoint@numpy",
    "cvodes-adjoint@numpy",
    "jax-adjoint@jax",
    "unrolled/reverse-over-reverse@jax",
    "unrolled@jax",
    "diffrax-adjoint/forward-mode@jax",
    "diffrax-adjoint@jax",
    "forward-over-reverse@jax",
)

NATIVE = (
    "unrolled",
    "forward-over-reverse",
    "torchdiffeq-backprop",
)  # of a problem of one framework alone, on that one


def likely(written_in: str | None = None) -> list[tuple[str, str | None]]:
    """`(strategy, backend)` pairs that a comparison tries by default: those of `LIKELY`, which were the fastest or nearly so on
    some problem, behind them all that did not come with this package. Of a problem that is `written_in` one framework alone,
    those that run on it or on NumPy.
    """
    known = strategies()
    here = [text for text in LIKELY if text.partition("@")[0] in known]
    if written_in is not None:
        own = [f"{name}@{written_in}" for name in NATIVE if name in known and written_in in known[name].backends]
        here = list(dict.fromkeys([text for text in here if text.endswith(("@numpy", f"@{written_in}"))] + own))
    return contenders([*here, *(name for name, plugin in known.items() if not plugin.trusted or plugin.error)])


def contenders(chosen: Sequence[str] | None = None) -> list[tuple[str, str | None]]:
    """`(strategy, backend)` pairs for names `NAME`, `NAME@BACKEND`, `FILE.py`; all of them by default.

    A name without a backend stands for all its backends, whether installed or not, but for those that want a process to
    themselves (`Backend.apart`), which are asked for by name. Raises `InvalidInput` for an unknown
    name; a plugin that could not be imported takes part, so that its reason is shown.
    """
    known, usable = strategies(), backends_known()
    out: list[tuple[str, str | None]] = []
    for text in known if chosen is None else chosen:
        name, _, backend = text.partition("@")
        if name.endswith(".py"):
            plugins = load_file(name)[0]
            stem = Path(name).stem.replace("_", "-")
            if not plugins:
                raise InvalidInput(f"{name} defines no strategy: write a subclass of `Strategy`.")
            found = [(name + plugin_name.removeprefix(stem), plugin) for plugin_name, plugin in plugins.items()]
        else:
            found = [(name, find(known, name, "strategy"))]
        for full, plugin in found:
            names = plugin.backends or (None,)  # none: it cannot be used, which its record will say
            if backend and backend not in names:
                raise InvalidInput(f"Strategy {full!r} runs on {', '.join(map(str, names))}, not on {backend!r}.")
            own = [b for b in names if b is None or b not in usable or not about(b).apart]
            out += [(full, b) for b in ([backend] if backend else own or names)]
    return out


def pareto(records: Sequence[Record]) -> set[int]:
    """`id` of the records that are `ok` and that no other `ok` record beats in both error and median time."""
    right = [r for r in records if r.status == "ok" and r.median_s is not None and r.error is not None]

    def beaten(r: Record) -> bool:
        return any(
            (o.median_s, o.error) != (r.median_s, r.error) and o.median_s <= r.median_s and o.error <= r.error  # type: ignore[operator]
            for o in right
        )

    return {id(r) for r in right if not beaten(r)}
