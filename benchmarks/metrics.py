"""Everything that is measured of the cases of `hessian` beside their time: outcome, errors, work, first call, memory.

Nothing is measured twice: `hessian` keeps its records on disk, and the same grids find them there, or make them if this
suite is run first.
"""

from .common import LARGE, declared, stored
from .hessian import DampedGrid, Grid, StiffGrid, VariantGrid


@declared
class _Metrics:
    def track_status(self, records, *key):
        return stored(records, key, "status")

    def track_error_hess(self, records, *key):
        return stored(records, key, "error_hess")

    def track_error_hess_perturbed(self, records, *key):
        return stored(records, key, "error_hess_perturbed")

    def track_error_grad(self, records, *key):
        return stored(records, key, "error_grad")

    def track_error_value(self, records, *key):
        return stored(records, key, "error_value")

    def track_error_scaled(self, records, *key):
        return stored(records, key, "error_scaled")

    def track_asymmetry(self, records, *key):
        return stored(records, key, "asymmetry")

    def track_rhs(self, records, *key):
        return stored(records, key, "rhs")

    def track_steps(self, records, *key):
        return stored(records, key, "steps")

    def track_import_s(self, records, *key):
        return stored(records, key, "import_s")

    def track_prepare_s(self, records, *key):
        return stored(records, key, "prepare_s")

    def track_first_s(self, records, *key):
        return stored(records, key, "first_s")

    def track_peak_mib(self, records, *key):
        return stored(records, key, "peak_mib")


class Metrics(_Metrics, Grid):
    """Of the strategies without their variants."""


class Variants(_Metrics, VariantGrid):
    """Of variants."""


class Damped(_Metrics, DampedGrid):
    """Of the strategies themselves, on a damped problem."""


class Stiff(_Metrics, StiffGrid):
    """Of stiff problems."""


if LARGE:
    from .hessian import LargeGrid, LargeStiffGrid

    class LargeStiff(_Metrics, LargeStiffGrid):
        """Of stiff problems that take minutes."""

    class Large(_Metrics, LargeGrid):
        """At larger sizes."""
