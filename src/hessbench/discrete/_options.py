"""How the discrete adjoint is to run, as its strategy's fields say."""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import InvalidInput

FORMS = ("auto", "numpy", "compiled", "sparse")


@dataclass(frozen=True)
class Options:
    """`form` (one of `FORMS`), random tangents in the error norm, and bytes for stored stages or matrices."""

    form: str = "auto"
    probes: int = 1
    memory: float = 2**30

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InvalidInput(f"`form` is {self.form!r}; choose one of {', '.join(FORMS)}.")
        if self.probes not in range(0, 9):
            raise InvalidInput(f"`probes` is {self.probes!r}; expected a number of tangents from 0 to 8.")
        if not self.memory > 0:
            raise InvalidInput(f"`memory` is {self.memory!r}; expected a positive number of bytes.")
