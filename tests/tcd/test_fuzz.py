"""Random and mutated texts give a result or a TCD error with a place. `HESSBENCH_TCD_FUZZ=100000` for the long run."""

import os

from tcd_fuzz import fuzz

COUNT = int(os.environ.get("HESSBENCH_TCD_FUZZ", "2000"))


def test_random_and_mutated_texts_give_results_or_errors_with_places():
    outcomes = fuzz(COUNT, seed=7)
    assert sum(outcomes.values()) == COUNT
    assert outcomes["derived, ran"] > 0 and outcomes["error"] > 0
