"""The suite behind `make compare`: each strategy in its plain form on the figure-8 and the random quadratic."""

from .common import HALF_HOUR, LIMITS, cases, declared, labels, measure_all, plain, stored
from .metrics import _Metrics

PROBLEMS = (
    ("three-body", {"start": "figure-8"}),
    ("random-quadratic", {"n": 10}),
    ("random-quadratic", {"n": 50}),
)
TOLERANCES = (1e-8,)


@declared
class Smoke(_Metrics):
    """One number of each record per benchmark; `null` where the record has none."""

    params = (labels(PROBLEMS), plain(), TOLERANCES)
    param_names = ("problem", "contender", "rtol")
    timeout = 60.0

    def setup_cache(self):
        return measure_all("smoke", cases(PROBLEMS, TOLERANCES, plain()), **LIMITS)

    setup_cache.timeout = HALF_HOUR

    def track_median_s(self, records, *key):
        return stored(records, key, "median_s")
