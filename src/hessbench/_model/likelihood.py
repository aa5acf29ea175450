"""Distributions of observations, declared: negative log-likelihoods with all constants, and their expected information.

A family has q quantities theta = (mean, sigma), (mean, dispersion), ..., each a function of (t, y, p), for every entry of a row
of the data. With `terms` = -log f(d | theta) and W (q, q) = E[d2 terms / d theta^2], the expected Fisher information is

    I = sum over entries of  (d theta/dx)^T W (d theta/dx)

Source: Lehmann & Casella, Theory of Point Estimation, 2nd ed. (1998), section 2.5.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from .._errors import InvalidInput
from .arrays import Array
from .log_gamma import log_gamma, log_gamma_ratio

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
Quantity = float | str | Callable[..., Any]
Wrap = Callable[..., Any]


class Likelihood(ABC):
    """How observations scatter about the solution: the families below; `Normal` is the simplest.

    Every field is a number, an array, the name of a parameter, or a function `(xp, t, y, p)`; what it gives is one number, or
    one for each entry of a row of `Data.values`. The first field, what is expected, is a function.
    """

    allowed: ClassVar[str] = ""  # what values have to be, in words

    @abstractmethod
    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """-log f(d) for each entry of the row `d`."""

    @abstractmethod
    def information(self, *theta: Array) -> Array:
        """W (q, q, ...) for quantities (...,) in the order of the fields, in NumPy."""

    def fits(self, values: Array) -> Array:
        """Where `values` are possible at all."""
        return np.isfinite(values)

    def __post_init__(self) -> None:
        for number, field in enumerate(fields(self)):  # type: ignore[arg-type]
            given = getattr(self, field.name)
            if callable(given) or (number > 0 and isinstance(given, str)):
                continue
            expected = "a function of (xp, t, y, p)"
            if number > 0:
                value = np.asarray(given)
                if value.dtype.kind in "iuf" and np.all(np.isfinite(value)) and np.all(value > 0):
                    continue
                expected = f"a positive number, the name of a parameter, or {expected}"
            raise InvalidInput(f"`{type(self).__name__}`: `{field.name}` is {given!r}, expected {expected}.")

    def quantities(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> list[Any]:
        """theta, each with the shape of the row `d`. Raises `InvalidInput` for another shape."""
        out = []
        for number, field in enumerate(fields(self)):  # type: ignore[arg-type]
            value: Any = getattr(self, field.name)
            if callable(value):
                value = value(xp, t, y, p)
            elif isinstance(value, str):
                value = self._parameter(field.name, p)
            if np.shape(value) != np.shape(d) and (number == 0 or np.shape(value) != ()):
                raise InvalidInput(
                    f"`{type(self).__name__}`: `{field.name}` has shape {np.shape(value)}, expected {np.shape(d)}, that of a "
                    f"row of `values`{' (write `y[0]` for one number, `y[:2]` for two)' if number == 0 else ', or ()'}."
                )
            out.append(value)
        return out

    def _parameter(self, field: str, p: Any) -> Any:
        name = getattr(self, field)
        if name not in p:
            known = ", ".join(p)
            raise InvalidInput(
                f"`{type(self).__name__}`: `{field}` is {name!r}, which is no parameter; there are {known}. Add it to `params`."
            )
        return p[name]

    def over(self, wrap: Wrap) -> Likelihood:
        """The same with every function f replaced by `wrap(f)`; a name of a parameter is read by such a function too."""

        def read(field: str) -> Callable[..., Any]:
            return lambda xp, t, y, p: self._parameter(field, p)

        own = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        new = {
            key: wrap(read(key) if isinstance(v, str) else v)
            for key, v in own.items()
            if callable(v) or isinstance(v, str)
        }
        return replace(self, **new)  # type: ignore[type-var]

    def check(self, values: Array, mask: Array) -> None:
        """Raise `InvalidInput` for a value that the family cannot give."""
        bad = mask & ~np.where(mask, self.fits(np.where(mask, values, 1.0)), True)
        if np.any(bad):
            value = values[bad].flat[0]
            raise InvalidInput(
                f"`Data`: `values` holds {value:g}, but `{type(self).__name__}` is of {self.allowed}. Mask it (nan), or choose "
                f"another likelihood."
            )


@dataclass(frozen=True, eq=False)
class Normal(Likelihood):
    """d = mean + sigma e, e of N(0, 1):  r^2/2 + log sigma + log(2 pi)/2,  r = (d - mean)/sigma.

    `sigma` may be a number, the name of a parameter, or a function: `lambda xp, t, y, p: p["a"] + p["b"] * y[0]`.
    """

    mean: Callable[..., Any]
    sigma: Quantity = 1.0
    allowed: ClassVar[str] = "finite numbers"

    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """See the class."""
        mean, sigma = self.quantities(xp, t, y, d, p)
        r = (d - mean) / sigma
        return r * r / 2 + xp.log(sigma) + HALF_LOG_2PI

    def information(self, *theta: Array) -> Array:
        """diag(1, 2) / sigma^2"""
        mean, sigma = theta
        return _diagonal(1 / sigma**2 + 0 * mean, 2 / sigma**2)


@dataclass(frozen=True, eq=False)
class LogNormal(Likelihood):
    """log d = log median + sigma e, e of N(0, 1):  r^2/2 + log sigma + log d + log(2 pi)/2,  r = (log d - log median)/sigma."""

    median: Callable[..., Any]
    sigma: Quantity = 1.0
    allowed: ClassVar[str] = "positive numbers"

    def fits(self, values: Array) -> Array:
        """Positive."""
        return np.isfinite(values) & (values > 0)

    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """See the class."""
        median, sigma = self.quantities(xp, t, y, d, p)
        r = (xp.log(d) - xp.log(median)) / sigma
        return r * r / 2 + xp.log(sigma) + xp.log(d) + HALF_LOG_2PI

    def information(self, *theta: Array) -> Array:
        """diag(1 / median^2, 2) / sigma^2"""
        median, sigma = theta
        return _diagonal(1 / (median * sigma) ** 2, 2 / sigma**2 + 0 * median)


@dataclass(frozen=True, eq=False)
class Poisson(Likelihood):
    """Counts with mean and variance `mean`:  mean - d log mean + log d!"""

    mean: Callable[..., Any]
    allowed: ClassVar[str] = "whole numbers from 0 on"

    def fits(self, values: Array) -> Array:
        """0, 1, 2, ..."""
        return _counts(values)

    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """See the class."""
        (mean,) = self.quantities(xp, t, y, d, p)
        return mean - d * xp.log(mean) + log_gamma(xp, d + 1.0)

    def information(self, *theta: Array) -> Array:
        """1 / mean"""
        return _diagonal(1 / theta[0])


@dataclass(frozen=True, eq=False)
class NegativeBinomial(Likelihood):
    """Counts with mean `mean` and variance `mean + mean^2 / size`; `size` -> infinity is `Poisson`.

        -log Gamma(d + size)/Gamma(size) + log d! + (d + size) log(1 + mean/size) - d log(mean/size)

    The information on `size` is a sum of tails: Lawless, Canadian J. Statistics 15 (1987) 209, section 2.
    """

    mean: Callable[..., Any]
    size: Quantity = 1.0
    allowed: ClassVar[str] = "whole numbers from 0 on"

    def fits(self, values: Array) -> Array:
        """0, 1, 2, ..."""
        return _counts(values)

    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """See the class."""
        mean, size = self.quantities(xp, t, y, d, p)
        scattered = (d + size) * xp.log1p(mean / size) - d * xp.log(mean / size)
        return scattered - log_gamma_ratio(xp, size, d) + log_gamma(xp, d + 1.0)

    def information(self, *theta: Array) -> Array:
        """diag(1 / (mean (1 + mean/size)), sum of P(d > k)/(size + k)^2 - mean/(size (size + mean)))"""
        from scipy.stats import nbinom

        mean, size = np.broadcast_arrays(*theta)
        pairs, place = np.unique(np.stack([mean.ravel(), size.ravel()]), axis=1, return_inverse=True)
        of_size = np.zeros(pairs.shape[1])
        for at, (m, r) in enumerate(pairs.T):
            k = np.arange(float(nbinom.isf(1e-18, r, r / (r + m))) + 1)
            of_size[at] = np.sum(nbinom.sf(k, r, r / (r + m)) / (r + k) ** 2) - m / (r * (r + m))
        return _diagonal(1 / (mean * (1 + mean / size)), of_size[place].reshape(mean.shape))


@dataclass(frozen=True, eq=False)
class StudentT(Likelihood):
    """d = location + scale e, e of Student's t with `freedom` degrees of freedom: outliers weigh less than in `Normal`.

    Information: Lange, Little & Taylor, J. Amer. Statist. Assoc. 84 (1989) 881, appendix B.
    """

    location: Callable[..., Any]
    scale: Quantity = 1.0
    freedom: Quantity = 4.0
    allowed: ClassVar[str] = "finite numbers"

    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """log scale + log(pi freedom)/2 - log Gamma((freedom + 1)/2)/Gamma(freedom/2) + (freedom + 1)/2 log(1 + r^2/freedom)"""
        location, scale, freedom = self.quantities(xp, t, y, d, p)
        r = (d - location) / scale
        constant = xp.log(scale) + xp.log(math.pi * freedom) / 2
        return constant - log_gamma_ratio(xp, freedom / 2, 0.5) + (freedom + 1) / 2 * xp.log1p(r * r / freedom)

    def information(self, *theta: Array) -> Array:
        """Of location, scale and freedom; the last two are not independent."""
        from scipy.special import polygamma

        _, s, v = np.broadcast_arrays(*theta)
        out = _diagonal((v + 1) / ((v + 3) * s**2), 2 * v / ((v + 3) * s**2), np.zeros(v.shape))
        out[1, 2] = out[2, 1] = -2 / (s * (v + 1) * (v + 3))
        gap = polygamma(1, v / 2) - polygamma(1, (v + 1) / 2)
        out[2, 2] = gap / 4 - (v + 5) / (2 * v * (v + 1) * (v + 3))
        return out


def _counts(values: Array) -> Array:
    return np.isfinite(values) & (values >= 0) & (values == np.floor(values))


def _diagonal(*entries: Array) -> Array:
    shape = np.broadcast_shapes(*(np.shape(e) for e in entries))
    out = np.zeros((len(entries), len(entries), *shape))
    for k, entry in enumerate(entries):
        out[k, k] = entry
    return out
