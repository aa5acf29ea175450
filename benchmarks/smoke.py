"""The suite behind `make compare`: each strategy in its plain form on the figure-8 and the random quadratic."""

from .common import HALF_HOUR, LIMITS, cases, declared, labels, measure_all, plain, stored

PROBLEMS = (
    ("three-body", {"start": "figure-8"}),
    ("random-quadratic", {"n": 10}),
    ("random-quadratic", {"n": 50}),
)
TOLERANCES = (1e-8,)


@declared
class Smoke:
    """One number of each record per benchmark; `null` where the record has none."""

    params = (labels(PROBLEMS), plain(), TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def setup_cache(self):
        return measure_all("smoke", cases(PROBLEMS, TOLERANCES, plain()), **LIMITS)

    setup_cache.timeout = HALF_HOUR

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

    def track_asymmetry(self, records, *key):
        return stored(records, key, "asymmetry")

    def track_prepare_s(self, records, *key):
        return stored(records, key, "prepare_s")

    def track_first_s(self, records, *key):
        return stored(records, key, "first_s")

    def track_median_s(self, records, *key):
        return stored(records, key, "median_s")

    def track_peak_mib(self, records, *key):
        return stored(records, key, "peak_mib")

    def track_rhs(self, records, *key):
        return stored(records, key, "rhs")
