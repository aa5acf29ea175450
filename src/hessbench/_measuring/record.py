"""One case and what was measured of it: flat, so that a list of records is a table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._errors import InvalidInput
from .._model.counters import Counters
from .statuses import STATUSES

MISTAKE = "mistake"  # the diagnosis of a case that a mistake in the problem's own functions stops
SCHEMA = 2  # of a record; records without a number are of schema 1, which had no scaled errors


def contender(strategy: str, backend: str | None) -> str:
    """`strategy@backend`, or the strategy alone where the backend is not known."""
    return f"{strategy}@{backend}" if backend else str(strategy)


@dataclass(frozen=True)
class Case:
    """What to measure. `problem` and `strategy` are names or paths of files; `arguments` go to the problem family.

    `method` is what is asked for: strategies with a method of their own (`Strategy.default_method`) take the default as left
    out, and say in the record's note what ran.
    """

    problem: str
    strategy: str
    backend: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    rtol: float = 1e-10
    atol: float | None = None
    method: str = "DOP853"

    @property
    def named_method(self) -> str | None:
        """The method for `prepare`; `None`, which is the strategy's own, where it is the default."""
        return None if self.method == Case.method else self.method

    @property
    def label(self) -> str:
        """`strategy@backend`, the name of a contender in tables."""
        return contender(self.strategy, self.backend)

    @property
    def problem_label(self) -> str:
        """`problem(key=value, ...)`, the name of a problem in tables."""
        inner = ", ".join(f"{k}={v}" for k, v in sorted(self.arguments.items()))
        return f"{self.problem}({inner})" if inner else self.problem


@dataclass(frozen=True)
class Record:
    """One measured case. Seconds, MiB, relative errors; `None` where nothing was measured.

    Errors are `max|dH| / max|H_ref|` at the problem's own point and at its perturbed point, for the gradient and the value on
    the scale that `H` and `x` give them. The gate judges `error_scaled`, in which every entry is compared on the scale of its
    own row and column, the worst of all points and calls. Times and memory exist only for status `ok`.

    - `status`: `ok`; `inaccurate` (scaled error above the strategy's `threshold`); `wrong` (above 1 %, or not finite);
      `failed` (with the message); `timeout`; `unsupported` (with the reason); `unavailable` (a package is missing);
      `unjudged` (no reference can be had, `diagnosis` says why)
    - `diagnosis` of a failed case: `mistake`, if it is one in the problem's own functions; the message has the line
    - `error_scaled_where`: the entry, and where or when, as in `Hessian by y0[2], k at the perturbed point`
    - `gate_seed`: repeats the drawn point and the order of the checks (`--gate-seed`)
    - `difference`: of an unjudged result to those of the other contenders, scaled
    - `atol_rule`: `scalar` or `by component`, which absolute tolerance the strategy ran with
    - `schema`: 1 for records without scaled errors, 2 now
    - `import_s`, `prepare_s`, `first_s`: importing, tracing and compiling, first call; `best_s`, `median_s` of `repeats` calls
    - `ci_low_s`, `ci_high_s`: 99 % interval of the median, from the order of the times alone; `None` below 8 repeats
    - `peak_mib`: high-water mark of one call above the warm process
    - `framework_calls`: calls in one Hessian from NumPy into functions of another backend, made by `Backend.on_numpy`
    - `extra`: fields of a stored record that this version does not know, kept for when it is written again
    """

    problem: str
    arguments: str
    size: int | None
    dim: int | None
    strategy: str
    backend: str | None
    rtol: float
    atol: float
    method: str
    status: str
    message: str = ""
    diagnosis: str = ""
    note: str = ""
    threshold: float | None = None
    error_hess: float | None = None
    error_hess_perturbed: float | None = None
    error_grad: float | None = None
    error_value: float | None = None
    asymmetry: float | None = None
    reference_agreement: float | None = None
    import_s: float | None = None
    prepare_s: float | None = None
    first_s: float | None = None
    best_s: float | None = None
    median_s: float | None = None
    ci_low_s: float | None = None
    ci_high_s: float | None = None
    repeats: int | None = None
    peak_mib: float | None = None
    solves: int | None = None
    steps: int | None = None
    rejected: int | None = None
    rhs: int | None = None
    rhs_weighted: float | None = None
    vjps: int | None = None
    jacobians: int | None = None
    contractions: int | None = None
    framework_calls: int | None = None
    versions: str = ""
    error_scaled: float | None = None
    error_scaled_where: str = ""
    difference: float | None = None
    atol_rule: str = ""
    gate_seed: int | None = None
    schema: int = SCHEMA
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InvalidInput(f"`status` is {self.status!r}; expected one of {', '.join(STATUSES)}.")

    @property
    def error(self) -> float | None:
        """The larger of the two Hessian errors."""
        known = [e for e in (self.error_hess, self.error_hess_perturbed) if e is not None]
        return max(known) if known else None

    def without_times(self) -> Record:
        """The same record, as of a case that did not come to its end or did not pass the gate."""
        none = dict.fromkeys(("first_s", "best_s", "median_s", "ci_low_s", "ci_high_s", "repeats", "peak_mib"))
        return replace(self, **none)

    def with_counters(self, counters: Counters) -> Record:
        """The same record with the counts of one Hessian."""
        return replace(self, **asdict(counters))

    def to_json(self) -> dict[str, Any]:
        """A flat dictionary that JSON can hold: infinities and NaN become strings."""
        data = {**self.extra, **{name: value for name, value in vars(self).items() if name != "extra"}}
        return {k: repr(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in data.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Record:
        """The inverse of `to_json`; fields that this version does not know are kept in `extra`.

        Raises `InvalidInput` for a missing field, and for a value that its field cannot have.
        """
        from .stored import read

        return read(cls, data)


def arguments_json(arguments: Mapping[str, Any]) -> str:
    """The arguments of a problem family as one canonical JSON string."""
    return json.dumps(dict(arguments), sort_keys=True)
