"""Symbolic sizes: polynomials with integer coefficients in names such as `dim`, compared formally.

A name that begins with `|` stands for a length nobody stated (`|x|`); it may turn out to equal anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from hessbench.tcd.syntax import Expr, Factor, Name, Number, Product, Sum, Term

Monomial = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """Sum of coefficient times product of names, sorted, without zero coefficients: equal sizes compare equal."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    @staticmethod
    def of(value: int | str) -> Size:
        """The size that is a number, or a name."""
        if isinstance(value, str):
            return Size((((value,), 1),))
        return Size((((), value),)) if value else Size()

    @property
    def number(self) -> int | None:
        """The value if no name occurs."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def stated(self) -> bool:
        """Whether it is built from numbers and integers of the environment alone."""
        return not any(name.startswith("|") for monomial, _ in self.terms for name in monomial)

    def __add__(self, other: Size) -> Size:
        total = dict(self.terms)
        for monomial, coefficient in other.terms:
            total[monomial] = total.get(monomial, 0) + coefficient
        return _normal(total)

    def __neg__(self) -> Size:
        return Size(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __mul__(self, other: Size) -> Size:
        total: dict[Monomial, int] = {}
        for m, c in self.terms:
            for n, k in other.terms:
                key = tuple(sorted(m + n))
                total[key] = total.get(key, 0) + c * k
        return _normal(total)

    def over(self, other: Size) -> Size | None:
        """The quotient, rounded down, where it is known: of numbers, and of terms that a number divides."""
        a, b = self.number, other.number
        if not b:
            return None
        if a is not None:
            return Size.of(a // b)
        return None if any(c % b for _, c in self.terms) else Size(tuple((m, c // b) for m, c in self.terms))

    def always_positive(self) -> bool:
        """True if it is at least 1 whenever every name is at least 1, as far as the signs of its terms tell."""
        return bool(self.terms) and all(c > 0 for _, c in self.terms)

    def always_negative(self) -> bool:
        """True if its negative is `always_positive`."""
        return (-self).always_positive()

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        text = ""
        for monomial, coefficient in self.terms:
            names = "*".join(monomial)
            size = abs(coefficient)
            piece = str(size) if not names else names if size == 1 else f"{size}*{names}"
            text += (
                ("-" if coefficient < 0 else "") + piece
                if not text
                else f"{' - ' if coefficient < 0 else ' + '}{piece}"
            )
        return text


def _normal(total: dict[Monomial, int]) -> Size:
    # Numbers last, as one writes them: `2*dim + 1`.
    kept = [(m, c) for m, c in total.items() if c]
    return Size(tuple(sorted(kept, key=lambda t: (-len(t[0]), t[0]))))


ONE = Size.of(1)


def differ(a: Size | None, b: Size | None) -> bool:
    """True if two lengths certainly differ; unstated lengths may equal anything."""
    return a is not None and b is not None and a.stated and b.stated and a != b


def size_expr(size: Size) -> Expr:
    """A size as an integer expression of the language; it must be `stated`."""
    terms: list[Term] = []
    for monomial, coefficient in size.terms or (((), 0),):
        factors: list[Expr] = [Name(n) for n in monomial]
        if abs(coefficient) != 1 or not monomial:
            factors.insert(0, Number(str(abs(coefficient))))
        product = factors[0] if len(factors) == 1 else Product(tuple(Factor("*", f) for f in factors))
        terms.append(Term("-" if coefficient < 0 else "+", product))
    return terms[0].expr if len(terms) == 1 and terms[0].sign == "+" else Sum(tuple(terms))
