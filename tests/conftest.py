"""Settings for all tests: one BLAS thread, a cache of references that lasts between runs, and one drawn point for all."""

import os
import sys

import pytest

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("HESSBENCH_GATE_SEED", "2")

KEPT = (
    ("hessbench._api", "_preparations"),
    ("hessbench._products", "_preparations"),
    ("hessbench._judging.verify", "verifiers"),
)


@pytest.fixture(autouse=True)
def no_preparations_of_other_tests():
    """What a test prepared with a planted fault is not used again by the next one."""
    for module, name in KEPT:
        if module in sys.modules:
            getattr(sys.modules[module], name).known.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Tests that share a fixture of their module stay on one worker of pytest-xdist, which makes it once."""
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        shared = item._fixtureinfo.name2fixturedefs.values()
        if any(made.scope == "module" for own in shared for made in own) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
